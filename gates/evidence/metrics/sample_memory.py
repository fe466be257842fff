"""Remembers samples of queries, so that a later decision queries only the new samples."""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf

from gates.model import Measured, Sample, SampleSet, Series

# The longest delay with which a sample may reach Prometheus.
OVERLAP_SECONDS = 120.0
# The start of a window may move back by this time, because the window is rounded.
MAX_EARLIER_SECONDS = 5.0
# Shorter windows come from the rounding of two moments, and are not queried.
MIN_SECONDS = 0.01
# Samples are forgotten when they are older than the longest window by this time. The spare time
# is needed because the window of a ramp grows.
SPARE_SECONDS = 900.0
MAX_REMEMBERED_SAMPLES = 2_000_000
Ask = Callable[[float, float], SampleSet]
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Samples:
    """The samples of one query between two moments.

    Args:
        since: the start of the window of the known samples, seconds since the epoch; the window
            does not include this moment.
        until: the end of the window of the known samples, seconds since the epoch.
        by_series: the samples of each time series, oldest first.
    """

    since: float
    until: float
    by_series: dict[Labels, list[Sample]] = field(default_factory=dict)

    def add(self, answer: Iterable[Series], begin: float, end: float) -> None:
        """Replace the known samples of a window by the samples of a new query.

        Args:
            answer: the time series that the query returned.
            begin: the start of the window, seconds since the epoch; a sample at this moment is not
                replaced.
            end: the end of the window, seconds since the epoch.
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
        """Forget the samples up to a moment, and the time series without a later sample."""
        for known in self.by_series.values():
            del known[: _after(known, moment)]
        self.by_series = {labels: known for labels, known in self.by_series.items() if known}
        self.since = max(self.since, moment)

    def between(self, begin: float, end: float) -> tuple[Series, ...]:
        """Return the time series with their samples after ``begin`` and up to ``end``."""
        cut = (
            (labels, known[_after(known, begin) : _after(known, end)])
            for labels, known in self.by_series.items()
        )
        return tuple(Series(dict(labels), tuple(samples)) for labels, samples in cut if samples)

    @property
    def size(self) -> int:
        """The number of samples of all time series."""
        return sum(len(known) for known in self.by_series.values())


def _after(samples: list[Sample], moment: float) -> int:
    """Return the index of the first sample after a moment."""
    return bisect_right(samples, moment, key=lambda sample: sample.at)


def _slices(
    windows: Sequence[tuple[float, float]], longest: float
) -> Iterator[tuple[float, float]]:
    """Divide windows into windows that are not longer than ``longest`` seconds."""
    for first, last in windows:
        count = max(1, ceil((last - first) / longest))
        edges = [first + number * (last - first) / count for number in range(count)]
        yield from pairwise((*edges, last))


@dataclass(frozen=True, slots=True)
class Reading:
    """The time series of a query, or the reason why the query failed.

    Args:
        series: the time series; empty where the query failed.
        problem: why the query failed; an empty text where the query succeeded.
    """

    series: tuple[Series, ...]
    problem: str = ""


class SampleMemory:
    """The samples of earlier queries, by the name of the query.

    Args:
        max_samples: the largest number of remembered samples; beyond this number, the samples of a
            query are not remembered, and every decision queries the whole window.
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
        """Return the time series of a query, or the problem of a failed query.

        Samples in memory are used again. The gate queries the part of the window that is not in
        memory. The gate also queries the newest seconds in memory again, because samples that
        Prometheus stored late may be missing there.

        Args:
            name: the name of the query, which does not depend on the window.
            seconds: the length of the window that ends at ``at``.
            at: the end of the window, in seconds since the epoch.
            ask: a function that sends the query for a window; its arguments are the length of the
                window, in seconds, and the end of the window.
            longest: the longest window of one query, in seconds; a longer window is sliced.
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
            window_seconds = max(seconds, self._longest.get(name, 0.0))
            self._longest[name] = window_seconds
            known.forget_until(at - window_seconds - SPARE_SECONDS)
            self._remember(name, known)
            return Reading(known.between(begin, at))

    def _unknown_windows(
        self, name: str, begin: float, at: float
    ) -> tuple[Samples, list[tuple[float, float]]]:
        """Return the known samples of a query, and the windows that must be queried."""
        known = self._known.get(name)
        if known is None or known.until > at or known.until < begin:
            return Samples(at, begin), [(begin, at)]
        if known.since - begin > MAX_EARLIER_SECONDS:
            return Samples(at, begin), [(begin, at)]
        windows = [(begin, known.since)] if known.since - begin > MIN_SECONDS else []
        if known.until < at:
            # The overlap may begin before this window; a longer window has the same samples.
            overlap = max(known.since, known.until - OVERLAP_SECONDS)
            windows.append((overlap, at))
        return known, windows

    def _remember(self, name: str, known: Samples) -> None:
        with self._lock:
            self._known.pop(name, None)
            if known.size + sum(other.size for other in self._known.values()) <= self._max_samples:
                self._known[name] = known
