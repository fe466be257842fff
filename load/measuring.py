"""What a generator measures: every request from its intended start, in mergeable histograms."""

import math
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hdrh.histogram import HdrHistogram

from gates.statistics import quantile_ranks
from load.plan import ALL, Plan

LONGEST_MICROSECONDS = 120_000_000
DIGITS = 3
# Gaps between successes are seen to a tenth of a second.
BUCKETS_A_SECOND = 10
TOTAL = "total"
P95 = 0.95
CONFIDENCE = 0.95
MOST_REASONS = 20


def histogram() -> HdrHistogram:
    """An empty histogram of microseconds, exact to three digits."""
    return HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)


@dataclass(slots=True)
class Counts:
    """One operation in one phase."""

    done: int = 0
    failed: int = 0
    unanswered: int = 0
    latency: HdrHistogram = field(default_factory=histogram)


class Recorder:
    """One generator's measurements.

    Args:
        plan: the plan of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts: dict[tuple[int, str], Counts] = defaultdict(Counts)
        self._reasons: Counter[str] = Counter()
        self._successes: Counter[int] = Counter()
        self._bad: Counter[int] = Counter()
        self._completed: Counter[int] = Counter()
        self._lag = histogram()
        self._running: dict[int, int] = {}
        self._processor: list[tuple[float, float]] = []
        self._memory = 0

    def started(self, lag: float) -> None:
        """A request was sent so many seconds later than its user was free and it was due."""
        self._lag.record_value(max(1, round(lag * 1e6)))

    def ended(  # noqa: PLR0913 - one line of a record
        self,
        user: int,
        operation: str,
        due: float,
        now: float,
        problem: str = "",
        *,
        answered: bool = True,
    ) -> None:
        """A request has ended.

        Args:
            user: whose.
            operation: of the contract.
            due: when it should have been sent, seconds since the run began.
            now: the same of this moment.
            problem: what is wrong with the answer; empty for nothing.
            answered: whether there was one; where not, it took the whole patience or longer.
        """
        phase, seconds = self._plan.phase_at(due), now - due
        self._completed[user] += 1
        counts = self._counts[phase, operation]
        if problem:
            counts.failed += 1
            counts.unanswered += not answered
            if problem in self._reasons or len(self._reasons) < MOST_REASONS:
                self._reasons[problem] += 1
        else:
            counts.done += 1
            self._successes[int(now * BUCKETS_A_SECOND)] += 1
        self._bad[int(due)] += bool(problem) or seconds > self._plan.slow
        if not answered:
            seconds = max(seconds, self._plan.patience)
        if not problem or not answered:
            counts.latency.record_value(min(LONGEST_MICROSECONDS, max(1, round(seconds * 1e6))))

    def look(self, now: float, running: int) -> None:
        """Note how many users are running, and what this process has used."""
        self._running[int(now)] = max(running, self._running.get(int(now), 0))
        self._processor.append((now, time.process_time()))
        self._memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def totals(self) -> dict[str, int]:
        """Users running now, requests done and failed so far."""
        return {
            "users": next(reversed(self._running.values()), 0),
            "done": sum(one.done for one in self._counts.values()),
            "failed": sum(one.failed for one in self._counts.values()),
        }

    def snapshot(self) -> dict[str, Any]:
        """Everything so far, as JSON."""
        return {
            "totals": self.totals(),
            "counts": [
                [
                    phase,
                    operation,
                    one.done,
                    one.failed,
                    one.unanswered,
                    one.latency.encode().decode(),
                ]
                for (phase, operation), one in self._counts.items()
            ],
            "reasons": dict(self._reasons),
            "successes": sorted(self._successes),
            "bad": dict(self._bad),
            "completed": dict(self._completed),
            "lag": self._lag.encode().decode(),
            "running": dict(self._running),
            "processor": self._processor[:: max(1, len(self._processor) // 500)],
            "memory": self._memory,
        }


def merged(
    plan: Plan, snapshots: Iterable[Mapping[str, Any]], ended_after: float
) -> dict[str, Any]:
    """What all generators measured together, held against the plan.

    Args:
        plan: what was due.
        snapshots: one a generator.
        ended_after: when the run ended, seconds since it began; what was due later is not.

    Returns:
        The ``measured`` part of load.json.
    """
    snapshots = list(snapshots)
    counts: dict[tuple[int, str], Counts] = defaultdict(Counts)
    for snapshot in snapshots:
        for phase, operation, done, failed, unanswered, encoded in snapshot["counts"]:
            decoded = HdrHistogram.decode(encoded)
            for name in (operation, TOTAL):
                one = counts[phase, name]
                one.done += done
                one.failed += failed
                one.unanswered += unanswered
                one.latency.add(decoded)
    due, unfinished, oldest = _held_against_plan(plan, snapshots, ended_after, counts)
    running = _summed(snapshots, "running")
    successes = sorted(
        moment / BUCKETS_A_SECOND for moment in {at for one in snapshots for at in one["successes"]}
    )
    first_due = min((next(plan.due(user), plan.seconds) for user in range(plan.peak)), default=0.0)
    reasons: Counter[str] = Counter()
    for snapshot in snapshots:
        reasons.update(snapshot["reasons"])
    return {
        "phases": [
            {
                "name": phase.name,
                "start_seconds": phase.start,
                "end_seconds": min(phase.end, ended_after),
                "judged": phase.judged if phase.end <= ended_after else "",
                "users_planned": phase.users_at_end,
                "users_reached": max(
                    (count for second, count in running.items()
                     if phase.start <= second < phase.end), default=0),
                "due": due[number],
                "unfinished": unfinished[number],
                "oldest_unfinished_seconds": oldest[number],
                "longest_gap_seconds": longest_gap(
                    [first_due, *successes, ended_after], phase.start, phase.end),
                "operations": {
                    name: _operation(one)
                    for (at, name), one in sorted(counts.items()) if at == number
                },
            }
            for number, phase in enumerate(plan.phases)
        ],
        "reasons": dict(reasons),
        "bad_by_second": _timeline(plan, snapshots, ended_after),
        "generator": _generator(plan, snapshots, ended_after),
    }  # fmt: skip


def _held_against_plan(
    plan: Plan,
    snapshots: list[Mapping[str, Any]],
    ended_after: float,
    counts: Mapping[tuple[int, str], Counts],
) -> tuple[list[int], list[int], list[float]]:
    """By phase: requests due, those of them without an end, and the age of the oldest of these.

    Their ages go into the total's latencies: what hangs is slow.
    """
    completed: Counter[int] = Counter()
    for snapshot in snapshots:
        completed.update({int(user): count for user, count in snapshot["completed"].items()})
    size = len(plan.phases)
    due, unfinished, oldest = [0] * size, [0] * size, [0.0] * size
    for user in range(plan.peak):
        for number, moment in enumerate(plan.due(user)):
            if moment >= ended_after:
                break
            phase = plan.phase_at(moment)
            due[phase] += 1
            if number >= completed[user]:
                age = ended_after - moment
                unfinished[phase] += 1
                oldest[phase] = max(oldest[phase], round(age, 3))
                if (phase, TOTAL) in counts:
                    counts[phase, TOTAL].latency.record_value(
                        min(LONGEST_MICROSECONDS, max(1, round(age * 1e6)))
                    )
    return due, unfinished, oldest


def _operation(counts: Counts) -> dict[str, Any]:
    latency = counts.latency
    content: dict[str, Any] = {
        "done": counts.done, "failed": counts.failed, "unanswered": counts.unanswered,
    }  # fmt: skip
    samples = latency.get_total_count()
    if not samples:
        return {**content, "samples": 0}
    lower, upper = quantile_ranks(samples, P95, CONFIDENCE)
    return {
        **content,
        "samples": samples,
        "p50": _at(latency, 50),
        "p95": _at(latency, 95),
        "p95_at_least": _at(latency, 100 * lower / samples) if lower else 0.0,
        "p95_at_most": _at(latency, 100 * upper / samples) if upper else None,
        "p99": _at(latency, 99),
        "max": round(latency.get_max_value() / 1e6, 6),
    }


def _at(latency: HdrHistogram, percentile: float) -> float:
    return round(float(latency.get_value_at_percentile(percentile)) / 1e6, 6)


def longest_gap(moments: Sequence[float], start: float, end: float) -> float:
    """The longest time without a success that touches a phase, in seconds, whole.

    Args:
        moments: when something was due first, each success, and the run's end; ascending.
        start: the phase's beginning.
        end: its end.
    """
    gaps = (after - before for before, after in pairwise(moments) if before < end and after > start)
    return round(max(gaps, default=0.0), 1)


def _summed(snapshots: Iterable[Mapping[str, Any]], name: str) -> Counter[int]:
    total: Counter[int] = Counter()
    for snapshot in snapshots:
        total.update({int(second): count for second, count in snapshot[name].items()})
    return total


def _timeline(
    plan: Plan, snapshots: list[Mapping[str, Any]], ended_after: float
) -> list[list[int]]:
    """For each second: how many requests were due, and how many of them were bad or missing."""
    completed = _summed(snapshots, "completed")
    due: Counter[int] = Counter()
    bad = _summed(snapshots, "bad")
    for user in range(plan.peak):
        for number, moment in enumerate(plan.due(user)):
            if moment < ended_after:
                due[int(moment)] += 1
                bad[int(moment)] += number >= completed[user]
    return [[due[second], bad[second]] for second in range(math.ceil(ended_after))]


def _generator(
    plan: Plan, snapshots: list[Mapping[str, Any]], ended_after: float
) -> dict[str, Any]:
    lag = histogram()
    for snapshot in snapshots:
        lag.add(HdrHistogram.decode(snapshot["lag"]))
    judged = [phase for phase in plan.phases if phase.judged == ALL and phase.end <= ended_after]
    start = judged[0].start if judged else 0.0
    end = min(judged[-1].end if judged else plan.seconds, ended_after)
    return {
        "processor_share": [
            _processor_share(snapshot["processor"], start, end) for snapshot in snapshots
        ],
        "memory_bytes": [snapshot["memory"] for snapshot in snapshots],
        "lag_p99_seconds": _at(lag, 99) if lag.get_total_count() else None,
        "lag_max_seconds": round(lag.get_max_value() / 1e6, 6) if lag.get_total_count() else None,
    }


def _processor_share(looks: list[list[float]], start: float, end: float) -> float | None:
    """Processor seconds a second, between two moments."""
    within = [look for look in looks if start <= look[0] <= end]
    if len(within) < 2 or within[-1][0] <= within[0][0]:  # noqa: PLR2004 - a difference needs two
        return None
    return round((within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0]), 4)
