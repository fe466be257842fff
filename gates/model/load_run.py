"""What a load run measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gates.model.run import Boot, RunState
from gates.model.target import Build

# All operations of a phase together.
TOTAL = "total"
# Which limits apply to a phase: all, or whether what was due was answered rightly, without a gap.
ALL, ANSWERS = "all", "answers"
# The phase after a spike, from which on its aftermath is timed.
RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Latency:
    """One operation in one phase; seconds, from the intended start.

    Args:
        done: requests answered rightly.
        failed: requests answered wrongly, or not at all.
        unanswered: those of them that were not answered at all.
        samples: how many the quantiles rest on; those are None without any.
        p50: the median.
        p95: the 95th percentile.
        p95_at_least: its lower 95 % confidence bound.
        p95_at_most: its upper one; None where there are too few samples.
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
    """A part of a load run.

    Args:
        name: the profile's name for it.
        judged: ``all`` limits apply to it, those of ``answers``, or none: empty.
        seconds: how long it took.
        users_planned: how many users it should have come to.
        users_reached: the most it had.
        due: requests due in it, by the schedule fixed ahead.
        unfinished: those of them without an end.
        oldest_unfinished_seconds: the age of the oldest of these.
        longest_gap_seconds: the longest time without a right answer.
        operations: by operation of the contract, and ``total``.
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
    """How the load was made.

    Args:
        workers: how many processes were asked for.
        workers_gone: how many of them were gone at some time.
        processor_share: processor seconds a second of each process, None where unknown.
        memory_bytes: the most memory of each.
        lag_p99_seconds: how late requests were sent when nothing but the generator held them up.
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
        run_id: names the run.
        state: whether the record is whole.
        problem: what is wrong with it, or empty.
        profile: the profile's name; empty when the record does not say.
        started_at: when it started, UTC.
        ended_at: when it ended; None when it did not.
        target: the target's name.
        base_url: the address under load.
        target_digest: SHA-256 of the target file the run read.
        build: the build served at the start; None when it could not be asked.
        build_at_end: the same at the end.
        limits: SHA-256 of the policy's limits it knew.
        boot: its start on the machine's own clock.
        users: the most users it was to have.
        judged_seconds: how long its judged phases were to take.
        phases: what was measured; empty when nothing was.
        reasons: how often an answer was wrong in which way.
        memory: memory of the target's processes: seconds since the beginning, and bytes.
        recovery_seconds: for how long after a spike too many answers were bad or late.
        generator: how the load was made; None when unknown.
        left_behind: what the run left in the database; empty for nothing.
        record_size: how many bytes its record has.
        record_digest: SHA-256 of its record.
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
