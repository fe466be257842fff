"""Prints the status of objectives as a table for a person, at most 100 characters wide."""

import textwrap
from collections.abc import Iterator, Sequence

from gates.signing.status import (
    ObjectiveStatus,
    StageStatus,
    State,
    StatusBasis,
    age_text,
    counts,
)
from reports.terminal import WORDS, printable

WIDTH = 100
STATE_WIDTH = 11
MAX_NAME_WIDTH = 34
COLOURS = {
    State.VERIFIED: "32",
    State.SIGNED: "32",
    State.OVERRIDDEN: "33",
    State.OPEN: "33",
    State.EXPIRED: "33",
    State.FAILED: "31",
    State.ADVISORY: "36",
}
# From this number of objectives that are open for the same reason, one line shows all of them.
MIN_GROUP = 4


def table_lines(
    statuses: Sequence[StageStatus], basis: StatusBasis, *, is_whole: bool, is_coloured: bool
) -> Iterator[str]:
    """Yield the lines of the table.

    Args:
        statuses: the status of each stage, in the policy's order.
        basis: the ledger records and sign-offs from which the status was read.
        is_whole: whether every objective has a line of its own.
        is_coloured: whether the terminal shows colours.
    """
    for status in statuses:
        yield _cut(_heading(status, basis))
        rows = list(status.objectives) if is_whole else _grouped(status.objectives)
        width = max((len(row.objective) for row in rows), default=0)
        for row in rows:
            yield from _row(row, min(width, MAX_NAME_WIDTH), is_coloured=is_coloured)
        for command in dict.fromkeys(row.command for row in rows if row.command):
            yield from _command(command)
    numbers = (f"{count} {state.value}" for state, count in counts(statuses).items() if count)
    moment = basis.now.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield _cut(", ".join(numbers))
    yield _cut(f"{basis.target.name}, release {basis.target.expected}, {moment}")


def _heading(status: StageStatus, basis: StatusBasis) -> str:
    document = status.document
    if document is None:
        decision = "no decision"
    else:
        age = age_text(basis.now - document.decision.at)
        decision = f"{WORDS[document.decision.outcome]} {age} ago, {document.decision.build}"
    return f"{status.stage.name}  {decision}  (guide {status.stage.guide})"


def _grouped(statuses: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    """The rows of a stage; many open objectives with the same reason become one row."""
    groups: dict[tuple[State, str, str], list[ObjectiveStatus]] = {}
    for status in statuses:
        groups.setdefault((status.state, status.detail, status.command), []).append(status)
    rows: list[ObjectiveStatus] = []
    for (state, detail, command), members in groups.items():
        if state is State.OPEN and len(members) >= MIN_GROUP:
            name = f"{len(members)} objectives"
            rows.append(ObjectiveStatus(name, members[0].guide, state, detail, command))
        else:
            rows.extend(members)
    return rows


def _row(row: ObjectiveStatus, width: int, *, is_coloured: bool) -> Iterator[str]:
    """A row; a long detail continues on the next lines."""
    state = f"{row.state.value:<{STATE_WIDTH}}"
    if is_coloured:
        state = f"\x1b[{COLOURS[row.state]}m{state}\x1b[0m"
    name = printable(row.objective)
    shown = f"{name[: width - 1]}…" if len(name) > width else f"{name:<{width}}"
    indent = 2 + STATE_WIDTH + 1 + width + 2
    first, *rest = textwrap.wrap(printable(row.detail), WIDTH - indent) or [""]
    yield f"  {state} {shown}  {first}".rstrip()
    yield from (f"{'':<{indent}}{line}" for line in rest)


def _command(command: str) -> Iterator[str]:
    """Yield the lines of a shell command; each line except the last ends with a backslash."""
    lines = textwrap.wrap(command, WIDTH - 10, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        end = " \\" if number + 1 < len(lines) else ""
        yield f"{'  next: ' if number == 0 else '        '}{line}{end}"


def _cut(line: str) -> str:
    shown = printable(line)
    return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}…"
