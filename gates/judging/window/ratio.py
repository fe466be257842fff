"""Condition: a ratio of bad events is below a limit, or a ratio of good events is above it.

A P95 limit is such a ratio, too: *P95 under 1 s* is *over 95 % took under 1 s*, read from the
histogram bucket at exactly that boundary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gates.judging import answers as reading
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.model import (
    Evidence,
    Figure,
    Finding,
    Measured,
    Measurement,
    RatioObjective,
    SampleSet,
    Series,
    Target,
    Verdict,
)
from gates.statistics import by_instance, chance_of_at_least, chance_of_at_most, total_increase

# A breach seen in fewer events than asked for counts only when chance hardly explains it.
SURELY = 0.001


@dataclass(frozen=True, slots=True)
class Count:
    """A number of events of one kind, and the number of all events."""

    part: int
    whole: int

    def __str__(self) -> str:
        share = f" ({100 * self.part / self.whole:.3g} %)" if self.whole else ""
        return f"{self.part:,} of {self.whole:,}{share}"


def selectors(objective: RatioObjective, target: Target) -> tuple[tuple[str, float], ...]:
    """The selectors of part, whole and process starts, of the target and of its baseline."""
    window = objective.window.total_seconds()
    return tuple(
        (reading.for_slot(selector, target, baseline=baseline), window)
        for baseline in (False, True)
        for selector in _selectors(objective)
    )


def _selectors(objective: RatioObjective) -> tuple[str, str, str]:
    indicator = objective.indicator
    return indicator.selected, indicator.total, objective.processes.start_time


def conclude(objective: RatioObjective, evidence: Evidence) -> Finding:
    """Judge the target's ratio; the finding also shows the ratio of the baseline."""
    answers = _answers(objective, evidence, baseline=False)
    measured, problem = reading.blindness(
        answers, objective.max_sample_age.total_seconds(), covering=answers[2:]
    )
    count = None
    if measured is Measured.OK:
        try:
            count = _count(answers)
        except ValueError as error:
            measured, problem = Measured.ERROR, str(error)
    if count is None:
        conclusion = cannot_measure(measured, objective.reads, problem)
    else:
        figure = Figure(count.part / count.whole, objective.limit) if count.whole else None
        conclusion = Conclusion(measured, *_judged(objective, evidence, count), figure=figure)
    return finding_of(
        objective, conclusion, _measurements(answers, count), reading.command(answers[0])
    )


def _answers(
    objective: RatioObjective, evidence: Evidence, *, baseline: bool
) -> tuple[SampleSet, SampleSet, SampleSet]:
    window = objective.window.total_seconds()

    def answer(selector: str) -> SampleSet:
        named = reading.for_slot(selector, evidence.target, baseline=baseline)
        return reading.sample_set(evidence, named, window)

    selected, total, starts = _selectors(objective)
    return answer(selected), answer(total), answer(starts)


def _count(answers: tuple[SampleSet, SampleSet, SampleSet]) -> Count:
    """The increments of part and whole, over the same instances up to the same moments.

    Raises:
        ValueError: a sample is not a count, the answers are not of the same instances, or the
            part exceeds the whole.
    """
    part, whole, starts = (by_instance(answer.series) for answer in answers)
    if not part.keys() == whole.keys() == starts.keys():
        counts_text = " / ".join(str(len(groups)) for groups in (part, whole, starts))
        raise ValueError(f"part, whole and start times are of different instances ({counts_text})")
    if spellings := reading.spelled_twice(answers[0].series):
        raise ValueError(f"a bucket is spelled {spellings[0]} and {spellings[1]} in the window")
    window_start = answers[1].evaluated_at - answers[1].window.total_seconds()
    counts = [0.0, 0.0]
    for instance in whole:
        groups = (part[instance], whole[instance], starts[instance])
        until = min(max(counter.samples[-1].at for counter in group) for group in groups)
        cut_part, cut_whole, cut_starts = (_until(group, until) for group in groups)
        counts[0] += total_increase(cut_part, cut_starts, window_start)
        counts[1] += total_increase(cut_whole, cut_starts, window_start)
    count = Count(part=round(counts[0]), whole=round(counts[1]))
    if count.part > count.whole:
        raise ValueError(f"{count.part} of {count.whole}: the part is larger than the whole")
    return count


def _until(group: Sequence[Series], until: float) -> list[Series]:
    """The samples up to a moment."""
    return [
        replace(counter, samples=tuple(sample for sample in counter.samples if sample.at <= until))
        for counter in group
    ]


def _judged(objective: RatioObjective, evidence: Evidence, count: Count) -> tuple[Verdict, str]:
    """The verdict on a count, and the sentence that says why."""
    word, limit = ("under" if objective.below else "over"), f"{100 * objective.limit:g} %"
    counts_text = (
        f"{evidence.target.slot}: {count} {objective.reads}; must be {word} {limit}; "
        f"{_baseline(objective, evidence)}; last {objective.window.total_seconds():.0f} s"
    )
    if count.whole >= objective.minimum_events:
        return (Verdict.PASS if _meets(objective, count) else Verdict.FAIL), counts_text
    if count.whole and not _meets(objective, count) and _chance(objective, count) < SURELY:
        return Verdict.FAIL, f"{counts_text}; few, but chance does not explain it"
    missing = objective.minimum_events - count.whole
    return (
        Verdict.INCONCLUSIVE,
        f"{missing:,} more events needed. {counts_text}{_pace(objective, count)}",
    )


def _meets(objective: RatioObjective, count: Count) -> bool:
    share = count.part / count.whole
    return share < objective.limit if objective.below else share > objective.limit


def _chance(objective: RatioObjective, count: Count) -> float:
    """The probability that a target exactly at the limit has a ratio at least this bad."""
    tail = chance_of_at_least if objective.below else chance_of_at_most
    return tail(count.part, count.whole, objective.limit)


def _pace(objective: RatioObjective, count: Count) -> str:
    if count.whole == 0:
        return "; at this rate: never, there is no traffic"
    seconds = (
        objective.window.total_seconds() / count.whole * (objective.minimum_events - count.whole)
    )
    return f"; about {max(1, round(seconds / 60))} min at this rate"


def _baseline(objective: RatioObjective, evidence: Evidence) -> str:
    """The baseline's count, for comparison only."""
    slot = evidence.target.baseline_slot
    answers = _answers(objective, evidence, baseline=True)
    if any(answer.measured is not Measured.OK for answer in answers):
        return f"{slot}: not seen"
    try:
        return f"{slot}: {_count(answers)}"
    except ValueError:
        return f"{slot}: not countable"


def _measurements(
    answers: tuple[SampleSet, SampleSet, SampleSet], count: Count | None
) -> list[Measurement]:
    part, whole, starts = answers
    return [
        reading.measurement(part, "unknown" if count is None else str(count.part)),
        reading.measurement(whole, "unknown" if count is None else str(count.whole)),
        reading.measurement(starts, f"{len(starts.series)} instances"),
    ]
