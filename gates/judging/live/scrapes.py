"""Turns query results into scrapes; a scrape has all counters of an instance at one moment."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, nextafter
from operator import attrgetter

from gates.judging.series.series_labels import SeriesLabels
from gates.model import Sample, Scrape, Series
from gates.statistics import by_instance

# A scrape can be in one answer and not yet in another; so far may the newest samples differ.
ONE_SCRAPE_SECONDS = 60.0
Moments = dict[float, dict[str, float]]
AT = attrgetter("at")


@dataclass(slots=True)
class InstanceSeries:
    """The time series of one instance, grouped by query result.

    Args:
        counters: the counters that must exist, as one list of time series for each query result.
        optional: the counters that appear with their first event, as one list of time series for
            each query result.
        starts: the time series of the process start times.
    """

    counters: list[list[Series]] = field(default_factory=list)
    optional: list[list[Series]] = field(default_factory=list)
    starts: list[Series] = field(default_factory=list)

    def until(self) -> float:
        """Return the last moment up to which the query results have samples.

        Optional counters that ended over 60 s earlier are ignored.
        """
        newest = [_newest(group) for group in self.counters]
        until = min(newest)
        for group in self.optional:
            if 0 < until - _newest(group) <= ONE_SCRAPE_SECONDS:
                until = _newest(group)
        return until

    def same_until(self, earlier: "InstanceSeries") -> float:
        """Return the moment up to which the samples equal the samples of an earlier evaluation."""
        if len(self.counters) != len(earlier.counters):
            return -inf
        if len(self.optional) != len(earlier.optional):
            return -inf
        moment = same_until(self.starts, earlier.starts, is_start=True)
        groups = (*self.counters, *self.optional)
        earlier_groups = (*earlier.counters, *earlier.optional)
        for group, earlier_group in zip(groups, earlier_groups, strict=True):
            moment = min(moment, same_until(group, earlier_group))
        return moment


@dataclass(frozen=True, slots=True)
class InstanceScrapes:
    """The scrapes of one instance, for the next evaluation.

    Args:
        series: the time series from which the scrapes were read.
        until: the last moment up to which every query result had samples.
        scrapes: the scrapes, in order of time.
    """

    series: InstanceSeries
    until: float
    scrapes: list[Scrape]


ScrapeMemory = dict[str, InstanceScrapes]


@dataclass(frozen=True, slots=True)
class ScrapeReader:
    """Reads the scrapes of one colour from query results.

    Args:
        slot: the name of the colour, for the scrapes.
        labels: the labels in which the time series of one instance may differ.
        instance_label: the name of the label whose value is the instance.
    """

    slot: str
    labels: SeriesLabels
    instance_label: str = "instance"

    def scrapes(
        self,
        counters: Iterable[Iterable[Series]],
        starts: Iterable[Series],
        *,
        optional: Iterable[Iterable[Series]] = (),
        memory: ScrapeMemory | None = None,
    ) -> list[Scrape]:
        """Return every scrape of every instance, in order of time.

        The scrapes of an instance end where the shortest query result ends. A later scrape may be
        in some query results only, and would be incomplete.

        Args:
            counters: the query results with counters that must exist. A time series may be in
                several query results.
            starts: the time series of the process start times of the same instances.
            optional: the query results with counters that appear with their first event. These
                counters are added to the scrapes of the other counters.
            memory: the scrapes of an earlier evaluation, by instance, which this method replaces;
                None to read all scrapes again.

        Raises:
            ValueError: a time series names no instance, several jobs scrape an instance at once, or
                a start time is not a finite number.
        """
        instances: dict[str, InstanceSeries] = {}
        for answer in counters:
            for instance, group in by_instance(answer, self.instance_label).items():
                instances.setdefault(instance, InstanceSeries()).counters.append(group)
        for answer in optional:
            for instance, group in by_instance(answer, self.instance_label).items():
                if instance in instances:
                    instances[instance].optional.append(group)
        for line in starts:
            if not all(isfinite(value) for _, value in line.samples):
                raise ValueError("a process start time is not a finite number")
            if (instance := line.labels.get(self.instance_label, "")) in instances:
                instances[instance].starts.append(line)
        earlier = memory or {}
        known = {
            instance: self._of_instance(instance, series, earlier.get(instance))
            for instance, series in instances.items()
        }
        if memory is not None:
            memory.clear()
            memory.update(known)
        every_scrape = [scrape for item in known.values() for scrape in item.scrapes]
        every_scrape.sort(key=AT)
        return every_scrape

    def _of_instance(
        self, instance: str, series: InstanceSeries, earlier: InstanceScrapes | None
    ) -> InstanceScrapes:
        """Return the scrapes of an instance; scrapes that did not change are not computed again."""
        until, since = series.until(), -inf
        scrapes: list[Scrape] = []
        if earlier is not None:
            since = min(earlier.until, until, series.same_until(earlier.series))
            scrapes = earlier.scrapes[: bisect_right(earlier.scrapes, since, key=AT)]
        moments: Moments = {}
        for group in series.counters:
            self._add(group, moments, since)
        known = set(moments)
        for group in series.optional:
            self._add(group, moments, since, known)
        started = _start_times(series.starts, since)
        new = [
            Scrape(at, self.slot, instance, started.at(at), values)
            for at, values in moments.items()
            if at <= until
        ]
        new.sort(key=AT)
        return InstanceScrapes(series, until, scrapes + new)

    def _add(
        self,
        group: Iterable[Series],
        moments: Moments,
        since: float,
        known: set[float] | None = None,
    ) -> None:
        """Add the values of an instance's counters to the moments of their scrapes.

        Args:
            group: the counters.
            moments: the counters at each moment.
            since: samples after this moment are added.
            known: the moments to which counters may be added; None for every moment.
        """
        for series in group:
            identity = self.labels.identity(series.labels)
            for at, value in series.samples[_count_until(series, since) :]:
                if at in moments:
                    moments[at][identity] = value
                elif known is None:
                    moments[at] = {identity: value}


def _newest(group: Iterable[Series]) -> float:
    """The moment of the newest sample."""
    return max(series.samples[-1].at for series in group)


def _count_until(series: Series, moment: float) -> int:
    """The number of a series' samples up to a moment."""
    return bisect_right(series.samples, moment, key=AT) if moment > -inf else 0


