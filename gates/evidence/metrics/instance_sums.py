"""Sums of counters by instance, computed by Prometheus, as samples at the scrapes of the instance.

Prometheus evaluates a sum at the moments of a grid. At each moment, a counter has the value of the
last scrape; all counters of an instance are of the same scrape, and begin anew with its process. So
each value is that of a scrape, and the scrapes are known from a series with a raw sample at each.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import inf

from gates.model import Sample, Series
from gates.model.selector import SUM_OF, label_text

# Prometheus shows the last scrape for so long where a series ends without a mark.
LOOKBACK_SECONDS = 300.0
MIN_STEP_SECONDS = 0.5
# A scrape that comes so much earlier than the others is counted with the scrape after it.
EARLIEST_SCRAPE = 0.5
InstanceKey = tuple[str, ...]


class ScrapeClock:
    """The moments at which each instance was scraped.

    Args:
        series: series with a sample at each scrape; a sample of 0 is a failed scrape.
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
        """Names the instance of a series."""
        return tuple(labels.get(name, "") for name in self._labels)

    def of(self, labels: Mapping[str, str]) -> Sequence[float]:
        """The moments at which the instance of a series was scraped; empty where unknown."""
        return self._moments.get(self.key(labels), ())

    @cached_property
    def step(self) -> float:
        """The distance of the grid's moments, so that each scrape has a moment; 0 without scrapes.

        The usual distance of two scrapes is the median of all distances.
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
    """The PromQL expression of the sums of a selector by instance.

    Args:
        selector: an instant vector selector.
        labels: the labels that tell instances apart.
    """
    return f"sum by ({', '.join(label_text(name) for name in labels)}) ({selector})"


def at_scrapes(values: Iterable[Series], clock: ScrapeClock) -> tuple[Series, ...]:
    """The sums, as samples at the scrapes whose counters they add up.

    Args:
        values: the sums at the moments of the grid.
        clock: the scrapes.

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
    """Sums with a label that says which selector of an indicator they add up."""
    return tuple(Series({**line.labels, SUM_OF: indicator}, line.samples) for line in sums)


def with_zeros(
    part: Iterable[Series], whole: Iterable[Series], clock: ScrapeClock
) -> tuple[Series, ...]:
    """The sums of a part; before its first event, and without any event, the part is 0.

    Args:
        part: the sums of the part.
        whole: the sums of all events.
        clock: the scrapes, which know the instances.
    """
    lines = {clock.key(line.labels): line for line in part}
    for total in whole:
        key = clock.key(total.labels)
        samples = lines[key].samples if key in lines else ()
        first = samples[0].at if samples else inf
        zeros = tuple(Sample(at, 0.0) for at, _ in total.samples if at < first)
        lines[key] = Series(total.labels, (*zeros, *samples))
    return tuple(lines.values())
