"""Writes the matrix of the guide as text for a terminal."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from gates.coverage.matrix import Decider, DecidingObjective, Matrix, MatrixRow
from gates.coverage.recorded_status import NO_STATES, RecordedStates, counts_text

WIDTH = 100
INDENT = " " * 20
WORDS = {
    Decider.MACHINE: "verified by machine",
    Decider.BOTH: "verified by machine and signed by people",
    Decider.PEOPLE: "signed by people",
    Decider.REASON: "not decided, for a stated reason",
    Decider.NOBODY: "uncovered",
}


def matrix_text(matrix: Matrix, states: RecordedStates = NO_STATES) -> str:
    """Return the text of all items by section, then the totals and the problems.

    Args:
        matrix: the items of the guide with their objectives.
        states: the state of each item, from the ledger; empty where no target is named.
    """
    lines = []
    for part in matrix.sections:
        lines.append(f"{part.section.guide}: {part.section.title}")
        for row in part.rows:
            lines += _row_lines(matrix, row, states)
        lines.append("")
    lines.append(totals_text(matrix))
    if states:
        lines.append(f"in the ledger: {counts_text(states)}")
    lines += [f"problem: {problem}" for problem in matrix.problems]
    return "\n".join(lines)


def totals_text(matrix: Matrix) -> str:
    """Return the number of all items, and the number of items of each decider, as text."""
    totals = matrix.totals()
    counts = ", ".join(f"{totals[decider]} {words}" for decider, words in WORDS.items())
    return f"{len(matrix.rows)} items of the guide: {counts}"


def stages_text(matrix: Matrix, stages: Sequence[str]) -> str:
    """Return the names of stages as text, with a short form for the steps of the ramp.

    The short form is ``FIRST … LAST``. The text has this form if the ramp has at least three steps,
    and if the stages include every step.

    Args:
        matrix: the matrix whose policy has the steps of the ramp.
        stages: the names of the stages.
    """
    steps = [step.name for step in matrix.policy.steps]
    if len(steps) < 3 or not set(steps) <= set(stages):  # noqa: PLR2004 - two names are short
        return ", ".join(stages)
    short = f"{steps[0]} … {steps[-1]}"
    return ", ".join(
        short if name == steps[0] else name for name in stages if name not in steps[1:]
    )


def sources_text(deciding: DecidingObjective) -> str:
    """Join the names of the sources of an objective's evidence by commas."""
    return ", ".join(source.value for source in deciding.sources)


def _row_lines(matrix: Matrix, row: MatrixRow, states: RecordedStates) -> Iterator[str]:
    state = f"{states[row.item.name].value}: " if row.item.name in states else ""
    yield from _wrapped(f"  {row.decider.value:<18}", f"{state}{row.item.text}")
    if row.item.why_not:
        yield from _wrapped(INDENT, f"reason: {row.item.why_not}")
    for deciding in row.deciding:
        stages = stages_text(matrix, deciding.stages)
        yield from _wrapped(
            INDENT, f"{deciding.objective.name}: {sources_text(deciding)}; {stages}"
        )
    if row.item.alerts:
        yield from _wrapped(INDENT, f"alert rules: {', '.join(row.item.alerts)}")
    for problem in row.problems:
        yield from _wrapped(INDENT, f"problem: {problem}")


def _wrapped(first: str, text: str) -> list[str]:
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=INDENT + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
