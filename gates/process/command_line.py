"""How every command line of this project ends: an exit code, and a line for the person."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from gates.errors import ConfigurationError, GatesError
from gates.exitcodes import ExitCode
from gates.process import output

MOST_MESSAGE = 1000


def carry_out(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    *,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...] = (),
) -> int:
    """Read the command line and do what it says.

    Output that cannot be written never stops a command. Where the output is the command's only
    result, lost output is exit 70; a command whose answer is in the ledger sets
    ``answer_in_ledger``, and ends with the answer's code.

    Args:
        parser: its last word is the program's name; a command sets ``run``, a function of the
            options that returns an exit code.
        arguments: the command line without the program's name; None for the process's own.
        interrupted: what an interrupted command did not do.
        unmeasured: errors that mean *not measured*: exit 3.

    Returns:
        The command's exit code; 2 for a mistake in what was asked, 70 for anything else that went
        wrong, so that no error looks like an answer.
    """
    with output.guarded():
        return _carried_out(parser, arguments, interrupted, unmeasured)


def _carried_out(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...],
) -> int:
    name = parser.prog.rpartition(" ")[2]
    _listen()
    try:
        return _done(parser, arguments)
    except ConfigurationError as error:
        return _ended(name, str(error), ExitCode.USAGE)
    except unmeasured as error:
        return _ended(name, f"not measured: {error}", ExitCode.HOLD)
    except GatesError as error:
        return _ended(name, str(error), ExitCode.INTERNAL)
    except KeyboardInterrupt:
        return _ended(name, f"interrupted; {interrupted}", ExitCode.INTERNAL)
    except Exception as error:  # noqa: BLE001 - whatever went wrong must not look like an answer
        ended = _ended(name, f"internal error: {type(error).__name__}: {error}", ExitCode.INTERNAL)
        if os.environ.get("KIRANA_TRACEBACK"):
            traceback.print_exc()
        return ended


def _done(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Parse and run; the exit code, unless the output is the result and was lost."""
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ended:  # help was printed, or the command line has a mistake
        code = ended.code if isinstance(ended.code, int) else int(ExitCode.USAGE)
        in_ledger = code != ExitCode.GO
    else:
        code = int(options.run(options))
        in_ledger = getattr(options, "answer_in_ledger", False)
    if not in_ledger:
        output.confirm()
    return code


def _listen() -> None:
    """Being told to end is as being interrupted; who asked for no SIGHUP (nohup) gets none."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(*_: object) -> None:
    """What was begun is ended and cleaned up."""
    raise KeyboardInterrupt


def _ended(name: str, message: str, code: ExitCode) -> int:
    sys.stderr.write(f"{name}: {message[:MOST_MESSAGE]}\n")
    return code