def same_until(
    group: Sequence[Series], earlier: Sequence[Series], *, is_start: bool = False
) -> float:
    """Return the moment up to which two groups have the same time series with the same samples.

    Args:
        group: the time series.
        earlier: the time series of an earlier evaluation, in the same order.
        is_start: whether the time series are start times. A start time also counts for the scrapes
            before it. So the result is the moment of the last start time that both groups have.

    Returns:
        The moment in seconds; infinity where the groups are equal, minus infinity where they do not
        have the same time series.
    """
    if len(group) != len(earlier):
        return -inf
    moment = inf
    for series, before in zip(group, earlier, strict=True):
        if series.labels != before.labels:
            return -inf
        same = _same_samples(series.samples, before.samples)
        if same == len(series.samples) == len(before.samples):
            continue
        if is_start:
            moment = min(moment, series.samples[same - 1].at if same else -inf)
        else:
            differ = [
                samples[same].at
                for samples in (series.samples, before.samples)
                if same < len(samples)
            ]
            moment = min(moment, nextafter(min(differ), -inf))
    return moment


def _same_samples(samples: Sequence[Sample], earlier: Sequence[Sample]) -> int:
    """The number of samples at the beginning that are equal."""
    count = min(len(samples), len(earlier))
    if samples[:count] == earlier[:count]:
        return count
    return next(number for number in range(count) if samples[number] != earlier[number])


@dataclass(slots=True)
class StartTimes:
    """The start times of one instance's processes.

    Args:
        known: the start time of the process, by the moment of each scrape that has a start time.
        moments: the sorted keys of ``known``; empty until the first use.
    """

    known: dict[float, float] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)

    def at(self, moment: float) -> float | None:
        """Return the start time of the process that ran at a moment; None where it is not known.

        Without a scrape at the moment, the scrapes before and after it must have the same start
        time. Then the same process ran between these scrapes.

        Args:
            moment: the moment, in seconds.
        """
        value = self.known.get(moment)
        if value is not None or not self.known:
            return value
        self.moments = self.moments or sorted(self.known)
        index = bisect_right(self.moments, moment)
        around = [self.known[at] for at in self.moments[max(0, index - 1) : index + 1]]
        is_between = 0 < index < len(self.moments) and around[0] == around[1]
        return around[0] if is_between else None


def _start_times(starts: Iterable[Series], since: float) -> StartTimes:
    """The start times of an instance at a moment and after it.

    Where several series have a start time at one moment, the earliest start time counts. For
    example, each counter can have a series with the time of its creation. The process is at least
    as old as its oldest counter.
    """
    earliest = StartTimes()
    known = earliest.known
    for series in starts:
        for at, value in series.samples[max(0, _count_until(series, since) - 1) :]:
            if value < known.get(at, inf):
                known[at] = value
    return earliest
