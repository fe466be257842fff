"""Measures the requests of one generator process, each from the moment when it was due."""

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
    """Create an empty histogram of microseconds, exact to three significant digits."""
    return HdrHistogram(1, MAX_MICROSECONDS, SIGNIFICANT_DIGITS)


def microseconds(seconds: float) -> int:
    """Convert a duration to microseconds, within the range of the histogram."""
    return min(MAX_MICROSECONDS, max(1, round(seconds * 1e6)))


@dataclass(slots=True)
class OperationCounts:
    """The requests of one operation in one phase.

    Args:
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        unanswered: the number of requests without a response.
        latency: the times of requests with a correct response or without a response, in
            microseconds.
    """

    done: int = 0
    failed: int = 0
    unanswered: int = 0
    latency: HdrHistogram = field(default_factory=histogram)


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers of running users, correct requests and failed requests until now."""

    users: Count
    done: Count
    failed: Count


@dataclass(frozen=True, slots=True)
class CountsSnapshot:
    """The requests of one operation in one phase, in a form for another process.

    Args:
        phase: the number of the phase.
        operation: the operation of the contract.
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        unanswered: the number of requests without a response.
        latency: the encoded histogram of the times.
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
        totals: the numbers of users and requests until now.
        counts: the counts, one for each phase and operation.
        reasons: the number of failed requests, keyed by the reason.
        successes: the moments of correct responses, in whole tenths of a second since the run
            began; each moment once, ascending.
        bad: the number of bad or late requests, keyed by the second of the due time.
        completed: the number of completed requests, keyed by the number of the user.
        lag: the encoded histogram of the delays with which requests were sent.
        running: the largest number of running users, keyed by the second.
        processor: pairs of a moment and the processor seconds of this process until this moment.
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
        user: the number of the user who sent the request.
        operation: the operation of the contract.
        due: the moment at which the request was due, in seconds since the run began.
        ended: the moment at which the request ended, in seconds since the run began.
        problem: why the request failed; an empty text for a correct response.
        answered: whether a response came.
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
            lag: the delay in seconds: from the moment at which the user could send the request to
                the moment at which the user sent it.
        """
        self._lag.record_value(microseconds(lag))

    def record_end(self, request: Request) -> None:
        """Count a request that has ended.

        For a request without a response, the recorded time is at least the plan's ``patience``.
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
        """Record the number of running users, and this process's processor time and memory.

        Args:
            now: seconds since the run began.
            running: the number of users who are running.
        """
        self._running[int(now)] = max(running, self._running.get(int(now), 0))
        self._processor.append((now, time.process_time()))
        self._memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def totals(self) -> Totals:
        """Return the numbers of users and requests until now."""
        return Totals(
            users=next(reversed(self._running.values()), 0),
            done=sum(counts.done for counts in self._counts.values()),
            failed=sum(counts.failed for counts in self._counts.values()),
        )

    def snapshot(self) -> Snapshot:
        """Return everything that this process has measured until now."""
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
