"""Reads sums of counters by instance from Prometheus, each with the time of its scrape.

Prometheus evaluates a sum at moments with an equal distance: the grid. At each moment of the grid,
every counter of an instance has the value of the last scrape of the instance. So each sum belongs
to one scrape. A series that has a raw sample at each scrape shows the times of the scrapes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import inf

from gates.model import Sample, Series
from gates.model.selector import SUM_OF, label_text

# Prometheus returns the last sample for this time where a series ends without a stale marker.
LOOKBACK_SECONDS = 300.0
MIN_STEP_SECONDS = 0.5
# A scrape after less than this part of the usual distance is counted with the next scrape.
EARLIEST_SCRAPE = 0.5
InstanceKey = tuple[str, ...]


class ScrapeClock:
    """The moments at which each instance was scraped.

    Args:
        series: time series with a sample at each scrape; the value 0 means a failed scrape.
        labels: the labels that tell instances apart.
    """

    def __init__(self, series: Iterable[Series], labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        moments: dict[InstanceKey, set[float]] = {}
        for line in series:
            scraped = {sample.at for sample in line.samples if sample.value > 0}
            moments.setdefault(self.key(line.labels), set()).update(scraped)
        self._moments = {key: sorted(scraped) for key, scraped in moments.items()}

    def key(self, labels: Mapping[str, str]) -> InstanceKey:
        """Return the key of the instance whose time series have these labels."""
        return tuple(labels.get(name, "") for name in self._labels)

    def of(self, labels: Mapping[str, str]) -> Sequence[float]:
        """Return the scrape times of the instance with these labels; empty where unknown."""
        return self._moments.get(self.key(labels), ())

    @cached_property
    def step(self) -> float:
        """The time between two moments of the grid, in seconds; 0 without scrapes.

        This time is so short that each scrape has a moment of its own, except a scrape that comes
        much earlier than usual. The usual time between two scrapes is the median.
        """
        distances = sorted(
            later - earlier
            for scraped in self._moments.values()
            for earlier, later in pairwise(scraped)
        )
        if not distances:
            return 0.0
        usual = distances[(len(distances) - 1) // 2] * EARLIEST_SCRAPE
        return max(MIN_STEP_SECONDS, next(item for item in distances if item >= usual))


def expression(selector: str, labels: Sequence[str]) -> str:
    """Return the PromQL expression that adds up the time series of a selector for each instance.

    Args:
        selector: an instant vector selector.
        labels: the labels that tell instances apart.
    """
    return f"sum by ({', '.join(label_text(name) for name in labels)}) ({selector})"


def at_scrapes(values: Iterable[Series], clock: ScrapeClock) -> tuple[Series, ...]:
    """Return the sums of each instance as samples, each at the time of its scrape.

    Args:
        values: the sums of each instance at the moments of the grid.
        clock: the times of the scrapes of each instance.

    Raises:
        ValueError: no scrape of an instance is known.
    """
    lines = []
    for line in filter(lambda item: item.samples, values):
        scraped = clock.of(line.labels)
        samples: dict[float, float] = {}
        for moment, value in line.samples:
            number = bisect_right(scraped, moment) - 1
            if number >= 0:
                samples.setdefault(scraped[number], value)
        if not samples and line.samples[-1].at - line.samples[0].at > LOOKBACK_SECONDS:
            name = line.labels.get("instance", "?")
            raise ValueError(f"no scrape of {name} is known, so its counters cannot be added up")
        lines.append(Series(line.labels, tuple(Sample(at, samples[at]) for at in sorted(samples))))
    return tuple(line for line in lines if line.samples)


def named(sums: Iterable[Series], indicator: str) -> tuple[Series, ...]:
    """Return the sums with the label ``__sum_of__``, whose value is the indicator's selector."""
    return tuple(Series({**line.labels, SUM_OF: indicator}, line.samples) for line in sums)


def with_zeros(
    part: Iterable[Series], whole: Iterable[Series], clock: ScrapeClock
) -> tuple[Series, ...]:
    """Return the sums of a part of the events, with zeros before the first event of the part.

    An instance without any event of the part has zeros only.

    Args:
        part: the sums of the part, such as failed requests.
        whole: the sums of all events, such as all requests.
        clock: the times of the scrapes of each instance.
    """
    lines = {clock.key(line.labels): line for line in part}
    for total in whole:
        key = clock.key(total.labels)
        samples = lines[key].samples if key in lines else ()
        first = samples[0].at if samples else inf
        zeros = tuple(Sample(at, 0.0) for at, _ in total.samples if at < first)
        lines[key] = Series(total.labels, (*zeros, *samples))
    return tuple(lines.values())
