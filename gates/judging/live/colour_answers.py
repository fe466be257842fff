"""Checks the query results about one colour, and combines their samples into scrapes."""

from dataclasses import dataclass

from gates.judging import answers
from gates.judging.live.queries import Colour, QueryGroup, Role
from gates.judging.live.scrapes import ScrapeMemory, ScrapeReader
from gates.judging.series import discovery, same_process, series_labels
from gates.judging.series.series_labels import SeriesLabels
from gates.model import Evidence, Measured, ProcessIndicator, SampleSet, Scrape
from gates.statistics import MAX_QUIET_AGES, by_instance


@dataclass(frozen=True, slots=True)
class ColourAnswers:
    """The query results of Prometheus about one colour.

    Args:
        whole: the query result with the counters of the total events.
        counters: the query results that must have time series; ``whole`` is one of these results.
        bad_events: the query results with the counters of bad events. They may have no time series,
            because a label value that never occurred has no time series.
        late_counters: the query results with counters that appear with their first event.
        starts: the query result with the start times of the processes; None where only the fall of
            a counter shows a restart.
        up: the query result of ``up``, which shows whether Prometheus reaches each instance.
        processes: the indicator of the processes.
        labels: the labels in which the time series of one instance may differ.
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
        """Return the query results of one colour, grouped by the purpose (role) of each query.

        Args:
            group: the queries of the objectives that share a live judge.
            colour: the colour.
            evidence: the evidence with the query results.
        """

        def by_role(*roles: Role) -> tuple[SampleSet, ...]:
            return tuple(query.answer(evidence) for query in group.select(colour, *roles))

        indicators = [objective.indicator for objective in group.objectives]
        processes = group.objectives[0].processes
        return cls(
            by_role(Role.TOTAL)[0],
            by_role(Role.TOTAL, Role.SELECTED),
            by_role(Role.BAD),
            by_role(Role.LATE),
            next(iter(by_role(Role.START_TIME)), None),
            by_role(Role.UP)[0],
            processes,
            SeriesLabels(indicators, processes),
        )

    @property
    def of_processes(self) -> tuple[SampleSet, ...]:
        """The query result with the start times; empty where the system has no start times."""
        return () if self.starts is None else (self.starts,)

    @property
    def needed(self) -> tuple[SampleSet, ...]:
        """The query results without which the objectives cannot be judged."""
        return (*self.counters, *self.of_processes, self.up)

    @property
    def optional(self) -> tuple[SampleSet, ...]:
        """The query results that may have no time series."""
        return (*self.bad_events, *self.late_counters)


def read_scrapes(
    colour: ColourAnswers,
    slot: str,
    max_age: float,
    now: float,
    memory: ScrapeMemory | None = None,
) -> tuple[tuple[Measured, str], list[Scrape]]:
    """Check the query results of a colour, and combine their samples into scrapes.

    Args:
        colour: the query results of the colour.
        slot: the name of the colour, for the scrapes.
        max_age: the maximum age of a fresh sample, in seconds.
        now: the moment of the decision, in seconds since the epoch.
        memory: the scrapes of an earlier evaluation, which this function replaces; None without an
            earlier evaluation.

    Returns:
        Two values. The first value is a status with the reason why the query results cannot be
        judged; ``(OK, "")`` without a reason. The second value is the scrapes in order of time;
        there are scrapes only where the status is OK or STALE.
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
        missing or _behind(colour, max_age) or discovery.down(colour.up, max_age, now, label)
    ):
        return (Measured.STALE, problem), known
    return (Measured.OK, ""), known


def _unanswered(colour: ColourAnswers) -> tuple[Measured, str]:
    """The first query that failed or has no data; ``(OK, "")`` where every query succeeded."""
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
        "export this series, or declare fall_is_restart = true in the policy"
    )


