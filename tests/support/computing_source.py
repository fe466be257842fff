"""A source that computes as Prometheus does what the gate asks of a large store.

It knows the sums by instance, the questions about size and identity, and plain selectors; another
expression is an error of the test.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bundle import Line, Metrics

from gates.model import Measured, Sample, SampleSet, Series
from gates.statistics import parse_selector

LOOKBACK_SECONDS = 300.0
SUM = re.compile(r"sum by \((?P<labels>[^)]*)\) \((?P<selector>.*)\)")
DOUBLED = re.compile(r"topk\(1, count by \((?P<labels>[^)]*)\) \((?P<selector>.*)\) > 1\)")
QUESTION = re.compile(
    r'label_replace\((?:count|max)\((?P<inner>.*?)\), "question", "(?P<name>[^"]*)", "", ""\)'
)
SUMS = re.compile(r"count by \((?P<labels>[^)]*)\) \((?P<selector>.*)\)")
SCRAPES = re.compile(r"count_over_time\((?P<selector>.*)\[(?P<seconds>\d+)s\]\)")


@dataclass
class ComputingSource:
    """A source over series in memory.

    Args:
        metrics: the series.
        queries: each selector or expression that was asked for, and the length of its window.
    """

    metrics: Metrics
    queries: list[tuple[str, float]] = field(default_factory=list)
    url: str = "http://p"

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples."""
        self.queries.append((selector, window.total_seconds()))
        return self.metrics.samples(selector, window.total_seconds(), at)

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """The values at every step."""
        self.queries.append((expression, window.total_seconds()))
        count = int(window.total_seconds() / step)
        moments = [at - number * step for number in range(count, -1, -1)]
        if "label_replace" in expression:
            series = tuple(self._sizes(expression, at))
        elif doubled := DOUBLED.fullmatch(expression):
            groups = self._grouped(doubled, moments, counted=True)
            series = tuple(line for line in groups if any(value > 1 for _, value in line.samples))
        elif total := SUM.fullmatch(expression):
            series = tuple(self._grouped(total, moments, counted=False))
        else:
            series = tuple(
                Series(line.labels, tuple(Sample(at, value) for _, value in newest))
                for line in self._lines(expression)
                if (newest := _newest(line, [at]))
            )
        measured = Measured.OK if series else Measured.NO_DATA
        return SampleSet(expression, self.url, window, at, measured, "", series)

    def label_names(self, selector: str, window: timedelta, at: float) -> frozenset[str]:
        """The labels of the series in the window."""
        lines = self.metrics.answer(selector, window.total_seconds(), at)
        return frozenset(name for line in lines for name in line.labels)

    def _lines(self, selector: str) -> list[Line]:
        """The series of a selector."""
        parsed = parse_selector(selector)
        return [line for line in self.metrics.lines if parsed.matches(line.labels)]

    def _grouped(
        self, match: re.Match[str], moments: Sequence[float], *, counted: bool
    ) -> Iterator[Series]:
        """The sums, or the counts, of each group of series."""
        names = match["labels"].split(", ")
        groups: dict[tuple[str, ...], dict[float, float]] = {}
        for line in self._lines(match["selector"]):
            key = tuple(line.labels.get(name, "") for name in names)
            totals = groups.setdefault(key, {})
            for moment, value in _newest(line, moments):
                totals[moment] = totals.get(moment, 0.0) + (1.0 if counted else value)
        for key, totals in groups.items():
            samples = tuple(Sample(moment, totals[moment]) for moment in sorted(totals))
            if samples:
                yield Series(dict(zip(names, key, strict=True)), samples)

    def _sizes(self, expression: str, at: float) -> Iterator[Series]:
        """The answers to the questions about the size of the store."""
        for question in QUESTION.finditer(expression):
            scrapes = SCRAPES.fullmatch(question["inner"])
            sums = SUMS.fullmatch(question["inner"])
            if sums is not None:
                value = len(list(self._grouped(sums, [at], counted=True)))
            elif scrapes is None:
                known = [line for line in self._lines(question["inner"]) if _newest(line, [at])]
                value = len(known)
            else:
                lines = self.metrics.answer(scrapes["selector"], float(scrapes["seconds"]), at)
                value = max((len(line.points) for line in lines), default=0)
            yield Series({"question": question["name"]}, (Sample(at, float(value)),))


def _newest(line: Line, moments: Sequence[float]) -> list[tuple[float, float]]:
    """The newest value at each moment, for as long as Prometheus shows it."""
    times = [at for at, _ in line.points]
    positions = ((moment, bisect_right(times, moment) - 1) for moment in moments)
    return [
        (moment, line.points[index][1])
        for moment, index in positions
        if index >= 0 and moment - times[index] < LOOKBACK_SECONDS
    ]
