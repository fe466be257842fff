"""Merges the snapshots of all generator processes into the measurements of a run."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hdrh.histogram import HdrHistogram

from gates.evidence.load_record import (
    GeneratorMeasurement,
    Judged,
    Measurements,
    OperationMeasurement,
    PhaseMeasurement,
)
from gates.model import ALL, TOTAL
from gates.statistics import quantile_ranks
from load.plan import Phase, Plan
from load.recorder import BUCKETS_PER_SECOND, OperationCounts, Snapshot, histogram, microseconds

P95 = 0.95
CONFIDENCE = 0.95
# The length of a window in seconds. A window is troubled when more than this share of its responses
# was bad or late (P95 is over the limit), and more than this number (two responses can be noise).
WINDOW_SECONDS, MAX_TROUBLE_SHARE, MAX_TROUBLE_ANSWERS = 5, 0.05, 2
NOT_JUDGED: Judged = ""
# For each second: the number of due requests, and how many of them were bad, late or unfinished.
Timeline = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The requests that were due by the plan, and the requests that have not ended.

    Args:
        due: the number of due requests of each phase.
        unfinished: the phase, and the age in seconds, of each request that has not ended.
        timeline: the number of due requests and of bad requests in each second.
    """

    due: list[int]
    unfinished: list[tuple[int, float]]
    timeline: Timeline

    def ages(self, phase: int) -> list[float]:
        """Return the ages of the unfinished requests of a phase, in seconds."""
        return [age for of_phase, age in self.unfinished if of_phase == phase]


def merge(
    plan: Plan, snapshots: Iterable[Snapshot], ended_after: float, workers_gone: int = 0
) -> Measurements:
    """Merge all snapshots, and compare the requests with the plan.

    Args:
        plan: the plan of the run, with the moments at which requests were due.
        snapshots: the snapshots, one from each generator process.
        ended_after: when the run ended, in seconds since it began; later requests are not due.
        workers_gone: the number of generator processes that were lost.

    Returns:
        The measurements, without the target's memory.
    """
    snapshots = list(snapshots)
    counts = _counts(snapshots)
    schedule = _schedule(plan, snapshots, ended_after)
    for phase, age in schedule.unfinished:
        if (phase, TOTAL) in counts:  # a request without an end is a slow request
            counts[phase, TOTAL].latency.record_value(microseconds(age))
    running = _sum_by_number(snapshot.running for snapshot in snapshots)
    moments = _moments_of_success(plan, snapshots, ended_after)
    reasons: Counter[str] = Counter()
    for snapshot in snapshots:
        reasons.update(snapshot.reasons)

    def measured(number: int, phase: Phase) -> PhaseMeasurement:
        ages = schedule.ages(number)
        users = (n for second, n in running.items() if phase.start <= second < phase.end)
        return PhaseMeasurement(
            name=phase.name,
            start_seconds=phase.start,
            end_seconds=min(phase.end, ended_after),
            judged=phase.judged if phase.end <= ended_after else NOT_JUDGED,
            is_recovery=phase.is_recovery,
            users_planned=phase.users_at_end,
            users_reached=max(users, default=0),
            due=schedule.due[number],
            unfinished=len(ages),
            oldest_unfinished_seconds=round(max(ages, default=0.0), 3),
            longest_gap_seconds=longest_gap(moments, phase.start, phase.end),
            operations={
                operation: _operation(of_operation)
                for (of_phase, operation), of_operation in sorted(
                    counts.items(), key=lambda item: item[0]
                )
                if of_phase == number
            },
        )

    return Measurements(
        phases=tuple(measured(number, phase) for number, phase in enumerate(plan.phases)),
        reasons=dict(reasons),
        bad_by_second=schedule.timeline,
        memory=(),
        recovery_seconds=recovery(plan, schedule.timeline),
        ended_after=ended_after,
        generator=_generator(plan, snapshots, ended_after, workers_gone),
    )


def _counts(snapshots: list[Snapshot]) -> dict[tuple[int, str], OperationCounts]:
    """Sum the counts of all processes by phase and operation, with a total for each phase."""
    merged: dict[tuple[int, str], OperationCounts] = defaultdict(OperationCounts)
    for counts in (counts for snapshot in snapshots for counts in snapshot.counts):
        latency = HdrHistogram.decode(counts.latency)
        for operation in (counts.operation, TOTAL):
            total = merged[counts.phase, operation]
            total.done += counts.done
            total.failed += counts.failed
            total.unanswered += counts.unanswered
            total.latency.add(latency)
    return merged


def _moments_of_success(plan: Plan, snapshots: list[Snapshot], ended_after: float) -> list[float]:
    """Return the first due moment, each moment with a correct response, and the run's end."""
    tenths = sorted({tenth for snapshot in snapshots for tenth in snapshot.successes})
    first_due = min((next(plan.due(user), plan.seconds) for user in range(plan.peak)), default=0.0)
    return [first_due, *(tenth / BUCKETS_PER_SECOND for tenth in tenths), ended_after]


