"""Turns answers of Prometheus into scrapes: what each instance showed at each moment."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite

from gates.judging.series.series_labels import SeriesLabels
from gates.model import Scrape, Series
from gates.statistics import by_instance

# A scrape can be in one answer and not yet in another; so far may the newest samples differ.
ONE_SCRAPE_SECONDS = 60.0
Moments = dict[float, dict[str, float]]


@dataclass(frozen=True, slots=True)
class ScrapeReader:
    """Reads the scrapes of one colour.

    Args:
        slot: the name of the colour, for the scrapes.
        labels: the labels that tell the series of an instance apart.
        instance_label: the label that names the instance.
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
    ) -> list[Scrape]:
        """Every scrape of every instance, in order of time, up to the end of the shortest answer.

        A scrape that came between two queries is in one answer only, and would count as half a
        scrape.

        Args:
            counters: answers with counters; a series may be in several.
            starts: the start times of the processes of the same instances.
            optional: answers with counters that appear with their first event; these counters are
                added to the scrapes of the other counters.

        Raises:
            ValueError: a series without an instance, an instance scraped by several jobs at once,
                or a start time that is no number.
        """
        moments_of: dict[str, Moments] = {}
        until: dict[str, float] = {}
        for answer in counters:
            for instance, group in by_instance(answer, self.instance_label).items():
                newest = max(series.samples[-1].at for series in group)
                until[instance] = min(until.get(instance, newest), newest)
                self._add(group, moments_of.setdefault(instance, {}))
        known = {instance: set(moments) for instance, moments in moments_of.items()}
        for answer in optional:
            for instance, group in by_instance(answer, self.instance_label).items():
                if instance not in known:
                    continue
                newest = max(series.samples[-1].at for series in group)
                if 0 < until[instance] - newest <= ONE_SCRAPE_SECONDS:
                    until[instance] = newest
                self._add(group, moments_of[instance], known[instance])
        begun = _start_times(starts, self.instance_label)
        every_scrape = [
            Scrape(at, self.slot, instance, started.at(at), values)
            for instance, moments in moments_of.items()
            for started in (begun.get(instance) or StartTimes(),)
            for at, values in moments.items()
            if at <= until[instance]
        ]
        every_scrape.sort(key=lambda scrape: scrape.at)
        return every_scrape

    def _add(
        self, group: Iterable[Series], moments: Moments, known: set[float] | None = None
    ) -> None:
        """Add the counters of an instance to its moments.

        Args:
            group: the counters.
            moments: the counters at each moment.
            known: the moments to which counters may be added; None for every moment.
        """
        for series in group:
            identity = self.labels.identity(series.labels)
            for at, value in series.samples:
                if at in moments:
                    moments[at][identity] = value
                elif known is None:
                    moments[at] = {identity: value}


@dataclass(slots=True)
class StartTimes:
    """The start times of one instance's processes.

    Args:
        known: the start time at each scrape that has it.
        moments: the moments of these scrapes in order of time; empty before they were needed.
    """

    known: dict[float, float] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)

    def at(self, moment: float) -> float | None:
        """The start time at a moment: that of this scrape, or of the scrapes around it.

        Two scrapes with the same start time show that the process ran between them.
        """
        value = self.known.get(moment)
        if value is not None or not self.known:
            return value
        self.moments = self.moments or sorted(self.known)
        index = bisect_right(self.moments, moment)
        around = [self.known[at] for at in self.moments[max(0, index - 1) : index + 1]]
        is_between = 0 < index < len(self.moments) and around[0] == around[1]
        return around[0] if is_between else None


def _start_times(starts: Iterable[Series], instance_label: str) -> Mapping[str, StartTimes]:
    """The start times of each instance.

    Of several series at one moment, such as those of the moments at which counters were created,
    the earliest start counts: a process is at least as old as its oldest counter.

    Raises:
        ValueError: a start time is no number.
    """
    earliest: dict[str, StartTimes] = {}
    for series in starts:
        known = earliest.setdefault(series.labels.get(instance_label, ""), StartTimes()).known
        for at, value in series.samples:
            if not isfinite(value):
                raise ValueError("a process start time is not a number")
            if value < known.get(at, inf):
                known[at] = value
    return earliest
