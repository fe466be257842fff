"""Prints decisions, with or without colours."""

import os
import shlex
import sys
from pathlib import Path

from gates import places
from gates.cli import github_actions
from gates.cli.decision_formats import JSON, OPTION, ChosenFormats, rendered, write_files
from gates.decision_document import DecisionDocument
from reports import terminal

LINES = ChosenFormats()
AS_JSON = ChosenFormats(JSON)


def print_decision(document: DecisionDocument, out: Path, *, as_json: bool) -> None:
    """Print a decision that is in the ledger.

    Args:
        document: the decision.
        out: the folder of the ledger.
        as_json: whether to print JSON instead of lines for a person.
    """
    print_formats(document, out, AS_JSON if as_json else LINES)


def print_formats(document: DecisionDocument, out: Path, formats: ChosenFormats) -> None:
    """Print a decision that is in the ledger, write its files, and report it to GitHub Actions.

    A format that cannot be written does not change the decision. A message on stderr names the
    format.

    Args:
        document: the decision.
        out: the folder of the ledger.
        formats: the format on stdout, and the formats that are written to files.
    """
    explain = explain_command(out, document.entry_id)
    lines = terminal.decision_text(
        document.decision, document.entry_id, colours=colours(), explain=explain
    )
    print_text(document, lines, formats.on_stdout)
    for problem in write_files(document, formats.files):
        sys.stderr.write(f"gates: {problem}; to try again, run: {explain} {OPTION} NAME=FILE\n")
    github_actions.report(document, is_for_people=not formats.on_stdout)


def print_text(document: DecisionDocument, lines: str, format_name: str) -> None:
    """Print a decision in a format, or as lines for a person.

    Args:
        document: the decision.
        lines: the lines for a person; these lines are also printed where the format fails.
        format_name: the name of the format; empty where the lines are printed.
    """
    text = lines
    if format_name:
        try:
            text = rendered(document, format_name)
        except Exception as error:  # noqa: BLE001 - the decision holds whatever a format does
            sys.stderr.write(
                f"gates: the format {format_name} could not be printed "
                f"({type(error).__name__}: {error}); the decision is not changed\n"
            )
            format_name = ""
    if github_actions.is_present():
        text = github_actions.without_commands(text, format_name)
    print(text)
    sys.stdout.flush()


def explain_command(out: Path, entry_id: str) -> str:
    """Return the ``gates explain`` command for a decision, quoted for a shell.

    Args:
        out: the folder of the ledger.
        entry_id: the id of the decision's ledger entry.
    """
    default = places.out(None, Path("out")).path
    place = "" if out == default else f" --out {shlex.quote(str(out))}"
    return f"gates explain {entry_id}{place}"


def colours() -> bool:
    """Return whether the output on stdout has colours: on a terminal, unless NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