def _schedule(plan: Plan, snapshots: list[Snapshot], ended_after: float) -> _Schedule:
    """Compare the completed requests with the requests that were due."""
    completed = _sum_by_number(snapshot.completed for snapshot in snapshots)
    bad = _sum_by_number(snapshot.bad for snapshot in snapshots)
    due, unfinished = [0] * len(plan.phases), []
    due_by_second = [0] * math.ceil(ended_after)
    for user in range(plan.peak):
        for number, moment in enumerate(plan.due(user)):
            if moment >= ended_after:
                break
            phase, second = plan.phase_at(moment), int(moment)
            due[phase] += 1
            due_by_second[second] += 1
            if number >= completed[user]:
                bad[second] += 1
                unfinished.append((phase, ended_after - moment))
    timeline = tuple((count, bad[second]) for second, count in enumerate(due_by_second))
    return _Schedule(due, unfinished, timeline)


def _operation(counts: OperationCounts) -> OperationMeasurement:
    latency = counts.latency
    samples = latency.get_total_count()
    if not samples:
        return OperationMeasurement(counts.done, counts.failed, counts.unanswered, samples=0)
    lower, upper = quantile_ranks(samples, P95, CONFIDENCE)
    return OperationMeasurement(
        done=counts.done,
        failed=counts.failed,
        unanswered=counts.unanswered,
        samples=samples,
        p50=_percentile(latency, 50),
        p95=_percentile(latency, 95),
        p95_at_least=_percentile(latency, 100 * lower / samples) if lower else 0.0,
        p95_at_most=_percentile(latency, 100 * upper / samples) if upper else None,
        p99=_percentile(latency, 99),
        max=round(latency.get_max_value() / 1e6, 6),
    )


def _percentile(latency: HdrHistogram, percentile: float) -> float:
    """Return a percentile of a histogram, in seconds."""
    return round(float(latency.get_value_at_percentile(percentile)) / 1e6, 6)


def longest_gap(moments: Sequence[float], start: float, end: float) -> float:
    """Return the longest gap between correct responses that overlaps a phase, in seconds.

    A gap that crosses the edge of the phase counts with its whole length.

    Args:
        moments: the first due request, each correct response, and the end of the run; ascending.
        start: the start of the phase, in seconds since the run began.
        end: the end of the phase, in seconds since the run began.
    """
    gaps = (after - before for before, after in pairwise(moments) if before < end and after > start)
    return round(max(gaps, default=0.0), 1)


def _sum_by_number(counts: Iterable[Mapping[int, int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for of_process in counts:
        total.update(of_process)
    return total


def recovery(plan: Plan, timeline: Sequence[tuple[int, int]]) -> float | None:
    """Compute how long too many responses were bad or late after a spike.

    Args:
        plan: the plan of the run; a plan with a spike has a phase of recovery.
        timeline: the number of due requests and of bad requests in each second.

    Returns:
        The seconds from the start of the recovery to the end of the last window with too many bad
        responses; None without a spike, or for a run that ended early.
    """
    phase = next((phase for phase in plan.phases if phase.is_recovery), None)
    if phase is None or len(timeline) < plan.seconds:
        return None
    start = int(phase.start)
    troubled = [
        second
        for second in range(start, len(timeline) - WINDOW_SECONDS + 1)
        if _is_troubled(timeline[second : second + WINDOW_SECONDS])
    ]
    return float(troubled[-1] + WINDOW_SECONDS - start) if troubled else 0.0


def _is_troubled(window: Sequence[tuple[int, int]]) -> bool:
    due, bad = sum(second[0] for second in window), sum(second[1] for second in window)
    return bad > max(MAX_TROUBLE_ANSWERS, MAX_TROUBLE_SHARE * due)


def _generator(
    plan: Plan, snapshots: list[Snapshot], ended_after: float, workers_gone: int
) -> GeneratorMeasurement:
    """Measure the delays, the memory and the processor use of the generator processes.

    Only the processor use is limited to the judged part of the run.
    """
    lag = histogram()
    for snapshot in snapshots:
        lag.add(HdrHistogram.decode(snapshot.lag))
    judged = [phase for phase in plan.phases if phase.judged == ALL and phase.end <= ended_after]
    start = judged[0].start if judged else 0.0
    end = min(judged[-1].end if judged else plan.seconds, ended_after)
    has_lag = bool(lag.get_total_count())
    return GeneratorMeasurement(
        processor_share=tuple(
            _processor_share(snapshot.processor, start, end) for snapshot in snapshots
        ),
        memory_bytes=tuple(snapshot.memory for snapshot in snapshots),
        lag_p99_seconds=_percentile(lag, 99) if has_lag else None,
        lag_max_seconds=round(lag.get_max_value() / 1e6, 6) if has_lag else None,
        workers_gone=workers_gone,
    )


def _processor_share(
    readings: Sequence[tuple[float, float]], start: float, end: float
) -> float | None:
    """Return the average use of a processor, 1 for a whole core; None without two readings."""
    within = [reading for reading in readings if start <= reading[0] <= end]
    if not within or within[-1][0] <= within[0][0]:
        return None
    return round((within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0]), 4)
