"""A recording in memory: the scrapes and moves of a ramp, with queries for the samples."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from gates.model import Measured, Move, Sample, SampleSet, Scrape, Series
from gates.model.selector import NAME
from gates.statistics import Selector, labels_of, metric_name, parse_selector

GREEN, BLUE = "green", "blue"
# Selectors of a recording name the colour by this label, whatever label the policy names.
COLOUR_LABEL = "__colour__"


@dataclass(frozen=True, slots=True)
class FailedScrape:
    """A scrape to which the instance did not respond.

    Args:
        at: the moment of the scrape, in seconds of the recording.
        slot: the colour of the instance.
        instance: the address of the instance.
    """

    at: float
    slot: str
    instance: str


@dataclass(frozen=True, slots=True)
class _Column:
    """The samples of one series, in order of time."""

    times: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        self.times.append(at)
        self.samples.append(Sample(at, value))

    def between(self, since: float, until: float) -> tuple[Sample, ...]:
        """Return the samples after ``since``, up to and including ``until``."""
        return tuple(
            self.samples[bisect_right(self.times, since) : bisect_right(self.times, until)]
        )


Columns = dict[tuple[str, str, str], _Column]


@dataclass(slots=True)
class Recording:
    """A recording of a ramp.

    Args:
        path: the file of the recording.
        events: the scrapes, and the changes of green's share of the traffic, in order of time.
        failed: the scrapes to which the instance did not respond.
        edges: the bucket boundaries of each histogram, keyed by metric name. A boundary is the
            text that the instance exported.
    """

    path: Path
    events: list[Scrape | Move] = field(default_factory=list)
    failed: list[FailedScrape] = field(default_factory=list)
    edges: dict[str, frozenset[str]] = field(default_factory=dict)
    _counters: Columns = field(default_factory=dict)
    _starts: Columns = field(default_factory=dict)
    _up: Columns = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The path of the recording, which takes the place of the address of Prometheus."""
        return str(self.path)

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """Return the raw samples of counters in a window.

        Args:
            selector: an instant vector selector, with the colour as the value of ``COLOUR_LABEL``.
            window: the length of the window.
            at: the end of the window, in seconds of the recording.
        """
        parsed = parse_selector(selector)
        self._fill()
        columns = (
            (labels, column)
            for (slot, instance, identity), column in self._counters.items()
            if parsed.matches(labels := _labels(identity, slot, instance))
        )
        return self._answer(selector, window, at, columns)

    def starts(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """Return the start times of processes in a window; the labels are colour and instance.

        Args:
            selector: the selector of the start times.
            window: the length of the window.
            at: the end of the window, in seconds of the recording.
        """
        self._fill()
        return self._answer(selector, window, at, _of_processes(selector, self._starts))

    def up(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """Return a sample for each scrape in a window: 1 for a response, 0 for no response.

        Args:
            selector: the selector of ``up``.
            window: the length of the window.
            at: the end of the window, in seconds of the recording.
        """
        self._fill()
        return self._answer(selector, window, at, _of_processes(selector, self._up))

    def _answer(
        self,
        selector: str,
        window: timedelta,
        at: float,
        columns: Iterator[tuple[dict[str, str], _Column]],
    ) -> SampleSet:
        since = at - window.total_seconds()
        every = [Series(labels, column.between(since, at)) for labels, column in columns]
        series = tuple(line for line in every if line.samples)
        return SampleSet(
            query=f"{selector}[{window.total_seconds():.0f}s]",
            source=self.url,
            window=window,
            evaluated_at=at,
            measured=Measured.OK if series else Measured.NO_DATA,
            problem="" if series else "no series matches",
            series=series,
        )

    def _fill(self) -> None:
        """Put the samples of each time series into a column, once."""
        if self._up:
            return
        for event in self.events:
            if not isinstance(event, Scrape):
                continue
            key = (event.slot, event.instance)
            for identity, value in event.values.items():
                self._counters.setdefault((*key, identity), _Column()).add(event.at, value)
            if event.started is not None:
                self._starts.setdefault((*key, ""), _Column()).add(event.at, event.started)
        looks = [
            (event.at, event.slot, event.instance, 1.0)
            for event in self.events
            if isinstance(event, Scrape)
        ]
        looks += [(failed.at, failed.slot, failed.instance, 0.0) for failed in self.failed]
        for at, slot, instance, value in sorted(looks):
            self._up.setdefault((slot, instance, ""), _Column()).add(at, value)


def _labels(identity: str, slot: str, instance: str) -> dict[str, str]:
    return {**labels_of(identity), COLOUR_LABEL: slot, "instance": instance}


def _of_processes(selector: str, columns: Columns) -> Iterator[tuple[dict[str, str], _Column]]:
    """The columns of the selector's colour; for a selector without a colour, one per instance."""
    parsed = parse_selector(selector)
    names_colour = COLOUR_LABEL in parsed.label_names
    known: set[str] = set()
    for (slot, instance, _), column in columns.items():
        labels = {NAME: metric_name(selector), COLOUR_LABEL: slot, "instance": instance}
        if not _matches_colour(parsed, slot) or (not names_colour and instance in known):
            continue
        known.add(instance)
        yield labels if names_colour else {NAME: labels[NAME], "instance": instance}, column


def _matches_colour(selector: Selector, slot: str) -> bool:
    return all(holds(slot) for name, holds in selector.matchers if name == COLOUR_LABEL)
