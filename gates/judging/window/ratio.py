"""Condition: a ratio of bad events is below a limit, or a ratio of good events is above a limit.

A limit of the P95 latency is also a limit of a ratio. For example, *P95 under 1 s* means that over
95 % of the requests took under 1 s. The number of these requests is read from the histogram bucket
that ends at 1 s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gates.judging import answers as reading
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.judging.metric_query import MetricQuery, SumPart, clock_of, counts_none, instance_labels
from gates.judging.series import discovery, same_process, series_labels
from gates.judging.series.series_labels import SeriesLabels
from gates.model import (
    Evidence,
    Figure,
    Finding,
    Measured,
    Measurement,
    Part,
    RatioObjective,
    SampleSet,
    Series,
    Target,
    Verdict,
)
from gates.model.figures import significant
from gates.model.scrape import without_label
from gates.model.selector import NAME
from gates.model.selector import parse as parse_selector
from gates.statistics import (
    MAX_QUIET_AGES,
    by_instance,
    chance_of_at_least,
    chance_of_at_most,
    total_increase,
)

# A breach seen in fewer events than asked for counts only when chance hardly explains it.
MAX_CHANCE = 0.001


@dataclass(frozen=True, slots=True)
class Count:
    """The number of selected events, and the number of total events.

    Args:
        part: the number of bad events, or of good events, as the indicator selects them.
        whole: the number of total events.
    """

    part: int
    whole: int

    def __str__(self) -> str:
        share = f" ({significant(100 * self.part / self.whole)} %)" if self.whole else ""
        return f"{self.part:,} of {self.whole:,}{share}"


def queries(objective: RatioObjective, target: Target) -> tuple[MetricQuery, ...]:
    """Return the metric queries of a ratio objective, for the target and for the baseline.

    For each colour, the queries read the selected events, the total events, a time series that
    each instance always has, and ``up``.

    Args:
        objective: the objective with the indicator and the window.
        target: the target, which names both colours.
    """
    colours = (RatioQueries.of(objective, target, baseline=baseline) for baseline in (False, True))
    return tuple(dict.fromkeys(query for colour in colours for query in colour))


class RatioQueries(NamedTuple):
    """The metric queries of a ratio objective for one colour.

    Args:
        part: the query of the counters of the selected events.
        whole: the query of the counters of the total events.
        starts: the query of the start times of the processes, or of another time series that each
            instance always has.
        up: the query of ``up``, which shows whether Prometheus reaches each instance.
    """

    part: MetricQuery
    whole: MetricQuery
    starts: MetricQuery
    up: MetricQuery

    @classmethod
    def of(cls, objective: RatioObjective, target: Target, *, baseline: bool) -> "RatioQueries":
        """Build the queries of the target, or of the target's baseline.

        Args:
            objective: the objective with the indicator and the window.
            target: the target, which names both colours.
            baseline: whether the queries are of the baseline.
        """
        window, indicator = objective.window.total_seconds(), objective.indicator
        processes = objective.processes

        def named(selector: str) -> str:
            return reading.for_slot(selector, target, baseline=baseline)

        def counters(selector: str) -> MetricQuery:
            whole = named(indicator.total) if counts_none(indicator, selector) else ""
            return MetricQuery(
                named(selector),
                window,
                (SumPart(selector, named(selector), whole),),
                clock_of(processes, named(processes.presence)),
                indicator.labels,
                instance_labels(selector, processes, target),
            )

        return cls(
            counters(indicator.selected),
            counters(indicator.total),
            MetricQuery(named(processes.presence), window),
            MetricQuery(named(processes.up), window),
        )


@dataclass(frozen=True, slots=True)
class RatioAnswers:
    """The query results of a ratio objective for one colour.

    Args:
        part: the query result with the counters of the selected events.
        whole: the query result with the counters of the total events.
        starts: the query result with the start times of the processes, or with another time series
            that each instance always has.
        up: the query result of ``up``, which shows whether Prometheus reaches each instance.
        objective: the objective.
    """

    part: SampleSet
    whole: SampleSet
    starts: SampleSet
    up: SampleSet
    objective: RatioObjective

    @classmethod
    def of(cls, objective: RatioObjective, evidence: Evidence, *, baseline: bool) -> "RatioAnswers":
        """Take the query results of the target, or of the target's baseline, from the evidence.

        Args:
            objective: the objective.
            evidence: the evidence with the query results.
            baseline: whether the query results of the baseline are taken.
        """
        part, whole, starts, up = (
            query.answer(evidence)
            for query in RatioQueries.of(objective, evidence.target, baseline=baseline)
        )
        return cls(part, whole, starts, up, objective)

    @property
    def gone(self) -> frozenset[str]:
        """The instances that are no longer in the service discovery of Prometheus."""
        return discovery.gone_if_known(self.up, self._max_age, self.instance_label)

    @property
    def has_no_part(self) -> bool:
        """Whether bad events have no time series, which can mean that no bad event occurred."""
        indicator = self.objective.indicator
        return indicator.part is Part.BAD and self.part.measured is Measured.NO_DATA

    @property
    def instance_label(self) -> str:
        """The name of the label whose value is the instance."""
        return self.objective.processes.instance_label

    def by_instance(self, answer: SampleSet) -> dict[str, list[Series]]:
        """Return the time series of a query result, keyed by instance.

        Raises:
            ValueError: a time series names no instance, or several jobs scrape an instance at once.
        """
        return by_instance(answer.series, self.instance_label)

    @property
    def _max_age(self) -> float:
        return self.objective.max_sample_age.total_seconds()

    def blindness(self) -> tuple[Measured, str]:
        """Find the reason why the ratio cannot be judged, such as missing or old samples.

        Returns:
            A status and a sentence with the reason; ``(OK, "")`` where the ratio can be judged.
        """
        needed = (
            [self.whole, self.starts] if self.has_no_part else [self.part, self.whole, self.starts]
        )
        return reading.blindness(
            needed,
            self._max_age,
            covering=[self.starts],
            gone=self.gone,
            instance_label=self.instance_label,
        )

    def require_single_count(self) -> None:
        """Check that every event is counted exactly once.

        Raises:
            ValueError: two time series count the same events, or a query result has no time series
                of an instance.
        """
        processes = self.objective.processes
        labels = SeriesLabels([self.objective.indicator], processes)
        starts = None if processes.fall_is_restart else self.starts
        problem = series_labels.problem(
            (self.part, self.whole, *([starts] if starts else [])), labels, self.instance_label
        ) or same_process.problem(starts, [self.whole], labels, self.instance_label)
        if problem:
            raise ValueError(problem)
        selectors = [parse_selector(self.objective.indicator.selected, any_colour=True)]
        for series in self.whole.series:
            if unlabelled := without_label(series.labels, selectors):
                raise ValueError(unlabelled)
        if spellings := reading.spelled_twice(self.part.series):
            raise ValueError(
                f"the boundary of a bucket is spelled {spellings[0]} and {spellings[1]} in the "
                "window; wait until the window has only one spelling"
            )
        part, whole, running = (
            self.by_instance(answer) for answer in (self.part, self.whole, self.starts)
        )
        silent = {name for name in running.keys() - whole.keys() if not self._may_be_silent(name)}
        without_part = {name for name in whole.keys() - part.keys() if not self._has_none(name)}
        if silent or without_part or part.keys() - whole.keys() or whole.keys() - running.keys():
            counts_text = " / ".join(str(len(groups)) for groups in (part, whole, running))
            raise ValueError(
                "the selected events, the total events and the start times are of different "
                f"instances (number of instances: {counts_text})"
            )

    def _may_be_silent(self, instance: str) -> bool:
        """Whether an instance may have no events: it is gone, or Prometheus has just found it."""
        if instance in self.gone or self.objective.processes.of_both_colours:
            return True
        first = min(series.samples[0].at for series in self.by_instance(self.starts)[instance])
        return self.starts.evaluated_at - first <= MAX_QUIET_AGES * self._max_age

    def _has_none(self, instance: str) -> bool:
        """Return whether an instance had no bad events.

        This is known only if the other series of the instance have the labels that bad events have.
        """
        indicator = self.objective.indicator
        selected = parse_selector(indicator.selected, any_colour=True)
        return indicator.part is Part.BAD and any(
            selected.matches_name(series.labels.get(NAME, ""))
            and all(series.labels.get(label) for label in selected.asks_for)
            for series in self.by_instance(self.whole)[instance]
        )


def conclude(objective: RatioObjective, evidence: Evidence) -> Finding:
    """Judge the target's ratio; the sentence of the finding also has the baseline's ratio.

    Args:
        objective: the objective with the indicator, the window and the limit.
        evidence: the evidence with the query results of the target and of the baseline.
    """
    answers = RatioAnswers.of(objective, evidence, baseline=False)
    measured, problem = answers.blindness()
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
        objective, conclusion, _measurements(answers, count), reading.command(answers.part)
    )


def _count(answers: RatioAnswers) -> Count:
    """Count the selected events and the total events in the window, from the same scrapes.

    Raises:
        ValueError: a sample is not a count, the query results are not of the same instances, an
            event would count twice, or there are more selected events than total events.
    """
    answers.require_single_count()
    objective = answers.objective
    labels = SeriesLabels([objective.indicator])
    part, whole, starts = (
        answers.by_instance(answer) for answer in (answers.part, answers.whole, answers.starts)
    )
    window_start = answers.whole.evaluated_at - answers.whole.window.total_seconds()
    counts, label = [0.0, 0.0], answers.instance_label
    for instance in whole:
        groups = (part.get(instance, []), whole[instance], starts[instance])
        until = min(max(counter.samples[-1].at for counter in group) for group in groups if group)
        cut_part, cut_whole, cut_starts = (_until(group, until) for group in groups)
        if objective.processes.fall_is_restart:
            cut_starts = []
        counts[0] += total_increase(labels.joined(cut_part), cut_starts, window_start, label)
        counts[1] += total_increase(labels.joined(cut_whole), cut_starts, window_start, label)
    count = Count(part=round(counts[0]), whole=round(counts[1]))
    if count.part > count.whole:
        raise ValueError(
            f"{count.part} selected events are more than {count.whole} total events; correct the "
            "selectors of the indicator"
        )
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
        f"{evidence.target.slot}: {count} {objective.reads}; the ratio must be {word} {limit}; "
        f"{_baseline(objective, evidence)}; the window is the last "
        f"{objective.window.total_seconds():.0f} s"
    )
    if count.whole >= objective.minimum_events:
        return (Verdict.PASS if _meets(objective, count) else Verdict.FAIL), counts_text
    if count.whole and not _meets(objective, count) and _chance(objective, count) < MAX_CHANCE:
        return (
            Verdict.FAIL,
            f"{counts_text}; there are few events, but chance does not explain the ratio",
        )
    missing = objective.minimum_events - count.whole
    return (
        Verdict.INCONCLUSIVE,
        f"{missing:,} more events are needed. {counts_text}{_pace(objective, count)}",
    )


def _meets(objective: RatioObjective, count: Count) -> bool:
    share = count.part / count.whole
    return share < objective.limit if objective.below else share > objective.limit


def _chance(objective: RatioObjective, count: Count) -> float:
    """The probability of a ratio at least as bad, if the target's true ratio equals the limit."""
    tail = chance_of_at_least if objective.below else chance_of_at_most
    return tail(count.part, count.whole, objective.limit)


def _pace(objective: RatioObjective, count: Count) -> str:
    if count.whole == 0:
        return "; there is no traffic, so the number of events does not grow"
    seconds = (
        objective.window.total_seconds() / count.whole * (objective.minimum_events - count.whole)
    )
    return f"; wait for about {max(1, round(seconds / 60))} min at this rate of events"


def _baseline(objective: RatioObjective, evidence: Evidence) -> str:
    """The baseline's count, for comparison only."""
    slot = evidence.target.baseline_slot
    answers = RatioAnswers.of(objective, evidence, baseline=True)
    needed = (answers.whole, answers.starts)
    if any(answer.measured is not Measured.OK for answer in needed) or not (
        answers.part.measured is Measured.OK or answers.has_no_part
    ):
        return f"{slot}: no samples"
    try:
        return f"{slot}: {_count(answers)}"
    except ValueError:
        return f"{slot}: the events cannot be counted"


def _measurements(answers: RatioAnswers, count: Count | None) -> list[Measurement]:
    return [
        reading.measurement(answers.part, "unknown" if count is None else str(count.part)),
        reading.measurement(answers.whole, "unknown" if count is None else str(count.whole)),
        reading.measurement(answers.starts, f"{len(answers.starts.series)} instances"),
    ]
