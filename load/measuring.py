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

from gates.model import ALL, RECOVERY, TOTAL
from gates.statistics import quantile_ranks
from load.plan import Plan

LONGEST_MICROSECONDS = 120_000_000
DIGITS = 3
# Gaps between successes are seen to a tenth of a second.
BUCKETS_A_SECOND = 10
P95 = 0.95
CONFIDENCE = 0.95
MOST_REASONS = 20
# P95: a few seconds in which more than so many answers were bad or late are troubled; one or two
# bad answers alone are not.
TROUBLED, ALONE, WINDOW = 0.05, 2, 5


def histogram() -> HdrHistogram:
    """An empty histogram of microseconds, exact to three digits."""
    return HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)


def microseconds(seconds: float) -> int:
    """A duration as a histogram takes it."""
    return min(LONGEST_MICROSECONDS, max(1, round(seconds * 1e6)))


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
        self._lag.record_value(microseconds(lag))

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
            counts.latency.record_value(microseconds(seconds))

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
    plan: Plan,
    snapshots: Iterable[Mapping[str, Any]],
    ended_after: float,
    workers_gone: int = 0,
) -> dict[str, Any]:
    """What all generators measured together, held against the plan.

    Args:
        plan: what was due.
        snapshots: one a generator.
        ended_after: when the run ended, seconds since it began; what was due later is not.
        workers_gone: how many generators were lost.

    Returns:
        The ``measured`` part of load.json, but for the target's memory.
    """
    snapshots = list(snapshots)
    counts = _counted(snapshots)
    against = _held_against_plan(plan, snapshots, ended_after)
    for phase, age in against.unfinished:
        if (phase, TOTAL) in counts:  # what hangs is slow
            counts[phase, TOTAL].latency.record_value(microseconds(age))
    running = _summed(snapshots, "running")
    successes = sorted({moment for one in snapshots for moment in one["successes"]})
    first_due = min((next(plan.due(user), plan.seconds) for user in range(plan.peak)), default=0.0)
    moments = [first_due, *(one / BUCKETS_A_SECOND for one in successes), ended_after]
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
                **against.of_phase(number),
                "longest_gap_seconds": longest_gap(moments, phase.start, phase.end),
                "operations": {
                    name: _operation(one)
                    for (at, name), one in sorted(counts.items()) if at == number
                },
            }
            for number, phase in enumerate(plan.phases)
        ],
        "reasons": dict(reasons),
        "bad_by_second": against.timeline,
        "recovery_seconds": recovery(plan, against.timeline),
        "ended_after": ended_after,
        "generator": {**_generator(plan, snapshots, ended_after), "workers_gone": workers_gone},
    }  # fmt: skip


def _counted(snapshots: list[Mapping[str, Any]]) -> dict[tuple[int, str], Counts]:
    """All generators' counts by phase and operation, and those of all operations together."""
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
    return counts


@dataclass(frozen=True, slots=True)
class _Against:
    """What was due by the plan, and what of it has no end.

    Args:
        due: requests due, by phase.
        unfinished: phase and age of each that has no end.
        timeline: for each second, requests due, and those of them that were bad or have no end.
    """

    due: list[int]
    unfinished: list[tuple[int, float]]
    timeline: list[list[int]]

    def of_phase(self, number: int) -> dict[str, Any]:
        ages = [age for phase, age in self.unfinished if phase == number]
        return {
            "due": self.due[number],
            "unfinished": len(ages),
            "oldest_unfinished_seconds": round(max(ages, default=0.0), 3),
        }


def _held_against_plan(
    plan: Plan, snapshots: list[Mapping[str, Any]], ended_after: float
) -> _Against:
    completed, bad = _summed(snapshots, "completed"), _summed(snapshots, "bad")
    due, unfinished = [0] * len(plan.phases), []
    timeline = [[0, bad[second]] for second in range(math.ceil(ended_after))]
    for user in range(plan.peak):
        for number, moment in enumerate(plan.due(user)):
            if moment >= ended_after:
                break
            phase, second = plan.phase_at(moment), timeline[int(moment)]
            due[phase] += 1
            second[0] += 1
            if number >= completed[user]:
                second[1] += 1
                unfinished.append((phase, ended_after - moment))
    return _Against(due, unfinished, timeline)


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


def recovery(plan: Plan, timeline: list[list[int]]) -> float | None:
    """For how long after a spike too many answers were bad or late, in seconds.

    Args:
        plan: has a phase named ``recovery``, or there was no spike: None.
        timeline: for each second, requests due and how many of them were bad.

    Returns:
        Until the last few seconds in which more than one in twenty was; those up to the end mean
        that it never recovered.
    """
    phase = next((one for one in plan.phases if one.name == RECOVERY), None)
    if phase is None or len(timeline) < plan.seconds:
        return None
    start = int(phase.start)
    troubled = [
        second
        for second in range(start, len(timeline) - WINDOW + 1)
        if _is_troubled(timeline[second : second + WINDOW])
    ]
    return float(troubled[-1] + WINDOW - start) if troubled else 0.0


def _is_troubled(seconds: list[list[int]]) -> bool:
    due, bad = sum(one[0] for one in seconds), sum(one[1] for one in seconds)
    return bad > max(ALONE, TROUBLED * due)


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
