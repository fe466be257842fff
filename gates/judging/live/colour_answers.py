"""The answers of Prometheus about one colour: whether they can be judged, and their scrapes."""

from collections.abc import Sequence
from dataclasses import dataclass

from gates.judging import answers
from gates.judging.live.queries import Colour, QueryGroup, Role
from gates.judging.live.scrapes import ScrapeMemory, ScrapeReader
from gates.judging.series import discovery, same_process, series_labels
from gates.judging.series.series_labels import SeriesLabels
from gates.model import Evidence, Measured, Part, ProcessIndicator, SampleSet, Scrape
from gates.statistics import by_instance

# A process may run for so many times the freshness limit without an event.
QUIET_START = 2


@dataclass(frozen=True, slots=True)
class ColourAnswers:
    """The answers of Prometheus about one colour.

    Args:
        whole: the counters of all events.
        counters: the counters that must have series; ``whole`` is among them.
        bad_events: counters of bad events; a label value that never occurred has no series.
        late_counters: counters whose series appear with their first event.
        starts: when the processes started; None where a fall of a counter is a restart.
        up: whether Prometheus reaches each instance.
        processes: the indicator of the instances.
        labels: the labels that tell the series of an instance apart.
    """

    whole: SampleSet
    counters: tuple[SampleSet, ...]
    bad_events: tuple[SampleSet, ...]
    late_counters: tuple[SampleSet, ...]
    starts: SampleSet | None
    up: SampleSet
    processes: ProcessIndicator
    labels: SeriesLabels

    @classmethod
    def of(cls, group: QueryGroup, colour: Colour, evidence: Evidence) -> "ColourAnswers":
        """The answers about one colour; each answer is in the field of its query's role."""

        def by_role(role: Role) -> tuple[SampleSet, ...]:
            return tuple(query.answer(evidence) for query in group.select(colour, role))

        indicators = [objective.indicator for objective in group.objectives]
        processes = group.objectives[0].processes
        totals = {indicator.total for indicator in indicators}

        def named(*parts: Part) -> set[str]:
            return {
                answers.for_slot(item.selected, evidence.target, baseline=colour is Colour.BLUE)
                for item in indicators
                if item.part in parts and item.selected not in totals
            }

        counters = group.select(colour, Role.COUNTERS)
        bad_events, selected = named(Part.BAD), named(*Part)
        wholes = [query for query in counters if query.selector not in selected]
        return cls(
            (wholes or counters)[0].answer(evidence),
            tuple(query.answer(evidence) for query in counters if query.selector not in bad_events),
            tuple(query.answer(evidence) for query in counters if query.selector in bad_events),
            by_role(Role.LATE_COUNTERS),
            next(iter(by_role(Role.START_TIME)), None),
            by_role(Role.UP)[0],
            processes,
            SeriesLabels(indicators, processes),
        )

    @property
    def of_processes(self) -> tuple[SampleSet, ...]:
        """The answer about the start times, where the system has them."""
        return () if self.starts is None else (self.starts,)

    @property
    def needed(self) -> tuple[SampleSet, ...]:
        """The answers without which no objective can be judged."""
        return (*self.counters, *self.of_processes, self.up)

    @property
    def optional(self) -> tuple[SampleSet, ...]:
        """The answers that may have no series."""
        return (*self.bad_events, *self.late_counters)


def read_scrapes(
    colour: ColourAnswers,
    slot: str,
    max_age: float,
    now: float,
    memory: ScrapeMemory | None = None,
) -> tuple[tuple[Measured, str], list[Scrape]]:
    """Why the answers of a colour cannot be fed to a judge, and the scrapes that they hold.

    Args:
        colour: the answers.
        slot: the name of the colour, for the scrapes.
        max_age: the maximum age of a sample, seconds.
        now: seconds since the epoch.
        memory: the scrapes of an earlier look, which this look replaces.

    Returns:
        A status with a sentence, ``(OK, "")`` where the answers can be judged; and the scrapes.
    """
    unanswered = _unanswered(colour)
    if unanswered[0] is not Measured.OK:
        return unanswered, []
    known: list[Scrape] = []
    try:
        problem = _wrong_series(colour)
        known = _scrapes(colour, slot, memory)
        gone = gone_instances(colour, max_age)
        missing = "" if problem else _missing_counters(colour, gone, max_age)
    except ValueError as error:
        problem, missing = str(error), ""
    if problem:
        return (Measured.ERROR, problem), []
    label = colour.processes.instance_label
    if problem := (
        missing
        or _behind((*colour.counters, *colour.bad_events, *colour.of_processes), max_age, label)
        or discovery.down(colour.up, max_age, now, label)
    ):
        return (Measured.STALE, problem), known
    return (Measured.OK, ""), known


