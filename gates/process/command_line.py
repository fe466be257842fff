"""Every command line of this project ends with an exit code and, after an error, one message."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from gates.errors import ConfigurationError, GatesError
from gates.exitcodes import ExitCode
from gates.process import output

MAX_MESSAGE = 1000


def carry_out(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    *,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...] = (),
) -> int:
    """Read the command line and run the command.

    Output that cannot be written never stops a command. Where the output is the command's only
    result, lost output is exit 70. A command whose answer is in the ledger sets
    ``answer_in_ledger``, and ends with the answer's exit code.

    Args:
        parser: the last word of its ``prog`` is the program's name. A command sets ``run``, a
            function of the options that returns an exit code.
        arguments: the command line without the program's name; None for the command line of the
            process.
        interrupted: what an interrupted command did not do, for the message.
        unmeasured: errors that mean *not measured*: exit 3.

    Returns:
        The command's exit code; 2 for a mistake in the command line or the configuration, 70 for
        any other error, so that no error looks like an answer.
    """
    with output.guarded():
        return _run_and_report(parser, arguments, interrupted, unmeasured)


def _run_and_report(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...],
) -> int:
    name = parser.prog.rpartition(" ")[2]
    _handle_signals()
    try:
        return _run(parser, arguments)
    except ConfigurationError as error:
        return _report(name, str(error), ExitCode.USAGE)
    except unmeasured as error:
        return _report(name, f"not measured: {error}", ExitCode.HOLD)
    except GatesError as error:
        return _report(name, str(error), ExitCode.INTERNAL)
    except KeyboardInterrupt:
        return _report(name, f"interrupted; {interrupted}", ExitCode.INTERNAL)
    except Exception as error:  # noqa: BLE001 - no error may look like an answer
        code = _report(name, f"internal error: {type(error).__name__}: {error}", ExitCode.INTERNAL)
        if os.environ.get("KIRANA_TRACEBACK"):
            traceback.print_exc()
        return code


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Parse the command line and run the command.

    Returns:
        The exit code.

    Raises:
        OutputError: the output is the command's only result, and it was lost.
    """
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:  # help was printed, or the command line has a mistake
        code = end.code if isinstance(end.code, int) else int(ExitCode.USAGE)
        in_ledger = code != ExitCode.GO
    else:
        code = int(options.run(options))
        in_ledger = getattr(options, "answer_in_ledger", False)
    if not in_ledger:
        output.confirm()
    return code


def _handle_signals() -> None:
    """SIGTERM and SIGHUP interrupt the command; under ``nohup``, SIGHUP stays ignored."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(*_: object) -> None:
    """Interrupt the command, so that it cleans up and ends."""
    raise KeyboardInterrupt


def _report(name: str, message: str, code: ExitCode) -> int:
    sys.stderr.write(f"{name}: {message[:MAX_MESSAGE]}\n")
    return code
