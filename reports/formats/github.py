"""Writes a decision for GitHub Actions: annotations of the step, and the summary of the step.

Source: GitHub, Workflow commands for GitHub Actions; actions/runner, ActionCommand.cs.
"""

from gates.decision_document import DecisionDocument
from gates.model import Outcome
from reports.formats import markdown
from reports.formats.cases import CaseStatus, cases_of, clean, title_of, warnings_of

# The number of annotations of a kind that GitHub shows for each step.
MAX_ANNOTATIONS = 10
# GitHub discards the whole summary of a step when it is larger.
MAX_SUMMARY_BYTES = 1024 * 1024
KINDS = {Outcome.GO: "notice", Outcome.HOLD: "warning"}
CASE_KINDS = {
    CaseStatus.FAILED: "error",
    CaseStatus.UNSURE: "warning",
    CaseStatus.OVERRIDDEN: "warning",
    CaseStatus.ADVISORY: "notice",
}


def annotations(document: DecisionDocument) -> list[str]:
    """Return workflow commands for the decision, its warnings, and findings that are not a pass.

    Args:
        document: the decision; its texts are untrusted.
    """
    decision = document.decision
    kind = KINDS.get(decision.outcome, "error")
    lines = [(kind, title_of(document), clean(decision.reason))]
    lines += [("warning", "gates", warning) for warning in warnings_of(document)]
    for case in cases_of(document):
        if not case.is_clean:
            step = f"\nNext step: {case.next_step}" if case.next_step else ""
            lines.append((CASE_KINDS[case.status], case.name, f"{case.sentence}{step}"))
    return [_command(*line) for line in _bounded(lines)]


def _bounded(lines: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Cut each kind of annotation to GitHub's limit; the last one says how many are not shown."""
    shown = []
    for kind in ("error", "warning", "notice"):
        of_kind = [line for line in lines if line[0] == kind]
        if len(of_kind) > MAX_ANNOTATIONS:
            more = len(of_kind) - MAX_ANNOTATIONS + 1
            text = f"{more} more findings and warnings are in the output of this step"
            of_kind = [*of_kind[: MAX_ANNOTATIONS - 1], (kind, "gates", text)]
        shown += of_kind
    return shown


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(document: DecisionDocument, present_bytes: int) -> str:
    """Write a decision for the summary of a step; empty where the summary has no room left.

    Args:
        document: the decision; its texts are untrusted.
        present_bytes: the present size of the step's summary, bytes.
    """
    separator = "\n\n" if present_bytes else ""
    room = MAX_SUMMARY_BYTES - present_bytes - len(separator)
    text = separator + markdown.render(document, min(markdown.MAX_BYTES, room))
    return text if len(text.encode()) <= room else ""
