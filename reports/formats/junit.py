"""Writes a decision as JUnit XML: one suite, with one case for each finding.

A failed finding is a failure, an unsure finding is an error, and an overridden or advisory finding
is skipped.
Source: the schema junit-10.xsd of Jenkins' xUnit plugin.
"""

from gates.decision_document import DecisionDocument
from reports.formats.cases import (
    Case,
    CaseStatus,
    cases_of,
    clean,
    count,
    facts_of,
    title_of,
    warnings_of,
)

ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "#": "&#35;"}
)
ELEMENTS = {
    CaseStatus.FAILED: "failure",
    CaseStatus.UNSURE: "error",
    CaseStatus.OVERRIDDEN: "skipped",
    CaseStatus.ADVISORY: "skipped",
}


def render(document: DecisionDocument) -> str:
    """Write a decision as JUnit XML.

    Args:
        document: the decision; its texts are untrusted.
    """
    cases = cases_of(document)
    decision = document.decision
    place = f"{clean(decision.stage)}.{clean(decision.target)}"
    totals = (
        f'tests="{len(cases)}" failures="{count(cases, CaseStatus.FAILED)}" '
        f'errors="{count(cases, CaseStatus.UNSURE)}" time="0"'
    )
    skipped = count(cases, CaseStatus.OVERRIDDEN, CaseStatus.ADVISORY)
    suite = (
        f'<testsuite name="{_escaped(title_of(document))}" {totals} skipped="{skipped}" '
        f'timestamp="{_escaped(decision.at.isoformat())}">'
    )
    properties = [
        f'<property name="{name}" value="{_escaped(value)}"/>'
        for name, value in facts_of(document).items()
    ]
    warnings = [
        f"<system-err>{_escaped(warning)}</system-err>" for warning in warnings_of(document)
    ]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="gates" {totals}>',
        suite,
        "<properties>",
        *properties,
        "</properties>",
        *(_case(case, place) for case in cases),
        *warnings,
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines)


def _case(case: Case, place: str) -> str:
    start = f'<testcase classname="{_escaped(place)}" name="{_escaped(case.name)}" time="0">'
    details = [
        f"guide: {case.guide}",
        f"measured: {case.measured.value}",
        *(f"measurement: {line}" for line in case.measurements),
    ]
    if case.status is CaseStatus.PASSED:
        body = _escaped("\n".join([case.sentence, *details]))
        return f"{start}<system-out>{body}</system-out></testcase>"
    step = [f"next step: {case.next_step}"] if case.next_step else []
    body = _escaped("\n".join([case.sentence, *step, *details]))
    element = ELEMENTS[case.status]
    message = _escaped(case.sentence)
    return (
        f'{start}<{element} type="{case.verdict.value}" message="{message}">{body}'
        f"</{element}></testcase>"
    )


def _escaped(text: str) -> str:
    """Escape a text without control characters for an element or an attribute."""
    return text.translate(ESCAPES)
