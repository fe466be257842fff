"""Reads the records of suite runs; a record that cannot be trusted makes its run a damaged run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gates.evidence import codec, load_record, seal
from gates.evidence.run_folder import (
    MAX_RUNS,
    RUN_ID,
    folder_problem,
    may_exist,
    read_record,
    run_folders,
)
from gates.evidence.suite_record import (
    EVENTS,
    FILE,
    MAX_MESSAGE,
    SCHEMA,
    CheckList,
    RunEnd,
    RunStart,
    TimedResult,
)
from gates.model import CheckOutcome, CheckResult, Run, RunState
from gates.sources import json_values

MAX_BYTES = 16_000_000
MAX_CHECK_ID, MAX_NODE_ID = 200, 1000
CHECK_EVENT = EVENTS[TimedResult]
AFTER_END = "the record has lines after the event `finished`"


def read_runs(folder: Path, key: str) -> tuple[Run, ...]:
    """Read the records of all suite runs in a folder.

    Args:
        folder: the folder with one folder for each run; a missing folder has no runs.
        key: the key that records must be signed with; empty where no key is set.

    Returns:
        All suite runs. A run is damaged if its record is unreadable, changed, or not signed with
        the key.
    """
    if problem := folder_problem(folder):
        return (_damaged(folder.name, datetime.now(UTC), problem),)
    folders = run_folders(folder, _is_of_suites)
    if len(folders) > MAX_RUNS:
        problem = (
            f"the folder has {len(folders)} runs, more than {MAX_RUNS}: move old run folders away"
        )
        return (_damaged(folder.name, datetime.now(UTC), problem),)
    return tuple(read_run(entry, key) for entry in folders)


def _is_of_suites(folder: Path) -> bool:
    """Return True for every folder except a folder that has only the record of a load run."""
    return may_exist(folder / FILE) or not may_exist(folder / load_record.FILE)


def read_run(folder: Path, key: str) -> Run:
    """Read the record of one suite run; a malformed record makes a damaged run, and no error.

    Args:
        folder: the run's folder.
        key: the key that the record must be signed with; empty where no key is set.
    """
    record = read_record(folder / FILE, MAX_BYTES)
    if record.problem:
        return _damaged(folder.name, record.modified, record.problem)
    try:
        run = _decode(folder.name, record.raw, key, record.modified)
    except json_values.MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"[:120]
        run = _damaged(folder.name, record.modified, f"the file is not a run record ({reason})")
    return replace(run, record_size=len(record.raw), record_digest=seal.digest_of(record.raw))


def digest_of_beginning(folder: Path, size: int) -> str:
    """Return SHA-256 of the first bytes of a suite run's record; empty if it cannot be read.

    Args:
        folder: the run's folder.
        size: the number of bytes.
    """
    try:
        with (folder / FILE).open("rb") as file:
            return seal.digest_of(file.read(min(size, MAX_BYTES)))
    except OSError:
        return ""


def check_seconds(folder: Path) -> dict[str, float]:
    """Return the duration of each check of a suite run, in seconds by the check's id.

    The durations are for display only. Several results of one check are added up. Lines of the
    record that are not results are left out.

    Args:
        folder: the run's folder.
    """
    seconds: dict[str, float] = {}
    for line in read_record(folder / FILE, MAX_BYTES).raw.splitlines():
        try:
            event = json_values.object_of(json_values.loads(line))
            if event.get("event") == CHECK_EVENT:
                name = json_values.text(event["id"])
                took = json_values.number(event.get("seconds", 0.0), 0)
                seconds[name] = seconds.get(name, 0.0) + took
        except json_values.MALFORMED:
            continue
    return seconds


def _damaged(run_id: str, at: datetime, problem: str) -> Run:
    return Run(
        run_id=run_id,
        state=RunState.DAMAGED,
        problem=problem,
        started_at=at,
        target="",
        base_url="",
        target_digest="",
        build=None,
        build_at_end=None,
        limits="",
        boot=None,
        expected=None,
        results=(),
    )


def _decode(run_id: str, raw: bytes, key: str, modified: datetime) -> Run:
    """Decode the bytes of a suite run's record.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError: a line is malformed.
    """
    lines = raw.split(b"\n")
    is_cut = lines.pop() != b""
    events = [json_values.object_of(json_values.loads(line)) for line in lines]
    run = _started(run_id, events[0])
    results: list[CheckResult] = []
    problem = ""
    for event in events[1:]:
        if run.state is RunState.FINISHED:
            problem = problem or AFTER_END
        if problem:
            break
        match event["event"]:
            case "collected" if run.expected is None:
                checks = codec.from_record(CheckList, event).checks
                run = replace(run, expected=frozenset(checks))
            case "check":
                results.append(_result(codec.from_record(TimedResult, event)))
            case "finished":
                end = codec.from_record(RunEnd, event)
                run = replace(run, state=RunState.FINISHED, problem="", build_at_end=end.build)
                problem = _problem_of_seal(raw, end, event, key) or _contradiction(end, results)
            case other:
                problem = f"the record has the unknown event {str(other)[:40]!r}"
    if results and run.expected is None:
        problem = problem or "the record has results before the list of checks"
    if is_cut and run.state is RunState.FINISHED:
        problem = problem or AFTER_END
    if problem:
        # A damaged record may be of any checks, at any time until its last change.
        return _damaged(run_id, max(run.started_at, modified), problem)
    run = replace(run, results=tuple(results))
    return replace(run, problem="the last line of the record is incomplete") if is_cut else run


def _contradiction(end: RunEnd, results: list[CheckResult]) -> str:
    """Why the exit code contradicts the results; an empty text without a contradiction."""
    all_passed = bool(results) and all(result.outcome is CheckOutcome.PASSED for result in results)
    if end.exit_code != 0 and all_passed:
        return f"the exit code is {end.exit_code}, but the record says that every check passed"
    return ""


def _started(run_id: str, event: Mapping[str, object]) -> Run:
    """Return the unfinished run that the first event of a record describes."""
    started = codec.from_record(RunStart, event)
    if event["event"] != "started" or started.schema != SCHEMA or started.run != run_id:
        raise ValueError(
            f"the first line is not the event `started` of this run, with schema {SCHEMA}"
        )
    if not RUN_ID.match(run_id):
        raise ValueError("the name of the folder is not a run id")
    return Run(
        run_id=run_id,
        state=RunState.UNFINISHED,
        problem="the run was aborted, or is still under way",
        started_at=started.at,
        target=started.target,
        base_url=started.base_url,
        target_digest=started.target_digest,
        build=started.build,
        build_at_end=None,
        limits=started.limits,
        boot=started.boot,
        expected=None,
        since=started.since,
        results=(),
    )


def _result(checked: TimedResult) -> CheckResult:
    return CheckResult(
        check=checked.id[:MAX_CHECK_ID],
        outcome=checked.outcome,
        at=checked.at,
        message=checked.message[:MAX_MESSAGE],
        nodeid=checked.nodeid[:MAX_NODE_ID],
    )


def _problem_of_seal(raw: bytes, end: RunEnd, event: Mapping[str, object], key: str) -> str:
    """Why the seal is not valid; an empty text for a valid seal.

    Args:
        raw: the whole record.
        end: the last event of the record.
        event: the last event as JSON.
        key: the key that the record must be signed with; empty where no key is set.
    """
    lines = raw[: raw.rfind(b"\n", 0, len(raw) - 1) + 1]
    return seal.problem_of(event, lines, end.signed(lines), key)
