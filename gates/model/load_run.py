"""The record of a load run: the phases of the run, and the processes that generated the load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gates.model.run import Boot, RunState
from gates.model.target import LATER, Build

# The name under which all operations of a phase are added up.
TOTAL = "total"
# The limits that apply to a phase: all limits, or only those of correct responses and of gaps.
ALL, ANSWERS = "all", "answers"


@dataclass(frozen=True, slots=True)
class Latency:
    """The requests of one operation in one phase of a load run.

    Times are in seconds, and are measured from the moment at which a request was due.

    Args:
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        unanswered: the number of requests without a response; ``failed`` counts them too.
        samples: the number of response times; if it is 0, every quantile is None.
        p50: the median response time.
        p95: the 95th percentile.
        p95_at_least: the lower 95 % confidence bound of ``p95``.
        p95_at_most: the upper 95 % confidence bound of ``p95``; None with too few samples.
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
        judged: ``all`` if all limits apply to the phase; ``answers`` if only the limits of the
            shares of correct and failed responses, and of the gaps between correct responses,
            apply; empty where no limit applies.
        seconds: the length of the phase.
        users_planned: the planned number of users at the end of the phase.
        users_reached: the largest number of users that ran at the same time in the phase.
        due: the number of requests that were due by the schedule, which was fixed before the run.
        unfinished: the number of due requests that were never sent or never ended.
        oldest_unfinished_seconds: the time from the moment at which the oldest unfinished request
            was due to the end of the run; 0 without unfinished requests.
        longest_gap_seconds: the longest time without a correct response.
        operations: the requests of each operation of the contract, and of ``total`` (all of them).
        is_recovery: whether the phase follows a spike, so that the recovery time begins with it.
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
    is_recovery: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Generator:
    """The processes that generated the load.

    Args:
        workers: the planned number of processes.
        workers_gone: the number of processes that were lost.
        processor_share: processor seconds per second, for each process; None where unknown.
        memory_bytes: the peak memory of each process.
        lag_p99_seconds: the 99th percentile of the delays of requests: from the moment at which a
            user could send a request to the moment at which the user sent it; None where no delay
            was measured.
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
        profile: the profile's name; an empty text where the record has no name.
        started_at: when the run started, UTC.
        ended_at: when the run ended, UTC; None where the record has no end.
        target: the target's name.
        base_url: the address of the store to which the run sends the load.
        target_digest: SHA-256 of the target file that the run used.
        build: the build that the target served at the start; None where the target named no build.
        build_at_end: the build that the target served at the end; None where it is unknown.
        limits: SHA-256 of the policy's limits.
        boot: the start of the run on the clock that counts from the boot of the machine; None where
            the machine has no such clock.
        users: the limits apply to phases with at most this planned number of simulated users.
        judged_seconds: the planned length of the phases to which all limits apply.
        phases: the measured phases; empty where the record has no end.
        reasons: the number of failed requests, by reason.
        memory: the memory of the target's processes: pairs of a time, in seconds since the run
            began, and the number of bytes at this time.
        recovery_seconds: the time from the end of a spike to the end of the last period with too
            many failed or slow requests; None without a spike, or where the run ended early.
        generator: the processes that generated the load; None where unknown.
        left_behind: the data that the run left in the database; an empty text where it left no
            data.
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
