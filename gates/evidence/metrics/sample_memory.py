"""Remembers samples, so that a later question asks only for the samples that are new."""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf

from gates.model import Measured, Sample, SampleSet, Series

# A sample may reach Prometheus so much later than its time.
OVERLAP_SECONDS = 120.0
# The begin of a window may move back by the rounding of the window.
MAX_EARLIER_SECONDS = 5.0
# Shorter windows are the rounding of two moments.
SHORTEST_SECONDS = 0.01
# Samples that are so much older than the longest window are forgotten; the window of a ramp grows.
SPARE_SECONDS = 900.0
MAX_REMEMBERED_SAMPLES = 2_000_000
Ask = Callable[[float, float], SampleSet]
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Samples:
    """The samples of one query between two moments.

    Args:
        since: the samples after this moment are known, seconds since the epoch.
        until: the samples up to this moment are known.
        by_series: the samples of each time series, oldest first.
    """

    since: float
    until: float
    by_series: dict[Labels, list[Sample]] = field(default_factory=dict)

    def add(self, answer: Iterable[Series], begin: float, end: float) -> None:
        """Put the samples of an answer in the place of the known samples of its window.

        Args:
            answer: the time series of the answer.
            begin: the begin of the window, which is not in it.
            end: the end of the window.
        """
        for known in self.by_series.values():
            del known[_after(known, begin) : _after(known, end)]
        for series in answer:
            known = self.by_series.setdefault(tuple(sorted(series.labels.items())), [])
            new = [sample for sample in series.samples if begin < sample.at <= end]
            at = _after(known, begin)
            known[at:at] = new
        self.since, self.until = min(self.since, begin), max(self.until, end)

    def forget_until(self, moment: float) -> None:
        """Forget the samples up to a moment, and the series that have no later sample."""
        for known in self.by_series.values():
            del known[: _after(known, moment)]
        self.by_series = {labels: known for labels, known in self.by_series.items() if known}
        self.since = max(self.since, moment)

    def between(self, begin: float, end: float) -> tuple[Series, ...]:
        """The time series with samples after one moment and up to another."""
        cut = (
            (labels, known[_after(known, begin) : _after(known, end)])
            for labels, known in self.by_series.items()
        )
        return tuple(Series(dict(labels), tuple(samples)) for labels, samples in cut if samples)

    @property
    def size(self) -> int:
        """The number of samples."""
        return sum(len(known) for known in self.by_series.values())


def _after(samples: list[Sample], moment: float) -> int:
    """The index of the first sample after a moment."""
    return bisect_right(samples, moment, key=lambda sample: sample.at)


def _slices(
    windows: Sequence[tuple[float, float]], longest: float
) -> Iterator[tuple[float, float]]:
    """Windows of at most a length that make up other windows."""
    for first, last in windows:
        count = max(1, ceil((last - first) / longest))
        edges = [first + number * (last - first) / count for number in range(count)]
        yield from pairwise((*edges, last))


@dataclass(frozen=True, slots=True)
class Reading:
    """The time series of a query, or the problem of a failed query."""

    series: tuple[Series, ...]
    problem: str = ""


class SampleMemory:
    """The samples of earlier answers, by the name of the query; its size is bounded.

    Args:
        max_samples: so many samples are remembered; a further query is asked as a whole each time.
    """

    def __init__(self, max_samples: int = MAX_REMEMBERED_SAMPLES) -> None:
        self._max_samples = max_samples
        self._known: dict[str, Samples] = {}
        self._longest: dict[str, float] = {}
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def read(
        self, name: str, seconds: float, at: float, ask: Ask, *, longest: float = inf
    ) -> Reading:
        """The time series of a query; only the samples that are not in memory are queried.

        Args:
            name: names the query, whatever its window is.
            seconds: the length of the window that ends at the moment.
            at: the moment, in seconds since the epoch.
            ask: asks for the window of a length in seconds that ends at a moment.
            longest: the longest window that is asked for at once, seconds.
        """
        with self._lock:
            lock = self._locks[name]
        with lock:
            begin = at - seconds
            known, windows = self._unknown_windows(name, begin, at)
            for first, last in _slices(windows, longest):
                answer = ask(last - first, last)
                if answer.measured is Measured.ERROR:
                    return Reading((), answer.problem)
                known.add(answer.series, first, last)
            kept = max(seconds, self._longest.get(name, 0.0))
            self._longest[name] = kept
            known.forget_until(at - kept - SPARE_SECONDS)
            self._remember(name, known)
            return Reading(known.between(begin, at))

    def _unknown_windows(
        self, name: str, begin: float, at: float
    ) -> tuple[Samples, list[tuple[float, float]]]:
        """The known samples of a query, and the windows that are not known."""
        known = self._known.get(name)
        if known is None or known.until > at or known.until < begin:
            return Samples(at, begin), [(begin, at)]
        if known.since - begin > MAX_EARLIER_SECONDS:
            return Samples(at, begin), [(begin, at)]
        windows = [(begin, known.since)] if known.since - begin > SHORTEST_SECONDS else []
        if known.until < at:
            # The overlap may begin before this window: a longer window reads the same samples.
            overlap = max(known.since, known.until - OVERLAP_SECONDS)
            windows.append((overlap, at))
        return known, windows

    def _remember(self, name: str, known: Samples) -> None:
        with self._lock:
            self._known.pop(name, None)
            if known.size + sum(other.size for other in self._known.values()) <= self._max_samples:
                self._known[name] = known
