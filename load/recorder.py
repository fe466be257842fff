"""Measures the requests of one generator process, each from its intended start."""

import resource
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from gates.sources.json_values import Count
from load.plan import Plan

MAX_MICROSECONDS = 120_000_000
SIGNIFICANT_DIGITS = 3
# Successes are counted in tenths of a second, so gaps between them are exact to a tenth.
BUCKETS_PER_SECOND = 10
MAX_REASONS = 20
MAX_PROCESSOR_READINGS = 500


def histogram() -> HdrHistogram:
    """An empty histogram of microseconds, exact to three significant digits."""
    return HdrHistogram(1, MAX_MICROSECONDS, SIGNIFICANT_DIGITS)


def microseconds(seconds: float) -> int:
    """A duration in the histogram's unit and range."""
    return min(MAX_MICROSECONDS, max(1, round(seconds * 1e6)))


@dataclass(slots=True)
class OperationCounts:
    """The requests of one operation in one phase.

    Args:
        done: requests with a correct answer.
        failed: requests with a wrong answer, or with none.
        unanswered: requests without an answer.
        latency: the times of all answers that count, in microseconds.
    """

    done: int = 0
    failed: int = 0
    unanswered: int = 0
    latency: HdrHistogram = field(default_factory=histogram)


@dataclass(frozen=True, slots=True)
class Totals:
    """The progress so far: users who are running, requests done, and requests failed."""

    users: Count
    done: Count
    failed: Count


@dataclass(frozen=True, slots=True)
class CountsSnapshot:
    """``OperationCounts`` for another process.

    Args:
        phase: the number of the phase.
        operation: the operation of the contract.
        done: requests with a correct answer.
        failed: requests with a wrong answer, or with none.
        unanswered: requests without an answer.
        latency: the encoded histogram.
    """

    phase: Count
    operation: str
    done: Count
    failed: Count
    unanswered: Count
    latency: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one generator process has measured, for another process.

    Args:
        totals: the progress so far.
        counts: one for each phase and operation.
        reasons: how often an answer was wrong, by reason.
        successes: tenths of a second with a correct answer, since the run began; ascending.
        bad: bad or late answers, by the second at which their requests were due.
        completed: completed requests, by user.
        lag: the encoded histogram of how late requests were sent.
        running: the largest number of running users, by second.
        processor: moments, and this process's processor seconds at each.
        memory: the largest memory of this process, in bytes.
    """

    totals: Totals
    counts: tuple[CountsSnapshot, ...]
    reasons: Mapping[str, Count]
    successes: tuple[int, ...]
    bad: Mapping[int, Count]
    completed: Mapping[int, Count]
    lag: str
    running: Mapping[int, Count]
    processor: tuple[tuple[float, float], ...]
    memory: Count


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has ended.

    Args:
        user: the number of the user who sent it.
        operation: the operation of the contract.
        due: the moment at which the request was due, in seconds since the run began.
        ended: the moment at which the request ended, in seconds since the run began.
        problem: what is wrong with the answer; an empty text for a correct answer.
        answered: whether there was an answer.
    """

    user: int
    operation: str
    due: float
    ended: float
    problem: str = ""
    answered: bool = True


class Recorder:
    """Counts the requests of one generator process.

    Args:
        plan: the plan of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts: dict[tuple[int, str], OperationCounts] = defaultdict(OperationCounts)
        self._reasons: Counter[str] = Counter()
        self._successes: Counter[int] = Counter()
        self._bad: Counter[int] = Counter()
        self._completed: Counter[int] = Counter()
        self._lag = histogram()
        self._running: dict[int, int] = {}
        self._processor: list[tuple[float, float]] = []
        self._memory = 0

    def record_start(self, lag: float) -> None:
        """Count a request that was sent.

        Args:
            lag: seconds between the moment at which it could be sent and its sending.
        """
        self._lag.record_value(microseconds(lag))

    def record_end(self, request: Request) -> None:
        """Count a request that has ended.

        A request without an answer has lasted at least as long as the patience of the plan.
        """
        problem, seconds = request.problem, request.ended - request.due
        self._completed[request.user] += 1
        counts = self._counts[self._plan.phase_at(request.due), request.operation]
        if problem:
            counts.failed += 1
            counts.unanswered += not request.answered
            if problem in self._reasons or len(self._reasons) < MAX_REASONS:
                self._reasons[problem] += 1
        else:
            counts.done += 1
            self._successes[int(request.ended * BUCKETS_PER_SECOND)] += 1
        self._bad[int(request.due)] += bool(problem) or seconds > self._plan.slow
        if not request.answered:
            seconds = max(seconds, self._plan.patience)
        if not problem or not request.answered:
            counts.latency.record_value(microseconds(seconds))

    def record_usage(self, now: float, running: int) -> None:
        """Note the number of running users, and this process's processor time and memory.

        Args:
            now: seconds since the run began.
            running: the number of users who are running.
        """
        self._running[int(now)] = max(running, self._running.get(int(now), 0))
        self._processor.append((now, time.process_time()))
        self._memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def totals(self) -> Totals:
        """The progress so far."""
        return Totals(
            users=next(reversed(self._running.values()), 0),
            done=sum(counts.done for counts in self._counts.values()),
            failed=sum(counts.failed for counts in self._counts.values()),
        )

    def snapshot(self) -> Snapshot:
        """Everything that was measured so far."""
        step = max(1, len(self._processor) // MAX_PROCESSOR_READINGS)
        return Snapshot(
            totals=self.totals(),
            counts=tuple(
                CountsSnapshot(
                    phase=phase,
                    operation=operation,
                    done=counts.done,
                    failed=counts.failed,
                    unanswered=counts.unanswered,
                    latency=counts.latency.encode().decode(),
                )
                for (phase, operation), counts in self._counts.items()
            ),
            reasons=dict(self._reasons),
            successes=tuple(sorted(self._successes)),
            bad=dict(self._bad),
            completed=dict(self._completed),
            lag=self._lag.encode().decode(),
            running=dict(self._running),
            processor=tuple(self._processor[::step]),
            memory=self._memory,
        )
