"""Writes the sections of suites, load runs, the guide, the sign-offs and the ledger."""

from collections.abc import Sequence

from reports.html.markup import empty, section, table, tag, text
from reports.html.table_rows import (
    FailedCheck,
    Guide,
    GuideRow,
    Latencies,
    LedgerRow,
    LoadRow,
    SignOffRow,
    StateCount,
    SuiteRow,
)

MILLISECONDS = 1000.0
MAX_OPEN_ITEMS = 40


def suites_section(rows: Sequence[SuiteRow]) -> str:
    """Write the section with the newest results of the suites, by category.

    Args:
        rows: the results of each category; may be empty.
    """
    if not rows:
        sentence = "No run of suites is known. To run the suites, type: pytest --target NAME"
        return section("suites", "Suites", [empty(sentence)])
    cells = (
        (
            tag("span", text(row.name)),
            tag("span", f"{row.passed}/{row.total}", class_=f"chip {_tone(row)}"),
            "" if row.seconds is None else f"{row.seconds:,.1f} s",
            text(row.ended),
            tag("code", text(row.run, 200)),
        )
        for row in rows
    )
    headings = ("Category", "Passed", "Duration", "Newest result, UTC", "Run")
    failed = [check for row in rows for check in row.failed]
    passed, total = sum(row.passed for row in rows), sum(row.total for row in rows)
    return section(
        "suites",
        "Suites",
        [
            tag("p", f"{passed:,} of {total:,} checks passed in their newest run.", class_="soft"),
            table("Suites by category", headings, cells),
            *map(_failed_check, failed),
        ],
    )


def _tone(row: SuiteRow) -> str:
    return "good" if row.passed == row.total else "bad"


def _failed_check(check: FailedCheck) -> str:
    head = (
        tag("span", text(check.outcome), class_="chip bad")
        + tag("span", text(check.check, 200), class_="objective")
        + tag("span", text(check.message.partition("\n")[0], 200), class_="sentence")
    )
    body = tag("p", "Test: " + tag("code", text(check.test))) + tag(
        "pre", text(check.message), tabindex="0"
    )
    return tag("details", tag("summary", head) + body, class_="finding")


def loads_section(rows: Sequence[LoadRow]) -> str:
    """Write the section with the newest load run of each profile.

    Args:
        rows: the load runs; may be empty.
    """
    if not rows:
        sentence = (
            "No load run is known. To run a profile, type: python -m load run PROFILE --target NAME"
        )
        return section("load", "Load", [empty(sentence)])
    return section("load", "Load", map(_load, rows))


def _load(row: LoadRow) -> str:
    headings = ("Phase", "Users", "Requests", "Failed", "P50", "P95", "P99", "P50, P95 and P99")
    longest = max((phase.p99 or 0.0 for phase in row.phases), default=0.0)
    cells = (
        (
            text(phase.phase),
            f"{phase.users:,}",
            f"{phase.done + phase.failed:,}",
            f"{phase.failed:,}",
            _latency(phase.p50),
            _latency(phase.p95),
            _latency(phase.p99),
            _bar(phase, longest),
        )
        for phase in row.phases
    )
    problem = empty(row.problem) if row.problem else ""
    shown = table(f"Load run {row.profile}", headings, cells) if row.phases else ""
    return (
        tag("h3", text(row.profile))
        + tag("p", text(row.sentence), class_="soft")
        + problem
        + (shown)
    )


def _latency(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * MILLISECONDS:,.0f} ms"


def _bar(phase: Latencies, longest: float) -> str:
    """Draw the quantiles of a phase as a bar, on the scale of the slowest phase."""
    if not longest or phase.p50 is None or phase.p95 is None or phase.p99 is None:
        return ""
    p50, p95, p99 = (100 * value / longest for value in (phase.p50, phase.p95, phase.p99))
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="p99" width="{p99:.1f}" y="4" height="2"/>'
        f'<rect class="p95" width="{p95:.1f}" y="2" height="6"/>'
        f'<rect class="p50" width="{p50:.1f}" height="10"/></svg>'
    )


def guide_section(guide: Guide) -> str:
    """Write the section with the state of the deployment guide's items.

    Args:
        guide: the state of the items, by section of the guide.
    """
    if guide.problem:
        return section("guide", "Deployment guide", [empty(guide.problem)])
    cells = (
        (
            text(f"{row.guide}: {row.title}"),
            _states(row.states),
            _open_items(row),
        )
        for row in guide.rows
    )
    shown = table("Sections of the guide", ("Section", "Items by state", "Not yet done"), cells)
    return section(
        "guide",
        "Deployment guide",
        [
            tag("p", "Items of the guide by state: " + _states(guide.states)),
            _failed_items(guide),
            tag("details", tag("summary", f"{len(guide.rows)} sections of the guide") + shown),
        ],
    )


def _failed_items(guide: Guide) -> str:
    """List the items of the guide that failed."""
    failed = [item for row in guide.rows for item in row.failed_items]
    return tag("ul", "".join(tag("li", text(item, 300)) for item in failed[:MAX_OPEN_ITEMS]))


def _states(states: Sequence[StateCount]) -> str:
    return " ".join(
        tag("span", f"{state.count:,} {text(state.state)}", class_=f"chip {state.tone.value}")
        for state in states
        if state.count
    )


def _open_items(row: GuideRow) -> str:
    if not row.open_items:
        return ""
    items = "".join(tag("li", text(item, 300)) for item in row.open_items[:MAX_OPEN_ITEMS])
    count = f"{len(row.open_items)} items"
    return tag("details", tag("summary", count) + tag("ul", items))


def sign_offs_section(rows: Sequence[SignOffRow]) -> str:
    """Write the section with the sign-offs and overrides of the target.

    Args:
        rows: the sign-offs and overrides, newest first; may be empty.
    """
    if not rows:
        return section("sign-offs", "Sign-offs", [empty("Nobody has signed an item yet.")])
    cells = (
        (
            text(row.item, 200),
            tag("span", text(row.problem or "valid", 300), class_=f"chip {row.tone.value}"),
            text(row.stage, 100),
            text(row.person, 200),
            text(row.note, 500),
            text(row.signed),
            text(row.until),
        )
        for row in rows
    )
    headings = ("Item", "State", "Stage", "Person", "Reason", "Signed, UTC", "Until, UTC")
    return section("sign-offs", "Sign-offs", [table("Sign-offs in the ledger", headings, cells)])


def ledger_section(rows: Sequence[LedgerRow], left_out: int) -> str:
    """Write the section with the entries of the ledger: who decided what, and when.

    Args:
        rows: the entries of the ledger, newest first; may be empty.
        left_out: the number of older entries that the page does not show.
    """
    if not rows:
        return section("ledger", "Ledger", [empty("The ledger has no entries.")])
    cells = (
        (
            text(row.moment),
            text(row.target, 100),
            text(row.event, 600),
            tag("code", text(row.entry_id)),
        )
        for row in rows
    )
    shown = table("Entries of the ledger", ("Time, UTC", "Target", "Event", "Entry"), cells)
    more = (
        empty(f"{left_out:,} older entries are not shown; to see them, type: gates log")
        if left_out
        else ""
    )
    return section("ledger", "Ledger", [shown, more])