def _unanswered(colour: ColourAnswers) -> tuple[Measured, str]:
    """Which answer is missing; (OK, "") where no answer is."""
    if colour.starts is not None and colour.starts.measured is Measured.NO_DATA:
        return Measured.NO_DATA, _no_start_time(colour.starts)
    for answer in colour.needed:
        if answer.measured is not Measured.OK:
            return answer.measured, f"{answer.query}: {answer.problem}"
    for answer in colour.optional:
        if answer.measured not in (Measured.OK, Measured.NO_DATA):
            return answer.measured, f"{answer.query}: {answer.problem}"
    return Measured.OK, ""


def _no_start_time(starts: SampleSet) -> str:
    return (
        f"{starts.query}: {starts.problem}; the policy names this series as the sign of a restart: "
        "export it, or declare fall_is_restart = true"
    )


def _wrong_series(colour: ColourAnswers) -> str:
    """Why the events would be counted wrongly; empty where the count is right.

    Raises:
        ValueError: a series without an instance, or an instance scraped by several jobs at once.
    """
    counted = (*colour.counters, *colour.optional)
    for answer in counted:
        if spellings := answers.spelled_twice(answer.series):
            return f"a bucket is spelled {spellings[0]} and {spellings[1]} in {answer.query}"
    label = colour.processes.instance_label
    return (
        series_labels.problem((*colour.of_processes, *counted), colour.labels, label)
        or same_process.problem(colour.starts, colour.counters, colour.labels, label)
        or _other_instances(colour)
    )


def _other_instances(colour: ColourAnswers) -> str:
    """Why the answers are not of the same instances; empty where they are.

    Every instance that counts events must have a start time, and all events of an instance must be
    counted.
    """
    label = colour.processes.instance_label
    whole = colour.whole
    counting = set(by_instance(whole.series, label))
    for answer in colour.of_processes:
        if strangers := sorted(counting - set(by_instance(answer.series, label))):
            return f"{strangers[0]} counts events and has no start time; {_no_start_time(answer)}"
    for answer in (*colour.counters, *colour.bad_events):
        instances = set(by_instance(answer.series, label))
        is_bad = answer in colour.bad_events
        if instances - counting or (counting - instances and not is_bad):
            return f"{answer.query} and {whole.query} are of different instances"
    return ""


def gone_instances(colour: ColourAnswers, max_age: float) -> frozenset[str]:
    """The instances that left the discovery of Prometheus.

    Args:
        colour: the answers.
        max_age: the maximum age of a sample, seconds.
    """
    return discovery.gone(colour.up, max_age, colour.processes.instance_label)


def _missing_counters(colour: ColourAnswers, gone: frozenset[str], max_age: float) -> str:
    """Which instance runs and counts no events; empty where every instance counts.

    A process that has just started has no counters until its first event.
    """
    if colour.starts is None or colour.processes.of_both_colours:
        return ""
    label = colour.processes.instance_label
    counting = set(by_instance(colour.whole.series, label))
    for instance, group in by_instance(colour.starts.series, label).items():
        if instance in counting or instance in gone:
            continue
        seconds = colour.starts.evaluated_at - min(series.samples[0].at for series in group)
        if seconds > QUIET_START * max_age:
            return (
                f"{colour.whole.query}: nothing of {instance}, which Prometheus has scraped "
                f"for {seconds:.0f} s"
            )
    return ""


def _scrapes(colour: ColourAnswers, slot: str, memory: ScrapeMemory | None) -> list[Scrape]:
    """The scrapes that the answers of one colour hold."""
    reader = ScrapeReader(slot, colour.labels, colour.processes.instance_label)
    return reader.scrapes(
        [answer.series for answer in colour.counters],
        colour.starts.series if colour.starts is not None else (),
        optional=[answer.series for answer in colour.optional],
        memory=memory,
    )


def _behind(known: Sequence[SampleSet], max_age: float, instance_label: str) -> str:
    """Compare the newest samples of each instance between the answers.

    Args:
        known: the answers.
        max_age: how many seconds an answer may be older than another answer.
        instance_label: the label that names the instance.

    Returns:
        A sentence about the first answer that is too old; an empty text where no answer is.
    """
    latest: dict[str, float] = {}
    newest: dict[tuple[str, str], float] = {}
    for answer in known:
        for series in answer.series:
            instance = series.labels.get(instance_label, "")
            at = series.samples[-1].at
            latest[instance] = max(latest.get(instance, at), at)
            key = (answer.query, instance)
            newest[key] = max(newest.get(key, at), at)
    for (query, instance), at in newest.items():
        if latest[instance] - at > max_age:
            return f"{query}: nothing of {instance} for {latest[instance] - at:.0f} s"
    return ""
