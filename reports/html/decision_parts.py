"""Writes the decision on top of the page, and the findings with their measurements."""

from collections.abc import Sequence

from reports.html.markup import command, empty, section, tag, text
from reports.html.page import (
    Fact,
    FindingRow,
    Findings,
    MeasuredValue,
    NextStep,
    ReleasePage,
    Summary,
)

MAX_SUBJECTS = 200
MAX_SAMPLES_TEXT = 20_000


def decision_section(page: ReleasePage) -> str:
    """Write the top of the page: the warnings, the decision, the facts, and the next steps.

    Args:
        page: the content of the page.
    """
    summary = page.summary
    parts = [
        tag("p", text(page.rehearsal), class_="note wait") if page.rehearsal else "",
        *(tag("p", text(warning), class_="note bad") for warning in summary.warnings),
    ]
    parts += [_answer(summary), _facts(summary.facts, "facts"), _next_steps(summary)]
    return tag("header", "".join(parts), class_=f"answer {summary.tone.value}")


def _answer(summary: Summary) -> str:
    word = tag("span", text(summary.word), class_=f"word {summary.tone.value}")
    heading = tag("h1", (word if summary.word else "") + text(summary.headline))
    return heading + (tag("p", text(summary.reason), class_="reason") if summary.reason else "")


def _facts(facts: Sequence[Fact], kind: str) -> str:
    """Write a list of labels with their values."""
    rows = "".join(
        tag("div", tag("dt", text(fact.label)) + tag("dd", text(fact.value))) for fact in facts
    )
    return tag("dl", rows, class_=kind) if rows else ""


def _next_steps(summary: Summary) -> str:
    if not summary.next_steps:
        return ""
    steps = "".join(tag("li", _step(step)) for step in summary.next_steps)
    return tag("h2", "What to do next") + tag("ol", steps, class_="next")


def _step(step: NextStep) -> str:
    shown = tag("p", text(step.text)) if step.text else ""
    return shown + (command(step.command) if step.command else "")


def findings_section(findings: Findings) -> str:
    """Write the section of the page that lists the findings, worst first.

    Args:
        findings: the findings of the newest decision; may be empty.
    """
    if not findings.rows:
        return section("findings", "Findings", [empty("The decision has no findings.")])
    parts = [tag("p", text(findings.counts), class_="soft")]
    parts += [_finding(row, is_open=number == 0) for number, row in enumerate(findings.rows)]
    if findings.left_out:
        parts.append(
            empty(
                f"{findings.left_out:,} more findings are not shown; to see all findings, "
                "type: gates explain"
            )
        )
    return section("findings", "Findings", parts)


def _finding(row: FindingRow, *, is_open: bool) -> str:
    """Write a finding; the first finding is open where it has a next step."""
    head = (
        tag("span", text(row.word), class_=f"chip {row.tone.value}")
        + tag("span", text(row.objective, 200), class_="objective")
        + tag("span", text(row.sentence), class_="sentence")
    )
    parts = [tag("summary", head), _facts(row.facts, "facts small")]
    if row.subjects:
        names = ", ".join(row.subjects[:MAX_SUBJECTS])
        more = len(row.subjects) - MAX_SUBJECTS
        parts.append(tag("p", text(f"Checks: {names}" + (f" and {more} more" if more > 0 else ""))))
    if row.next_step:
        parts += [tag("p", "Next step:"), command(row.next_step)]
    parts += [_measurement(value, row.next_step) for value in row.measurements]
    opened = " open" if is_open and row.next_step else ""
    return f'<details class="finding"{opened}>{"".join(parts)}</details>'


def _measurement(value: MeasuredValue, next_step: str) -> str:
    parts = [
        tag("pre", tag("code", text(value.query)), tabindex="0"),
        _facts(value.facts, "facts small"),
    ]
    more = [command(value.command)] if value.command and value.command != next_step else []
    if value.samples:
        more.append(tag("pre", text("\n".join(value.samples), MAX_SAMPLES_TEXT), tabindex="0"))
    if more:
        title = "Command and newest raw samples" if value.samples else "Command"
        parts.append(tag("details", tag("summary", title) + "".join(more)))
    return tag("div", "".join(parts), class_="measurement")
