"""The record of a load run: its phases, and what the generator used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gates.model.run import Boot, RunState
from gates.model.target import Build

# The name of all operations of a phase together.
TOTAL = "total"
# The limits that apply to a phase: all, or only those of the share of correct answers and gaps.
ALL, ANSWERS = "all", "answers"
# The phase after a spike; the recovery time is measured from its start.
RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Latency:
    """One operation in one phase; seconds, from the intended start.

    Args:
        done: requests with a correct answer.
        failed: requests with a wrong answer or without an answer.
        unanswered: requests without an answer; they are failed requests too.
        samples: the number of samples of the quantiles; without samples, the quantiles are None.
        p50: the median.
        p95: the 95th percentile.
        p95_at_least: its lower 95 % confidence bound.
        p95_at_most: its upper 95 % confidence bound; None from too few samples.
        p99: the 99th percentile.
    """

    done: int
    failed: int
    unanswered: int
    samples: int
    p50: float | None
    p95: float | None
    p95_at_least: float | None
    p95_at_most: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """A phase of a load run.

    Args:
        name: the phase's name in the profile.
        judged: the limits that apply: ``all``, those of ``answers``, or empty.
        seconds: the length of the phase.
        users_planned: the planned number of users at its end.
        users_reached: the largest number of users.
        due: requests that were due, by the schedule that was fixed before the run.
        unfinished: due requests that have no end.
        oldest_unfinished_seconds: the age of the oldest request without an end.
        longest_gap_seconds: the longest time without a correct answer.
        operations: the figures of each operation of the contract, and of ``total``.
    """

    name: str
    judged: str
    seconds: float
    users_planned: int
    users_reached: int
    due: int
    unfinished: int
    oldest_unfinished_seconds: float
    longest_gap_seconds: float
    operations: Mapping[str, Latency]


@dataclass(frozen=True, slots=True)
class Generator:
    """The processes that generated the load.

    Args:
        workers: the planned number of processes.
        workers_gone: the number of processes that were lost.
        processor_share: processor seconds per second, by process; None where unknown.
        memory_bytes: the largest memory, by process.
        lag_p99_seconds: P99 of the delay that the generator itself added to requests.
    """

    workers: int
    workers_gone: int
    processor_share: tuple[float | None, ...]
    memory_bytes: tuple[int, ...]
    lag_p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class LoadRun:
    """The record of one load run.

    Args:
        run_id: the run's id.
        state: whether the record is complete.
        problem: why the record is not complete; an empty text for a complete record.
        profile: the profile's name; an empty text where the record does not name it.
        started_at: when the run started, UTC.
        ended_at: when the run ended, UTC; None without an end.
        target: the target's name.
        base_url: the address under load.
        target_digest: SHA-256 of the target file that the run used.
        build: the build that the target served at the start; None without an answer.
        build_at_end: the build that the target served at the end.
        limits: SHA-256 of the policy's limits.
        boot: the start on the machine's own clock; None where there is no such clock.
        users: the planned largest number of users.
        judged_seconds: the planned length of the judged phases.
        phases: the measured phases; empty without an end.
        reasons: how often an answer was wrong, by reason.
        memory: the memory of the target's processes: seconds since the run began, and bytes.
        recovery_seconds: the time after a spike with too many bad answers; None without a spike.
        generator: the processes that generated the load; None where unknown.
        left_behind: what the run left in the database; an empty text for nothing.
        record_size: the size of the record, in bytes.
        record_digest: SHA-256 of the record.
    """

    run_id: str
    state: RunState
    problem: str
    profile: str
    started_at: datetime
    ended_at: datetime | None
    target: str
    base_url: str
    target_digest: str
    build: Build | None
    build_at_end: Build | None
    limits: str
    boot: Boot | None
    users: int
    judged_seconds: float
    phases: tuple[LoadPhase, ...]
    reasons: Mapping[str, int]
    memory: tuple[tuple[float, float], ...]
    recovery_seconds: float | None
    generator: Generator | None
    left_behind: str
    record_size: int = 0
    record_digest: str = ""
