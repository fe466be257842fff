"""Condition: a ratio of bad events is below a limit, or a ratio of good events is above it.

A P95 limit is such a ratio, too: *P95 under 1 s* is *over 95 % took under 1 s*, read from the
histogram bucket at exactly that boundary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
from gates.model.selector import NAME
from gates.model.selector import parse as parse_selector
from gates.statistics import by_instance, chance_of_at_least, chance_of_at_most, total_increase

# A breach seen in fewer events than asked for counts only when chance hardly explains it.
SURELY = 0.001
# A process may run without an event for this multiple of the freshness limit.
QUIET_START = 2


@dataclass(frozen=True, slots=True)
class Count:
    """A number of events of one kind, and the number of all events."""

    part: int
    whole: int

    def __str__(self) -> str:
        share = f" ({significant(100 * self.part / self.whole)} %)" if self.whole else ""
        return f"{self.part:,} of {self.whole:,}{share}"


def queries(objective: RatioObjective, target: Target) -> tuple[MetricQuery, ...]:
    """The queries of part, whole, process starts and ``up``, of the target and its baseline."""
    return tuple(
        query
        for baseline in (False, True)
        for query in _queries(objective, target, baseline=baseline)
    )


def _queries(objective: RatioObjective, target: Target, *, baseline: bool) -> Iterator[MetricQuery]:
    window, indicator = objective.window.total_seconds(), objective.indicator
    processes = objective.processes

    def named(selector: str) -> str:
        return reading.for_slot(selector, target, baseline=baseline)

    for selector in dict.fromkeys((indicator.selected, indicator.total)):
        whole = named(indicator.total) if counts_none(indicator, selector) else ""
        yield MetricQuery(
            named(selector),
            window,
            (SumPart(selector, named(selector), whole),),
            clock_of(processes, named(processes.presence)),
            indicator.labels,
            instance_labels(selector, processes, target),
        )
    for selector in dict.fromkeys((processes.presence, processes.up)):
        yield MetricQuery(named(selector), window)


def _selectors(objective: RatioObjective) -> tuple[str, str, str, str]:
    indicator, processes = objective.indicator, objective.processes
    return indicator.selected, indicator.total, processes.presence, processes.up


@dataclass(frozen=True, slots=True)
class RatioAnswers:
    """The answers of Prometheus about one colour.

    Args:
        part: the selected events.
        whole: all events.
        starts: the start times of the processes, or another series that each instance has.
        up: whether Prometheus reaches each instance.
        objective: the objective.
    """

    part: SampleSet
    whole: SampleSet
    starts: SampleSet
    up: SampleSet
    objective: RatioObjective

    @classmethod
    def of(cls, objective: RatioObjective, evidence: Evidence, *, baseline: bool) -> "RatioAnswers":
        """The answers about a target, or about its baseline."""
        window = objective.window.total_seconds()
        named = (
            reading.for_slot(selector, evidence.target, baseline=baseline)
            for selector in _selectors(objective)
        )
        answers = [reading.sample_set(evidence, selector, window) for selector in named]
        return cls(answers[0], answers[1], answers[2], answers[3], objective)

    @property
    def gone(self) -> frozenset[str]:
        """The instances that left the discovery of Prometheus."""
        return discovery.gone_if_known(self.up, self._max_age, self.instance_label)

    @property
    def has_no_part(self) -> bool:
        """Whether no series of bad events exists, which may show that there were none."""
        indicator = self.objective.indicator
        return indicator.part is Part.BAD and self.part.measured is Measured.NO_DATA

    @property
    def instance_label(self) -> str:
        """The label that names the instance."""
        return self.objective.processes.instance_label

    def by_instance(self, answer: SampleSet) -> dict[str, list[Series]]:
        """The series of an answer, keyed by instance.

        Raises:
            ValueError: a series without an instance, or an instance scraped by several jobs.
        """
        return by_instance(answer.series, self.instance_label)

    @property
    def _max_age(self) -> float:
        return self.objective.max_sample_age.total_seconds()

    def blindness(self) -> tuple[Measured, str]:
        """Why the ratio cannot be judged; ``(OK, "")`` where there is no reason."""
        needed = [self.whole, self.starts] if self.has_no_part else [
            self.part, self.whole, self.starts
        ]  # fmt: skip
        return reading.blindness(
            needed,
            self._max_age,
            covering=[self.starts],
            gone=self.gone,
            instance_label=self.instance_label,
        )

    def require_single_count(self) -> None:
        """Every event must be counted once.

        Raises:
            ValueError: series count the same events, or an instance is missing in an answer.
        """
        processes = self.objective.processes
        labels = SeriesLabels([self.objective.indicator], processes)
        starts = None if processes.fall_is_restart else self.starts
        problem = series_labels.problem(
            (self.part, self.whole, *([starts] if starts else [])), labels, self.instance_label
        ) or same_process.problem(starts, [self.whole], labels, self.instance_label)
        if problem:
            raise ValueError(problem)
        if spellings := reading.spelled_twice(self.part.series):
            raise ValueError(f"a bucket is spelled {spellings[0]} and {spellings[1]} in the window")
        part, whole, running = (
            self.by_instance(answer) for answer in (self.part, self.whole, self.starts)
        )
        silent = {name for name in running.keys() - whole.keys() if not self._may_be_silent(name)}
        without_part = {name for name in whole.keys() - part.keys() if not self._has_none(name)}
        if silent or without_part or part.keys() - whole.keys() or whole.keys() - running.keys():
            counts_text = " / ".join(str(len(groups)) for groups in (part, whole, running))
            raise ValueError(
                f"part, whole and start times are of different instances ({counts_text})"
            )

    def _may_be_silent(self, instance: str) -> bool:
        """Whether an instance may have no events: it left, or Prometheus has just found it."""
        if instance in self.gone or self.objective.processes.of_both_colours:
            return True
        first = min(series.samples[0].at for series in self.by_instance(self.starts)[instance])
        return self.starts.evaluated_at - first <= QUIET_START * self._max_age

    def _has_none(self, instance: str) -> bool:
        """Whether an instance had no bad events: its other series have the label of such events."""
        indicator = self.objective.indicator
        selected = parse_selector(indicator.selected, any_colour=True)
        return indicator.part is Part.BAD and any(
            selected.matches_name(series.labels.get(NAME, ""))
            and all(series.labels.get(label) for label in selected.asks_for)
            for series in self.by_instance(self.whole)[instance]
        )


def conclude(objective: RatioObjective, evidence: Evidence) -> Finding:
    """Judge the target's ratio; the finding also shows the ratio of the baseline."""
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
    """The increases of part and whole, over the same instances up to the same moments.

    Raises:
        ValueError: a sample is not a count, the answers are not of the same instances, an event
            would count twice, or the part exceeds the whole.
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
        return Verdict.FAIL, f"{counts_text}; there are few events, but chance does not explain it"
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
        return "; there is no traffic, so the number of events does not grow"
    seconds = (
        objective.window.total_seconds() / count.whole * (objective.minimum_events - count.whole)
    )
    return f"; about {max(1, round(seconds / 60))} min at this rate"


def _baseline(objective: RatioObjective, evidence: Evidence) -> str:
    """The baseline's count, for comparison only."""
    slot = evidence.target.baseline_slot
    answers = RatioAnswers.of(objective, evidence, baseline=True)
    needed = (answers.whole, answers.starts)
    if any(answer.measured is not Measured.OK for answer in needed) or not (
        answers.part.measured is Measured.OK or answers.has_no_part
    ):
        return f"{slot}: not seen"
    try:
        return f"{slot}: {_count(answers)}"
    except ValueError:
        return f"{slot}: not countable"


def _measurements(answers: RatioAnswers, count: Count | None) -> list[Measurement]:
    return [
        reading.measurement(answers.part, "unknown" if count is None else str(count.part)),
        reading.measurement(answers.whole, "unknown" if count is None else str(count.whole)),
        reading.measurement(answers.starts, f"{len(answers.starts.series)} instances"),
    ]
