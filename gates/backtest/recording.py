"""A recording as a source: JSON Lines with the text that each instance exported.

Source: Prometheus exposition formats, text-based format.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from gates.errors import RecordingError
from gates.model import Measured, Move, Sample, SampleSet, Scrape, Series
from gates.sources import strict_json
from gates.statistics import labels_of, parse_selector

MOST_LINE = 20_000_000
MOST_BYTES = 2_000_000_000
MOST_NAME = 200
GAUGE = "kirana_build_info"
LONG_AGO = -1e9
STARTED = "process_start_time_seconds"
# Of every scrape, only these are kept: what some objective may read.
KEPT = (
    "http_requests_total", "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count", "payments_total", "cache_hits_total",
    "cache_misses_total", "db_query_duration_seconds_bucket", "db_query_duration_seconds_count",
    "kirana_build_info", "process_cpu_seconds_total", STARTED,
)  # fmt: skip


@dataclass(slots=True)
class Recording:
    """A recording, in order of time.

    Args:
        path: the file.
        events: scrapes and moves.
        failed: how many scrapes of each target failed.
        names: the series names it holds.
    """

    path: Path
    events: list[Scrape | Move] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What it is called as a source."""
        return str(self.path)

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples of a selector in the window before a moment."""
        matcher = parse_selector(selector)
        since = at - window.total_seconds()
        found: dict[tuple[str, str, str], list[Sample]] = {}
        for event in self._between(since, at):
            for identity, value in event.values.items():
                if _matches(matcher, identity, event.slot):
                    key = (event.slot, event.instance, identity)
                    found.setdefault(key, []).append(Sample(event.at, value))
            if event.started is not None and selector.startswith(STARTED):
                labels = {"slot": event.slot, "__name__": STARTED}
                if matcher.matches(labels):
                    key = (event.slot, event.instance, STARTED)
                    found.setdefault(key, []).append(Sample(event.at, event.started))
        series = tuple(
            Series({**labels_of(identity), "slot": slot, "instance": instance}, tuple(samples))
            for (slot, instance, identity), samples in found.items()
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

    def _between(self, since: float, until: float) -> Iterator[Scrape]:
        times = [one.at for one in self.events]
        for index in range(bisect_right(times, since), bisect_right(times, until)):
            event = self.events[index]
            if isinstance(event, Scrape):
                yield event


@lru_cache(maxsize=200_000)
def _matches(matcher: Any, identity: str, slot: str) -> bool:  # noqa: ANN401 - hashable
    return bool(matcher.matches({**labels_of(identity), "slot": slot}))


def read(path: Path) -> Recording:
    """Read a recording.

    Raises:
        RecordingError: it is none; the message names file and line.
    """
    recording = Recording(path)
    reader = _Reader(recording)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RecordingError(f"{path}: over {MOST_BYTES:,} bytes")
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if len(line) > MOST_LINE:
                    raise RecordingError(f"{path}, line {number}: over {MOST_LINE:,} bytes")
                if line.strip():
                    reader.take(number, line)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    reader.put_in_order()
    if not any(isinstance(one, Scrape) for one in recording.events):
        raise RecordingError(f"{path}: no scrape in it")
    return recording


class _Reader:
    """Reads line by line; what stands before the value of a series is looked up, not parsed."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._heads: dict[str, str] = {}
        self._last: dict[tuple[str, str], tuple[Mapping[str, float], float | None, float]] = {}

    def take(self, number: int, line: bytes) -> None:
        """One line."""
        where = f"{self._recording.path}, line {number}"
        try:
            content = strict_json.loads(line)
            at = _number(content["t"], -1e10, 1e10)
            if "weight" in content:
                share = _number(content["weight"]["green"], 0, 1)
                self._recording.events.append(Move(at, share))
                return
            target, instance = _name(content["target"]), _name(content["instance"])
            if "error" in content:
                failed = self._recording.failed
                failed[target] = failed.get(target, 0) + 1
                return
            values, started = self._values(content["text"])
        except (
            ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError,
        ) as error:  # fmt: skip
            raise RecordingError(f"{where}: no line of a recording ({error})"[:300]) from None
        self._recording.events.append(Scrape(at, target, instance, started, values))

    def put_in_order(self) -> None:
        """Sort by time; then it can be told which process is another one than before."""
        events = self._recording.events
        events.sort(key=lambda one: one.at)
        for number, event in enumerate(events):
            if isinstance(event, Scrape):
                key = (event.slot, event.instance)
                started = self._started(key, event.at, event.values, event.started)
                events[number] = replace(event, started=started)

    def _values(self, text: str) -> tuple[dict[str, float], float | None]:
        """The counters of one exposition that some objective may read."""
        heads, values, started = self._heads, {}, None
        for line in text.split("\n"):
            if not line or line[0] == "#":
                continue
            if " # " in line:
                line = line.partition(" # ")[0]  # noqa: PLW2901 - an exemplar is no value
            cut = line.rfind("}") + 1 or line.find(" ")
            head = line[:cut]
            identity = heads.get(head)
            if identity is None:
                identity = heads[head] = self._learn(head)
            if not identity:
                continue
            value = float(line[cut:].split()[0])
            if identity == STARTED:
                started = value
            else:
                values[identity] = value
        return values, started

    def _learn(self, head: str) -> str:
        """The identity of a series, or nothing when no objective may read it."""
        name = head.partition("{")[0].strip()
        if name not in KEPT:
            return ""
        self._recording.names.add(name)
        return name if name == STARTED else head.strip()

    def _started(
        self, key: tuple[str, str], at: float, values: Mapping[str, float], started: float | None
    ) -> float:
        """When the process started, on the recording's clock: when it changed, or long ago."""
        last = self._last.get(key)
        known = LONG_AGO if last is None else last[2]
        if last is not None:
            moved = (
                None not in (started, last[1])
                and abs(float(started or 0) - float(last[1] or 0)) > 1
            )
            fell = any(
                value < last[0].get(identity, 0.0)
                for identity, value in values.items()
                if not identity.startswith(GAUGE)
            )
            known = at if moved or fell else known
        self._last[key] = (values, started, known)
        return known


def _number(value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{str(value)[:40]} is no number from {least:g} to {most:g}")
    return float(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > MOST_NAME:
        raise ValueError("target and instance are names")
    return value
