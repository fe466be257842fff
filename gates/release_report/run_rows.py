"""Reads the newest results of the suites by category, and the newest load run of each profile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gates.collector.collection import FOLDER
from gates.evidence.load_runs import read_loads
from gates.evidence.suite_runs import check_seconds, read_runs
from gates.model import TOTAL, CheckOutcome, CheckResult, LoadPhase, LoadRun, Run, RunState
from gates.release_report.report_input import ReportInput, moment_text
from reports.html.table_rows import FailedCheck, Latencies, LoadRow, SuiteRow

MAX_FAILED = 50
MAX_MESSAGE, MAX_RUNS_SHOWN = 1_500, 2
NAMES = {
    "access": "Access control",
    "payments": "Payment processing",
    "realtime": "Real-time updates",
    "run": "The run leaves no data behind",
}
# The ids of this suite's checks have the name of a group after the first dot.
GROUPED = "platform"
ORDER = (
    "smoke",
    "access",
    "payments",
    "gamification",
    "mobile",
    "realtime",
    "search",
    "performance",
    "security",
)


@dataclass(frozen=True, slots=True)
class _Newest:
    """The results of a check in its newest run."""

    run: Run
    results: tuple[CheckResult, ...]

    @property
    def failure(self) -> CheckResult | None:
        """Return the first result that is not a pass; None if every result is a pass."""
        failed = (r for r in self.results if r.outcome is not CheckOutcome.PASSED)
        return next(failed, None)


def suites_of(source: ReportInput) -> tuple[SuiteRow, ...]:
    """Read the results of each check in its newest run on the target, grouped by category.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    collected = source.out / FOLDER
    folders = {}
    runs: list[Run] = []
    for folder in (source.runs, collected):
        for run in read_runs(folder, source.key):
            if run.target == source.name and run.state is not RunState.DAMAGED:
                runs.append(run)
                folders[run.run_id] = folder / run.run_id
    runs.sort(key=lambda run: run.started_at)
    newest: dict[str, _Newest] = {}
    for run in runs:
        for check in {result.check for result in run.results}:
            results = tuple(result for result in run.results if result.check == check)
            newest[check] = _Newest(run, results)
    return _rows(newest, folders)


def _rows(newest: dict[str, _Newest], folders: dict[str, Path]) -> tuple[SuiteRow, ...]:
    """Write one row for each category."""
    used = {known.run.run_id for known in newest.values()}
    seconds = {run_id: check_seconds(folders[run_id]) for run_id in used}
    categories: dict[str, list[str]] = {}
    for check in sorted(newest):
        categories.setdefault(_category(check), []).append(check)
    rows = []
    for category in sorted(categories, key=_rank):
        known = {check: newest[check] for check in categories[category]}
        rows.append(_row(category, known, seconds))
    return tuple(rows)


def _rank(category: str) -> tuple[int, str]:
    return (ORDER.index(category) if category in ORDER else len(ORDER), category)


def _category(check: str) -> str:
    parts = check.split(".")
    return ".".join(parts[:2]) if parts[0] == GROUPED else parts[0]


def _name(category: str) -> str:
    first, _, group = category.partition(".")
    name = NAMES.get(first, first.replace("_", " ").capitalize())
    return f"{name}: {group}" if group else name


def _row(
    category: str, known: dict[str, _Newest], seconds: dict[str, dict[str, float]]
) -> SuiteRow:
    failed = [check for check, newest in known.items() if newest.failure]
    took = [seconds[newest.run.run_id].get(check) for check, newest in known.items()]
    times = [value for value in took if value is not None]
    runs = list(dict.fromkeys(newest.run.run_id for newest in known.values()))
    more = f" and {len(runs) - MAX_RUNS_SHOWN} more" if len(runs) > MAX_RUNS_SHOWN else ""
    ended = max(result.at for newest in known.values() for result in newest.results)
    return SuiteRow(
        name=_name(category),
        passed=len(known) - len(failed),
        total=len(known),
        seconds=sum(times) if times else None,
        ended=moment_text(ended),
        run=", ".join(runs[-MAX_RUNS_SHOWN:]) + more,
        failed=tuple(_failed(known[check]) for check in failed[:MAX_FAILED]),
    )


def _failed(newest: _Newest) -> FailedCheck:
    result = newest.failure
    assert result is not None  # noqa: S101 - for the type checker
    message = result.message[:MAX_MESSAGE]
    return FailedCheck(result.check, result.outcome.value, result.nodeid, message)


def loads_of(source: ReportInput) -> tuple[LoadRow, ...]:
    """Read the newest load run of each profile on the target.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    loads = [run for run in read_loads(source.runs, source.key) if run.target == source.name]
    newest = {run.profile: run for run in sorted(loads, key=lambda run: run.started_at)}
    return tuple(map(_load, newest.values()))


def _load(run: LoadRun) -> LoadRow:
    build = str(run.build or "unknown")
    sentence = (
        f"Run {run.run_id} on {build}, {moment_text(run.started_at)}, up to {run.users:,} users."
    )
    return LoadRow(run.profile, sentence, run.problem, tuple(_phases(run.phases)))


def _phases(phases: Sequence[LoadPhase]) -> Iterator[Latencies]:
    for phase in phases:
        total = phase.operations.get(TOTAL)
        if total is not None:
            yield Latencies(
                phase.name,
                phase.users_reached,
                total.done,
                total.failed,
                total.p50,
                total.p95,
                total.p99,
            )
