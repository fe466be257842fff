"""What was seen: suite results, the build that is served, and metric samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from gates.model.decision import Measured
from gates.model.live import Move
from gates.model.target import Build, Target

if TYPE_CHECKING:
    from gates.model.load import LoadRun


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


class Sample(NamedTuple):
    """One raw sample: seconds since the epoch, and the value; there are many, so it is a tuple."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """The raw samples of one series, oldest first."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The answer to one range selector.

    Args:
        query: the range selector as sent.
        source: where it was sent.
        window: how far back it reaches.
        evaluated_at: the moment it reaches back from, seconds since the epoch.
        measured: whether an answer came.
        problem: why not, or empty.
        series: the answer.
    """

    query: str
    source: str
    window: timedelta
    evaluated_at: float
    measured: Measured
    problem: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class ServedBuild:
    """What the target said of itself just now.

    Args:
        measured: whether it answered.
        status: HTTP status of the answer; 0 without one.
        build: the build it serves, or None.
        deployment: what it calls itself.
        url: where it was asked.
        problem: why it did not answer, or empty.
    """

    measured: Measured
    status: int
    build: Build | None
    deployment: str
    url: str
    problem: str


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one decision rests on.

    Args:
        target: the subject.
        served: the build it serves.
        runs: the records of suite runs.
        samples: sample sets by query.
        loads: the records of load runs.
        moves: the shares of traffic the ramp command wrote down, for balancers nobody scrapes.
        lost_runs: runs that earlier decisions of the ledger named, and that are not there as such.
    """

    target: Target
    served: ServedBuild
    runs: tuple[Run, ...]
    samples: Mapping[str, SampleSet]
    loads: "tuple[LoadRun, ...]" = ()
    moves: tuple[Move, ...] = ()
    lost_runs: tuple[LostRun, ...] = ()
