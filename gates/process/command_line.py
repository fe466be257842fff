"""Runs a command, and ends it with an exit code and, after an error, with one message."""

import argparse
import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gates.errors import ConfigurationError, GatesError
from gates.exitcodes import ExitCode
from gates.process import output
from gates.process.signals import interrupting

MAX_MESSAGE = 1000
# The version of the JSON of an error.
SCHEMA = 1


def carry_out(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    *,
    interrupted: str,
    unmeasured: tuple[type[Exception], ...] = (),
) -> int:
    """Read the command line and run the command.

    Output that cannot be written never stops a command. If the output is the only result of the
    command, a failed write gives exit code 70. A command that writes its decision to the ledger
    sets ``answer_in_ledger``: output that is lost does not change the exit code of this command.
    With ``--json`` or ``--format json``, an error is printed to stdout as JSON, too.

    Args:
        parser: the parser of the command line. The last word of ``parser.prog`` is the name of the
            program. Each command sets ``run``, a function of the options that returns an exit code.
        arguments: the command line without the program's name; None for the command line of the
            process.
        interrupted: the words of the message about an interrupted command, such as ``no decision
            was made``.
        unmeasured: the exceptions that mean *not measured*; each gives exit code 3.

    Returns:
        The exit code of the command; 2 for a mistake in the command line or the configuration, 70
        for any other error, so that no error looks like a decision.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    reporter = _Reporter(parser.prog.rpartition(" ")[2], as_json=_wants_json(words))
    with output.guarded():
        return _run_and_report(parser, words, interrupted, unmeasured, reporter)


def _wants_json(words: Sequence[str]) -> bool:
    """Whether the result of a command line is JSON on stdout."""
    is_format = ("--format", "json") in pairwise(words)
    return "--json" in words or "--format=json" in words or is_format


def _run_and_report(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    interrupted: str,
    unmeasured: tuple[type[Exception], ...],
    reporter: "_Reporter",
) -> int:
    try:
        with interrupting():
            return _run(parser, arguments, reporter)
    except ConfigurationError as error:
        return reporter.report(str(error), ExitCode.USAGE)
    except unmeasured as error:
        return reporter.report(f"not measured: {error}", ExitCode.HOLD)
    except GatesError as error:
        return reporter.report(str(error), ExitCode.INTERNAL)
    except KeyboardInterrupt:
        return reporter.report(f"the command was interrupted; {interrupted}", ExitCode.INTERNAL)
    except Exception as error:  # noqa: BLE001 - no error may look like an answer
        message = f"internal error: {type(error).__name__}: {error}"
        code = reporter.report(message, ExitCode.INTERNAL)
        if os.environ.get("KIRANA_TRACEBACK"):
            traceback.print_exc()
        return code


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str], reporter: "_Reporter") -> int:
    """Parse the command line and run the command.

    Returns:
        The exit code.

    Raises:
        OutputError: the output is the command's only result, and it was lost.
    """
    mistake = io.StringIO()
    try:
        with contextlib.redirect_stderr(mistake):
            options = parser.parse_args(arguments)
    except SystemExit as end:  # help was printed, or the command line has a mistake
        sys.stderr.write(mistake.getvalue())
        code = end.code if isinstance(end.code, int) else int(ExitCode.USAGE)
        if code != ExitCode.GO:
            reporter.print_json(mistake.getvalue().strip().rpartition(": error: ")[2], code)
        in_ledger = code != ExitCode.GO
    else:
        code = int(options.run(options))
        in_ledger = getattr(options, "answer_in_ledger", False)
    if not in_ledger:
        output.confirm()
    return code


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Reports the error that ends a command.

    Args:
        name: the name of the program.
        as_json: whether the result of the command is JSON on stdout.
    """

    name: str
    as_json: bool

    def report(self, message: str, code: ExitCode) -> int:
        """Write the message to stderr; if the result is JSON, also to stdout as JSON."""
        sys.stderr.write(f"{self.name}: {message[:MAX_MESSAGE]}\n")
        self.print_json(message, code)
        return code

    def print_json(self, message: str, code: int) -> None:
        """Print an error as a line of JSON, where the result of the command is JSON."""
        if self.as_json:
            error = {
                "kind": "error",
                "schema": SCHEMA,
                "program": self.name,
                "error": message[:MAX_MESSAGE],
                "exit_code": int(code),
            }
            sys.stdout.write(json.dumps(error) + "\n")
