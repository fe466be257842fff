"""What a run of suites recorded: the results of its checks, and where and when it ran."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from gates.model.target import Build


class CheckOutcome(Enum):
    """How one check of a run ended; only ``passed`` can count as a pass."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    NOT_APPLICABLE = "not_applicable"


# What a run says of itself at its end: nothing of it is left in the database.
LEFT_NOTHING = "run.left_nothing"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One result of one check.

    Args:
        check: the check's id.
        outcome: how it ended.
        at: when it ended, UTC.
        message: what went wrong, or why it was not run.
        nodeid: where pytest finds it.
    """

    check: str
    outcome: CheckOutcome
    at: datetime
    message: str
    nodeid: str


class RunState(Enum):
    """Whether a run's record is whole."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Boot:
    """A moment on a clock that nobody sets: seconds since a machine's start.

    Args:
        machine: names that start of that machine.
        seconds: since then.
    """

    machine: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """The record of one run of suites.

    Args:
        run_id: names the run.
        state: whether the record is whole.
        problem: what is wrong with the record, or empty.
        started_at: when it started, UTC.
        target: the target's name; empty when the record does not say.
        base_url: the address that was tested.
        target_digest: SHA-256 of the target file the run read.
        build: the build that was served at the start; None when it could not be asked.
        build_at_end: the same at the end.
        limits: SHA-256 of the policy's limits that its checks judged by.
        boot: its start on the machine's own clock; None where there is none.
        expected: the ids it was about to check; None when it ended before it knew.
        results: every result, in order.
        record_size: how many bytes its record has.
        record_digest: SHA-256 of its record.
    """

    run_id: str
    state: RunState
    problem: str
    started_at: datetime
    target: str
    base_url: str
    target_digest: str
    build: Build | None
    build_at_end: Build | None
    limits: str
    boot: Boot | None
    expected: frozenset[str] | None
    results: tuple[CheckResult, ...]
    record_size: int = 0
    record_digest: str = ""


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that an earlier decision named, and that is gone or was changed since.

    Args:
        run_id: names the run.
        problem: ``is gone`` or ``was changed``.
        started_at: when it started, UTC.
        build: the build it tested, as text; empty where nobody knows.
        subjects: the checks it was about to make, or the profile of a load run.
        failed: those of them that failed.
        decision: the ledger entry that named it.
    """

    run_id: str
    problem: str
    started_at: datetime
    build: str
    subjects: frozenset[str]
    failed: frozenset[str]
    decision: str