def _wrong_series(colour: ColourAnswers) -> str:
    """The reason why events would be counted twice or not at all; empty without a reason.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    counted = (*colour.counters, *colour.optional)
    for answer in counted:
        if spellings := answers.spelled_twice(answer.series):
            return (
                f"the boundary of a bucket is spelled {spellings[0]} and {spellings[1]} in "
                f"{answer.query}; wait until the window has only one spelling"
            )
    label = colour.processes.instance_label
    return (
        series_labels.problem((*colour.of_processes, *counted), colour.labels, label)
        or same_process.problem(colour.starts, colour.counters, colour.labels, label)
        or _other_instances(colour)
    )


def _other_instances(colour: ColourAnswers) -> str:
    """The reason why the query results are not of the same instances; empty without a reason.

    Every instance that counts events must have a start time, and all events of an instance must be
    counted.
    """
    label = colour.processes.instance_label
    whole = colour.whole
    counting = set(by_instance(whole.series, label))
    for answer in colour.of_processes:
        if strangers := sorted(counting - set(by_instance(answer.series, label))):
            return (
                f"{strangers[0]} counts events, but {answer.query} has no value of it; the policy "
                "recognises restarts by this query; export the start time of this instance, or "
                "declare fall_is_restart = true in the policy: then a counter that falls shows a "
                "restart"
            )
    for answer in (*colour.counters, *colour.bad_events):
        instances = set(by_instance(answer.series, label))
        is_bad = answer in colour.bad_events
        if instances - counting or (counting - instances and not is_bad):
            return f"the series of {answer.query} and of {whole.query} are of different instances"
    return ""


def gone_instances(colour: ColourAnswers, max_age: float) -> frozenset[str]:
    """Find the instances of a colour that are no longer in the service discovery of Prometheus.

    Args:
        colour: the query results of the colour.
        max_age: the maximum age of a fresh sample, in seconds.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    return discovery.gone(colour.up, max_age, colour.processes.instance_label)


def _missing_counters(colour: ColourAnswers, gone: frozenset[str], max_age: float) -> str:
    """A sentence about an instance that runs and counts no events; empty without such an instance.

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
        if seconds > MAX_QUIET_AGES * max_age:
            return (
                f"{colour.whole.query} has no series of {instance}, although Prometheus has "
                f"scraped this instance for {seconds:.0f} s"
            )
    return ""


def _scrapes(colour: ColourAnswers, slot: str, memory: ScrapeMemory | None) -> list[Scrape]:
    """Combine the samples in the query results of one colour into scrapes."""
    reader = ScrapeReader(slot, colour.labels, colour.processes.instance_label)
    return reader.scrapes(
        [answer.series for answer in colour.counters],
        colour.starts.series if colour.starts is not None else (),
        optional=[answer.series for answer in colour.optional],
        memory=memory,
    )


def _process_starts(colour: ColourAnswers, instance_label: str) -> dict[str, float]:
    """Return when the present process of each instance began, in seconds since the epoch."""
    began: dict[str, float] = {}
    for answer in colour.of_processes:
        for series in answer.series:
            instance = series.labels.get(instance_label, "")
            value = series.samples[-1].value
            began[instance] = max(began.get(instance, value), value)
    return began


def _behind(colour: ColourAnswers, max_age: float) -> str:
    """Compare the newest samples of each instance between query results.

    A time series of bad events that an earlier process of the instance exported ends with this
    process: the present process exports the series after its first bad event.

    Args:
        colour: the query results.
        max_age: the longest time, in seconds, by which a query result may end before another one.

    Returns:
        A sentence about the first query result that ends too early; else an empty text.
    """
    instance_label = colour.processes.instance_label
    bad = {answer.query for answer in colour.bad_events}
    began = _process_starts(colour, instance_label)
    latest: dict[str, float] = {}
    newest: dict[tuple[str, str], float] = {}
    for answer in (*colour.counters, *colour.bad_events, *colour.of_processes):
        for series in answer.series:
            instance = series.labels.get(instance_label, "")
            at = series.samples[-1].at
            latest[instance] = max(latest.get(instance, at), at)
            key = (answer.query, instance)
            newest[key] = max(newest.get(key, at), at)
    for (query, instance), at in newest.items():
        is_of_earlier_process = query in bad and began.get(instance, at) > at
        if latest[instance] - at > max_age and not is_of_earlier_process:
            return (
                f"{query} has no sample of {instance} for {latest[instance] - at:.0f} s, although "
                "another query result has newer samples of this instance"
            )
    return ""
