"""Reports a decision to GitHub Actions: annotations of the run, and the summary of the step."""

import os
import sys
from pathlib import Path

from gates.cli.decision_formats import append_to_file
from gates.decision_document import DecisionDocument
from gates.process.output import ESCAPED
from reports.formats import JSON_FORMATS, XML_FORMATS, github

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
# The runner reads a command of its older form anywhere in a line: ``##[error]``.
OLD_COMMAND = "##["
HARMLESS_JSON, HARMLESS_XML, HARMLESS_TEXT = "\\u0023#[", "&#35;#[", "## ["


def is_present() -> bool:
    """Return whether this process runs in a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def without_commands(text: str, format_name: str) -> str:
    """Return a text in which the GitHub Actions runner finds no workflow command.

    Args:
        text: the text; none of its lines begins with two colons.
        format_name: the format of the text; empty for lines for a person. In JSON and XML, the
            replacement is an escape, so the parsed text does not change.
    """
    if format_name in JSON_FORMATS:
        return text.replace(OLD_COMMAND, HARMLESS_JSON)
    return text.replace(OLD_COMMAND, HARMLESS_XML if format_name in XML_FORMATS else HARMLESS_TEXT)


def report(document: DecisionDocument, *, is_for_people: bool) -> None:
    """Print the annotations of a decision, and append the decision to the summary of the step.

    A failure of this function does not change the decision; a message on stderr reports the
    failure. The runner reads stdout and stderr. If a program reads stdout, the annotations go to
    stderr.

    Args:
        document: a decision that is in the ledger.
        is_for_people: whether the lines on stdout are for a person.
    """
    try:
        if is_present():
            stream = sys.stdout if is_for_people else sys.stderr
            stream.write("".join(f"{line}\n" for line in github.annotations(document)))
        if path := os.environ.get(SUMMARY_VARIABLE):
            _append_summary(document, Path(path))
    except Exception as error:  # noqa: BLE001 - the decision holds whatever GitHub accepts
        sys.stderr.write(
            "gates: the decision could not be reported to GitHub Actions "
            f"({type(error).__name__}: {error}); the decision is not changed\n"
        )


def _append_summary(document: DecisionDocument, path: Path) -> None:
    """Append a decision to the summary of the step.

    Raises:
        OSError: the file of the summary could not be written.
    """
    present_bytes = path.stat().st_size if path.exists() else 0
    text = github.summary(document, present_bytes)
    if text:
        append_to_file(path, text.encode(errors=ESCAPED))
    else:
        sys.stderr.write(
            f"gates: the summary of this step has no room for the decision ({path} has "
            f"{present_bytes} bytes); the decision is not changed\n"
        )
