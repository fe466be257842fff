"""A recording: JSON Lines with the text that each instance exported at each scrape.

Source: Prometheus exposition formats, text-based format.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from gates.errors import RecordingError
from gates.model import Measured, Move, Sample, SampleSet, Scrape, Series
from gates.sources import json_values
from gates.statistics import Selector, labels_of, parse_selector

MAX_LINE_BYTES = 20_000_000
MAX_BYTES = 2_000_000_000
MAX_NAME = 200
MAX_TIME = 1e10
GAUGE = "kirana_build_info"
# The start time of a process that started before the recording.
LONG_AGO = -1e9
START_TIME = "process_start_time_seconds"
# A start time that differs by less is the same: clocks are not exact.
CLOCK_NOISE_SECONDS = 1.0
# The series that objectives may read; other series are not kept.
KEPT = (
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count",
    "payments_total",
    "cache_hits_total",
    "cache_misses_total",
    "db_query_duration_seconds_bucket",
    "db_query_duration_seconds_count",
    "kirana_build_info",
    "process_cpu_seconds_total",
    START_TIME,
)


@dataclass(slots=True)
class Recording:
    """A recording, in order of time.

    Args:
        path: the file.
        events: scrapes, and changes of green's share of the traffic.
        failed: the number of failed scrapes, by target.
        names: the metric names of the series in the recording.
    """

    path: Path
    events: list[Scrape | Move] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The name of the recording as a source."""
        return str(self.path)

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples of a selector in the window before a moment.

        Args:
            selector: an instant vector selector.
            window: the length of the window that ends at the moment.
            at: the moment, in seconds of the recording's clock.
        """
        parsed = parse_selector(selector)
        samples: dict[tuple[str, str, str], list[Sample]] = {}
        for scrape in self._scrapes(at - window.total_seconds(), at):
            for identity, value in scrape.values.items():
                if _matches(parsed, identity, scrape.slot):
                    key = (scrape.slot, scrape.instance, identity)
                    samples.setdefault(key, []).append(Sample(scrape.at, value))
            if scrape.started is not None and selector.startswith(START_TIME):
                labels = {"slot": scrape.slot, "__name__": START_TIME}
                if parsed.matches(labels):
                    key = (scrape.slot, scrape.instance, START_TIME)
                    samples.setdefault(key, []).append(Sample(scrape.at, scrape.started))
        series = tuple(
            Series({**labels_of(identity), "slot": slot, "instance": instance}, tuple(points))
            for (slot, instance, identity), points in samples.items()
        )
        return SampleSet(
            query=f"{selector}[{window.total_seconds():.0f}s]",
            source=self.url,
            window=window,
            evaluated_at=at,
            measured=Measured.OK if series else Measured.NO_DATA,
            problem="" if series else "no series matches",
            series=series,
        )

    def _scrapes(self, since: float, until: float) -> Iterator[Scrape]:
        """The scrapes after one moment and until another."""
        times = [event.at for event in self.events]
        for index in range(bisect_right(times, since), bisect_right(times, until)):
            event = self.events[index]
            if isinstance(event, Scrape):
                yield event


@lru_cache(maxsize=200_000)
def _matches(selector: Selector, identity: str, slot: str) -> bool:
    return selector.matches({**labels_of(identity), "slot": slot})


def read(path: Path) -> Recording:
    """Read a recording.

    Args:
        path: the file.

    Raises:
        RecordingError: the file is not a valid recording; the message names the file and line.
    """
    recording = Recording(path)
    reader = _Reader(recording)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordingError(f"{path}: the file has more than {MAX_BYTES:,} bytes")
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if len(line) > MAX_LINE_BYTES:
                    raise RecordingError(
                        f"{path}, line {number}: the line has more than {MAX_LINE_BYTES:,} bytes"
                    )
                if line.strip():
                    reader.read_line(number, line)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    reader.sort_events()
    if not any(isinstance(event, Scrape) for event in recording.events):
        raise RecordingError(f"{path}: the recording has no scrape")
    return recording


class _Reader:
    """Reads a recording line by line; the labels of a series are parsed once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._identities: dict[str, str] = {}
        self._last: dict[tuple[str, str], tuple[Mapping[str, float], float | None, float]] = {}

    def read_line(self, number: int, line: bytes) -> None:
        """Add the event of one line.

        Args:
            number: the number of the line, from 1.
            line: the line; untrusted.

        Raises:
            RecordingError: the line is malformed.
        """
        where = f"{self._recording.path}, line {number}"
        try:
            content = json_values.loads(line)
            at = json_values.number(content["t"], -MAX_TIME, MAX_TIME)
            if "weight" in content:
                share = json_values.number(content["weight"]["green"], 0, 1)
                self._recording.events.append(Move(at, share))
                return
            target = json_values.name(content["target"], MAX_NAME)
            instance = json_values.name(content["instance"], MAX_NAME)
            if "error" in content:
                failed = self._recording.failed
                failed[target] = failed.get(target, 0) + 1
                return
            values, started = self._values(content["text"])
        except json_values.MALFORMED as error:
            raise RecordingError(f"{where}: the line is malformed ({error})"[:300]) from None
        self._recording.events.append(Scrape(at, target, instance, started, values))

    def sort_events(self) -> None:
        """Sort the events by time, and find the restarts of each process."""
        events = self._recording.events
        events.sort(key=lambda event: event.at)
        for number, event in enumerate(events):
            if isinstance(event, Scrape):
                key = (event.slot, event.instance)
                started = self._started(key, event.at, event.values, event.started)
                events[number] = replace(event, started=started)

    def _values(self, text: str) -> tuple[dict[str, float], float | None]:
        """The values of the series of one scrape that objectives read, and the process start time.

        Args:
            text: the text that the instance exported.
        """
        identities, values, started = self._identities, {}, None
        for line in text.split("\n"):
            if not line or line[0] == "#":
                continue
            if " # " in line:
                line = line.partition(" # ")[0]  # noqa: PLW2901 - an exemplar is not a value
            cut = line.rfind("}") + 1 or line.find(" ")
            head = line[:cut]
            identity = identities.get(head)
            if identity is None:
                identity = identities[head] = self._identity(head)
            if not identity:
                continue
            value = float(line[cut:].split()[0])
            if identity == START_TIME:
                started = value
            else:
                values[identity] = value
        return values, started

    def _identity(self, head: str) -> str:
        """The identity of a series; an empty text when no objective may read the series."""
        name = head.partition("{")[0].strip()
        if name not in KEPT:
            return ""
        self._recording.names.add(name)
        return name if name == START_TIME else head.strip()

    def _started(
        self, key: tuple[str, str], at: float, values: Mapping[str, float], started: float | None
    ) -> float:
        """When a process started, on the recording's clock: its restart, or long ago."""
        last = self._last.get(key)
        known = LONG_AGO if last is None else last[2]
        if last is not None:
            moved = (
                None not in (started, last[1])
                and abs(float(started or 0) - float(last[1] or 0)) > CLOCK_NOISE_SECONDS
            )
            fell = any(
                value < last[0].get(identity, 0.0)
                for identity, value in values.items()
                if not identity.startswith(GAUGE)
            )
            known = at if moved or fell else known
        self._last[key] = (values, started, known)
        return known
