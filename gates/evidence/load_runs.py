"""Reads the records of load runs; a record that cannot be trusted makes its run a damaged run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gates.evidence import codec, seal, suite_record
from gates.evidence.load_record import (
    FILE,
    SCHEMA,
    LoadRecord,
    OperationMeasurement,
    PhaseMeasurement,
    bytes_of,
)
from gates.evidence.run_folder import (
    MAX_RUNS,
    RUN_ID,
    folder_problem,
    may_exist,
    read_record,
    run_folders,
)
from gates.model import Generator, Latency, LoadPhase, LoadRun, RunState
from gates.sources import json_values

MAX_BYTES = 8_000_000
MAX_REASON = 200


def read_loads(folder: Path, key: str) -> tuple[LoadRun, ...]:
    """Read the records of all load runs in a folder.

    Args:
        folder: the folder with one folder for each run; a missing folder has no runs.
        key: the key that records must be signed with; empty where no key is set.

    Returns:
        All load runs. A run is damaged if its record is unreadable, changed, or not signed with the
        key.
    """
    if problem := folder_problem(folder):
        return (_damaged(folder.name, datetime.now(UTC), problem),)
    folders = run_folders(folder, _may_be_load)
    if len(folders) > MAX_RUNS:
        problem = (
            f"the folder has {len(folders)} load runs, more than {MAX_RUNS}: "
            "move old run folders away"
        )
        return (_damaged(folder.name, datetime.now(UTC), problem),)
    return tuple(_read(entry, key) for entry in folders)


def _may_be_load(folder: Path) -> bool:
    """Return whether a folder has the record of a load run, or has no record at all."""
    return may_exist(folder / FILE) or not may_exist(folder / suite_record.FILE)


def _read(folder: Path, key: str) -> LoadRun:
    record = read_record(folder / FILE, MAX_BYTES)
    if record.problem:
        return _damaged(folder.name, record.modified, record.problem)
    try:
        content = json_values.object_of(json_values.loads(record.raw))
        if problem := _problem_of_seal(content, key):
            return _damaged(folder.name, record.modified, problem)
        run = _decode(folder.name, content)
    except json_values.MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"[:120]
        problem = f"the file is not the record of a load run ({reason})"
        return _damaged(folder.name, record.modified, problem)
    return replace(run, record_size=len(record.raw), record_digest=seal.digest_of(record.raw))


def _problem_of_seal(content: Mapping[str, object], key: str) -> str:
    """Why the seal of a finished run's record is not valid; an empty text for a valid seal."""
    if "measured" not in content:
        return ""
    covered = bytes_of(content)
    return seal.problem_of(content, covered, covered, key)


def _decode(run_id: str, content: Mapping[str, object]) -> LoadRun:
    """Decode the record of a load run.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError: the record is
            malformed, or belongs to another run.
    """
    record = codec.from_record(LoadRecord, content)
    if record.schema != SCHEMA or record.run != run_id or not RUN_ID.match(run_id):
        raise ValueError("the record has another schema, or belongs to another run")
    run = _unfinished(record)
    measured = record.measured
    if measured is None:
        return run
    if record.ended_at is None or record.left_behind is None or "build_at_end" not in content:
        raise ValueError("the record has measurements, but lacks data about the end of the run")
    generator = measured.generator
    if len(generator.processor_share) != len(generator.memory_bytes):
        raise ValueError(
            "the list of processor shares and the list of memory have different lengths"
        )
    return replace(
        run,
        state=RunState.FINISHED,
        problem="",
        ended_at=record.ended_at,
        build_at_end=record.build_at_end,
        phases=tuple(_phase(phase) for phase in measured.phases),
        reasons={reason[:MAX_REASON]: times for reason, times in measured.reasons.items()},
        memory=measured.memory,
        recovery_seconds=measured.recovery_seconds,
        generator=Generator(
            workers=record.plan.workers,
            workers_gone=generator.workers_gone,
            processor_share=generator.processor_share,
            memory_bytes=generator.memory_bytes,
            lag_p99_seconds=generator.lag_p99_seconds,
        ),
        left_behind=record.left_behind[:MAX_REASON],
    )


def _phase(measured: PhaseMeasurement) -> LoadPhase:
    seconds = json_values.number(measured.end_seconds - measured.start_seconds, minimum=0)
    return LoadPhase(
        name=measured.name,
        judged=measured.judged,
        seconds=seconds,
        users_planned=measured.users_planned,
        users_reached=measured.users_reached,
        due=measured.due,
        unfinished=measured.unfinished,
        oldest_unfinished_seconds=measured.oldest_unfinished_seconds,
        longest_gap_seconds=measured.longest_gap_seconds,
        operations={name: _latency(operation) for name, operation in measured.operations.items()},
        is_recovery=measured.is_recovery,
    )


def _latency(measured: OperationMeasurement) -> Latency:
    return Latency(
        done=measured.done,
        failed=measured.failed,
        unanswered=measured.unanswered,
        samples=measured.samples,
        p50=measured.p50,
        p95=measured.p95,
        p95_at_least=measured.p95_at_least,
        p95_at_most=measured.p95_at_most,
        p99=measured.p99,
    )


def _damaged(run_id: str, at: datetime, problem: str) -> LoadRun:
    return LoadRun(
        run_id=run_id,
        state=RunState.DAMAGED,
        problem=problem,
        profile="",
        started_at=at,
        ended_at=None,
        target="",
        base_url="",
        target_digest="",
        build=None,
        build_at_end=None,
        limits="",
        boot=None,
        users=0,
        judged_seconds=0.0,
        phases=(),
        reasons={},
        memory=(),
        recovery_seconds=None,
        generator=None,
        left_behind="unknown",
    )


def _unfinished(record: LoadRecord) -> LoadRun:
    """Return the unfinished run of a record without measurements."""
    return LoadRun(
        run_id=record.run,
        state=RunState.UNFINISHED,
        problem="the run was aborted, or is still under way",
        profile=record.profile,
        started_at=record.started_at,
        ended_at=None,
        target=record.target,
        base_url=record.base_url,
        target_digest=record.target_digest,
        build=record.build,
        build_at_end=None,
        limits=record.limits,
        boot=record.boot,
        users=record.plan.users,
        judged_seconds=record.plan.judged_seconds,
        phases=(),
        reasons={},
        memory=(),
        recovery_seconds=None,
        generator=None,
        left_behind="unknown",
    )
