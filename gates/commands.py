"""How every command line of this project ends: an exit code, and a line for the person."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from gates.errors import ConfigurationError, GatesError
from gates.exitcodes import ExitCode

MOST_MESSAGE = 1000


def carry_out(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    *,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...] = (),
) -> int:
    """Read the command line and do what it says.

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
    name = parser.prog.rpartition(" ")[2]
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    try:
        options = parser.parse_args(arguments)
        return int(options.run(options))
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


def _interrupt(*_: object) -> None:
    """Being told to end is as being interrupted: what was begun is ended and cleaned up."""
    raise KeyboardInterrupt


def _ended(name: str, message: str, code: ExitCode) -> int:
    sys.stderr.write(f"{name}: {message[:MOST_MESSAGE]}\n")
    return code
