"""Finds runs that earlier decisions were based on and that are now gone or changed.

The ledger entry of a decision names the runs of the decision, with the size and the SHA-256 of each
run record. A record only grows until it is sealed. So the bytes that were judged must still be the
beginning of the present record.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gates.evidence import suite_runs as evidence
from gates.model import CheckOutcome, Decision, Evidence, JudgedRun, LoadRun, LostRun, Run, RunState

FAILURES = (CheckOutcome.FAILED, CheckOutcome.ERROR)
CHECKS, LOAD = "checks", "load"
PREFIX = "run "
MAX_RUN_ID = 100


def of_decision(decision: Decision, judged: Evidence) -> tuple[JudgedRun, ...]:
    """Return the runs to which the findings of a decision refer, for the decision's ledger entry.

    Args:
        decision: the decision.
        judged: the evidence of the decision, with the run records.
    """
    named = {
        (measurement.source, measurement.query.removeprefix(PREFIX))
        for finding in decision.findings
        for measurement in finding.measurements
        if measurement.query.startswith(PREFIX)
    }
    runs = [_of_suites(run) for run in judged.runs if (CHECKS, run.run_id) in named]
    load_runs = [_of_load(run) for run in judged.loads if (LOAD, run.run_id) in named]
    return (*runs, *load_runs)


def _of_suites(run: Run) -> JudgedRun:
    failed = {result.check for result in run.results if result.outcome in FAILURES}
    return _judged_run(CHECKS, run, run.expected or (), failed)


def _of_load(run: LoadRun) -> JudgedRun:
    return _judged_run(LOAD, run, [run.profile] if run.profile else (), ())


def _judged_run(
    kind: str, run: Run | LoadRun, subjects: Iterable[str], failed: Iterable[str]
) -> JudgedRun:
    return JudgedRun(
        kind=kind,
        run_id=run.run_id,
        record_size=run.record_size,
        record_digest=run.record_digest,
        sealed=run.state is RunState.FINISHED,
        started_at=run.started_at,
        build=str(run.build or ""),
        subjects=frozenset(subjects),
        failed=frozenset(failed),
    )


def lost(
    judged: Iterable[tuple[str, JudgedRun]],
    runs: Sequence[Run],
    loads: Sequence[LoadRun],
    folder: Path,
) -> tuple[LostRun, ...]:
    """Return the runs that earlier decisions named and that are now gone or changed.

    Args:
        judged: the runs that earlier decisions on the target named, oldest first, each with the
            id of the decision's ledger entry.
        runs: the present records of suite runs.
        loads: the present records of load runs.
        folder: the folder with one folder for each run.
    """
    present_runs: dict[tuple[str, str], Run | LoadRun] = {(CHECKS, run.run_id): run for run in runs}
    present_runs |= {(LOAD, run.run_id): run for run in loads}
    lost_runs: dict[tuple[str, str], LostRun] = {}
    for entry_id, run in judged:
        key = (run.kind, run.run_id)
        if problem := _problem(run, present_runs.get(key), folder):
            lost_runs[key] = _lost_run(run, problem, entry_id)
    return tuple(lost_runs.values())


def _problem(judged: JudgedRun, run: Run | LoadRun | None, folder: Path) -> str:
    """Return how a judged run was changed or lost since the decision; empty if unchanged."""
    if run is None:
        return "is gone"
    if not judged.record_digest or run.record_digest == judged.record_digest:
        return ""
    if judged.sealed or not isinstance(run, Run):
        return "was changed" if judged.sealed else ""
    beginning = evidence.digest_of_beginning(folder / run.run_id, judged.record_size)
    return "" if beginning == judged.record_digest else "was changed"


def _lost_run(run: JudgedRun, problem: str, entry_id: str) -> LostRun:
    return LostRun(
        run_id=run.run_id[:MAX_RUN_ID],
        problem=problem,
        started_at=run.started_at,
        build=run.build,
        subjects=run.subjects,
        failed=run.failed,
        decision=entry_id,
    )


Lookup = Callable[[Sequence[Run], Sequence[LoadRun]], tuple[LostRun, ...]]
