"""A look that remembers the scrapes of earlier looks reads what a look without a memory reads."""

import random

import pytest

from gates.judging.live.scrapes import ScrapeMemory, ScrapeReader
from gates.judging.series.series_labels import SeriesLabels
from gates.model import Sample, Scrape, Series

STEP = 15.0
COUNTS = 60
Samples = list[tuple[float, float]]
NO_LABELS = SeriesLabels([], None)


class Store:
    """The samples of two instances; some come late, and some series come or end later."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.series: dict[str, list[tuple[Series, dict[float, float]]]] = {}
        for kind in ("counter", "other", "optional", "start"):
            self.series[kind] = [
                self._line(kind, instance, number, chance)
                for instance in ("a", "b")
                for number in range(1 if kind == "start" else 2)
            ]

    def _line(
        self, kind: str, instance: str, number: int, chance: random.Random
    ) -> tuple[Series, dict[float, float]]:
        first = chance.choice((0, 0, 25)) if kind == "optional" else 0
        last = chance.choice((COUNTS, COUNTS, 48))
        restart = chance.randrange(20, 55)
        values = [
            (900.0 if k >= restart else 1.0) if kind == "start" else float(k) for k in range(COUNTS)
        ]
        samples = tuple(
            Sample(STEP * k, values[k]) for k in range(first, last) if chance.random() > 0.05
        )
        delays = {at: chance.choice((0.0, 0.0, 0.0, 20.0, 50.0, 90.0)) for at, _ in samples}
        labels = {"__name__": kind, "instance": instance, "job": "j", "le": str(number)}
        return Series(labels, samples), delays

    def at(self, now: float, kind: str) -> list[Series]:
        """The series as Prometheus has them at a moment."""
        known = []
        for line, late in self.series[kind]:
            arrived = tuple(item for item in line.samples if item.at + late[item.at] <= now)
            known.append(Series(line.labels, arrived))
        return [line for line in known if line.samples]

    def scrapes(self, now: float, memory: ScrapeMemory | None) -> list[Scrape]:
        """The scrapes that a look at a moment reads."""
        return ScrapeReader("green", NO_LABELS).scrapes(
            [self.at(now, "counter"), self.at(now, "other")],
            self.at(now, "start"),
            optional=[self.at(now, "optional")],
            memory=memory,
        )


@pytest.mark.parametrize("seed", range(8))
def test_looks_with_a_memory_read_what_looks_without_one_read(seed: int) -> None:
    store, memory = Store(seed), ScrapeMemory()
    looks = [300.0 + 15.0 * number for number in range(50)]
    with_memory = [store.scrapes(now, memory) for now in looks]
    assert with_memory == [store.scrapes(now, None) for now in looks]
    assert len(with_memory[-1]) > COUNTS


def test_scrapes_that_are_not_new_are_not_read_again() -> None:
    store, memory = Store(3), ScrapeMemory()
    earlier = store.scrapes(600.0, memory)
    later = store.scrapes(615.0, memory)
    known = {id(scrape) for scrape in earlier}
    assert sum(id(scrape) not in known for scrape in later) < len(later) / 4
