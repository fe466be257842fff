"""Finds runs that earlier decisions were based on and that are now gone or changed.

A decision's ledger entry names its runs with the size and SHA-256 of their records. A record only
grows until it is sealed: what was judged once must still be its beginning.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gates.evidence import suite_runs as evidence
from gates.model import CheckOutcome, Decision, Evidence, LoadRun, LostRun, Run, RunState

FAILURES = (CheckOutcome.FAILED, CheckOutcome.ERROR)
CHECKS, LOAD = "checks", "load"
PREFIX = "run "


def of_decision(decision: Decision, seen: Evidence) -> list[dict[str, Any]]:
    """The runs that a decision's findings name, as its ledger entry has them."""
    named = {
        (one.source, one.query.removeprefix(PREFIX))
        for finding in decision.findings
        for one in finding.measurements
        if one.query.startswith(PREFIX)
    }
    runs = [_of_suites(run) for run in seen.runs if (CHECKS, run.run_id) in named]
    return runs + [_of_load(run) for run in seen.loads if (LOAD, run.run_id) in named]


def _of_suites(run: Run) -> dict[str, Any]:
    failed = {one.check for one in run.results if one.outcome in FAILURES}
    return _note(CHECKS, run, run.expected or (), failed)


def _of_load(run: LoadRun) -> dict[str, Any]:
    return _note(LOAD, run, [run.profile] if run.profile else (), ())


def _note(
    kind: str, run: Run | LoadRun, subjects: Iterable[str], failed: Iterable[str]
) -> dict[str, Any]:
    return {
        "kind": kind, "run": run.run_id, "size": run.record_size, "sha256": run.record_digest,
        "sealed": run.state is RunState.FINISHED, "started_at": run.started_at.isoformat(),
        "build": str(run.build or ""), "subjects": sorted(subjects), "failed": sorted(failed),
    }  # fmt: skip


def lost(
    entries: Iterable[tuple[str, Mapping[str, Any]]],
    target: str,
    runs: Sequence[Run],
    loads: Sequence[LoadRun],
    folder: Path,
) -> tuple[LostRun, ...]:
    """The runs that earlier decisions named and that are gone, or were changed.

    Args:
        entries: id and content of the ledger's entries, oldest first; untrusted.
        target: the target's name; decisions of others are passed over.
        runs: the records of suite runs that are there.
        loads: those of load runs.
        folder: the folder of runs.
    """
    there: dict[tuple[str, str], Run | LoadRun] = {(CHECKS, one.run_id): one for one in runs}
    there |= {(LOAD, one.run_id): one for one in loads}
    found: dict[tuple[str, str], LostRun] = {}
    for entry_id, content in entries:
        if content.get("kind") != "decision" or content.get("target") != target:
            continue
        for note in content.get("runs", ()):
            try:
                key = (str(note["kind"]), str(note["run"]))
                problem = _problem(note, there.get(key), folder)
                if problem:
                    found[key] = _lost(note, problem, entry_id)
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
                continue  # the entry of another version of the gate
    return tuple(found.values())


def _problem(note: Mapping[str, Any], run: Run | LoadRun | None, folder: Path) -> str:
    """What happened to a run since it was judged; empty for nothing."""
    if run is None:
        return "is gone"
    if not note["sha256"] or run.record_digest == note["sha256"]:
        return ""
    if note["sealed"] or not isinstance(run, Run):
        return "was changed" if note["sealed"] else ""
    beginning = evidence.digest_of_beginning(folder / run.run_id, int(note["size"]))
    return "" if beginning == note["sha256"] else "was changed"


def _lost(note: Mapping[str, Any], problem: str, entry_id: str) -> LostRun:
    return LostRun(
        run_id=str(note["run"])[:100],
        problem=problem,
        started_at=datetime.fromisoformat(note["started_at"]),
        build=str(note["build"]),
        subjects=frozenset(str(one) for one in note["subjects"]),
        failed=frozenset(str(one) for one in note["failed"]),
        decision=entry_id,
    )


Lookup = Callable[[Sequence[Run], Sequence[LoadRun]], tuple[LostRun, ...]]
