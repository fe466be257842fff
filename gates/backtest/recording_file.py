"""Reads the file of a recording: JSON Lines with the metrics that instances exported.

Source: Prometheus exposition formats, text-based format.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gates.backtest.recorded_series import SeriesKind, SeriesOfPolicy
from gates.backtest.recording import BLUE, GREEN, FailedScrape, Recording
from gates.errors import RecordingError
from gates.model import Indicator, Move, Scrape
from gates.sources import json_values
from gates.statistics import CLOCK_NOISE_SECONDS

MAX_LINE_BYTES = 20_000_000
MAX_BYTES = 2_000_000_000
MAX_NAME = 200
MAX_TIME = 1e10
# The start time of a process that started before the recording.
LONG_AGO = -1e9
APART_SECONDS = 60.0
# The series of a line: the name with its labels, without the value.
HEAD = re.compile(r'[^{\s]*\s*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?')


def read(path: Path, indicators: Mapping[str, Indicator]) -> Recording:
    """Read the file of a recording.

    Args:
        path: the path of the file.
        indicators: the indicators of the policy, by name. Time series that no indicator reads are
            left out.

    Raises:
        RecordingError: the file is not a valid recording. The message names the file, and the line
            where one line is the cause.
    """
    recording = Recording(path)
    reader = _Reader(recording, SeriesOfPolicy(indicators))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordingError(
                f"{path}: the file has more than the allowed {MAX_BYTES:,} bytes; record a "
                "shorter time"
            )
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if len(line) > MAX_LINE_BYTES:
                    raise RecordingError(
                        f"{path}, line {number}: the line has more than the allowed "
                        f"{MAX_LINE_BYTES:,} bytes"
                    )
                if line.strip():
                    reader.read_line(number, line)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    reader.finish()
    if not any(isinstance(event, Scrape) for event in recording.events):
        raise RecordingError(f"{path}: the recording has no scrape; record the ramp again")
    return recording


@dataclass(frozen=True, slots=True)
class _Exposition:
    """The metrics that an instance exported at one scrape.

    Args:
        at: the moment of the scrape, in seconds of the recording.
        slot: the colour of the instance; empty where the instance counts for both colours.
        instance: the address of the instance.
        values: the counters, by identity.
        started: the start time that the process exported; None where it exported none.
    """

    at: float
    slot: str
    instance: str
    values: Mapping[str, float]
    started: float | None


class _Reader:
    """Reads a recording line by line, and parses the labels of each time series once."""

    def __init__(self, recording: Recording, series: SeriesOfPolicy) -> None:
        self._recording = recording
        self._series = series
        self._moves: list[Move] = []
        self._scrapes: list[_Exposition] = []
        self._colours = {GREEN: GREEN, BLUE: BLUE}
        self._last: dict[tuple[str, str], tuple[Mapping[str, float], float | None, float]] = {}
        self._begun: dict[tuple[str, str], int] = {}
        self._starts: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def read_line(self, number: int, line: bytes) -> None:
        """Add the scrape, the failed scrape or the traffic weight of one line to the recording.

        Args:
            number: the number of the line, from 1.
            line: the line of the file, from an untrusted source.

        Raises:
            RecordingError: the line is malformed.
        """
        where = f"{self._recording.path}, line {number}"
        try:
            self._read(json_values.object_of(json_values.loads(line)))
        except json_values.MALFORMED as error:
            raise RecordingError(f"{where}: the line is malformed ({error})"[:300]) from None

    def _read(self, content: Mapping[str, object]) -> None:
        at = json_values.number(content["t"], -MAX_TIME, MAX_TIME)
        if "weight" in content:
            share = json_values.object_of(content["weight"])["green"]
            self._moves.append(Move(at, json_values.number(share, 0, 1)))
            return
        if "colours" in content:
            names = json_values.object_of(content["colours"])
            self._colours = {
                colour: json_values.name(names[colour], MAX_NAME) for colour in (GREEN, BLUE)
            }
            return
        slot = json_values.name(content["target"], MAX_NAME) if "target" in content else ""
        instance = json_values.name(content["instance"], MAX_NAME)
        if "error" in content:
            slots = (slot,) if slot else (GREEN, BLUE)
            self._recording.failed += [FailedScrape(at, colour, instance) for colour in slots]
            return
        values, started = self._values(json_values.text(content["text"]))
        self._scrapes.append(_Exposition(at, slot, instance, values, started))

    def finish(self) -> None:
        """Sort the scrapes and moves by time, and find the restarts of each process."""
        self._scrapes.sort(key=lambda scrape: scrape.at)
        events: list[Scrape | Move] = [*self._moves]
        for scrape in self._scrapes:
            key = (scrape.slot, scrape.instance)
            started = self._started(key, scrape.at, scrape.values, scrape.started)
            with_start = Scrape(scrape.at, scrape.slot, scrape.instance, started, scrape.values)
            events += [with_start] if scrape.slot else self._of_both(with_start)
        events.sort(key=lambda event: event.at)
        self._recording.events = events
        self._recording.edges = {
            name: frozenset(known) for name, known in self._series.edges.items()
        }

    def _of_both(self, scrape: Scrape) -> list[Scrape]:
        """Split a scrape of an instance that counts for both colours into a scrape per colour."""
        return [
            scrape._replace(
                slot=colour,
                values={
                    identity: value
                    for identity, value in scrape.values.items()
                    if self._series.is_of_colour(identity, name)
                },
            )
            for colour, name in self._colours.items()
        ]

    def _values(self, text: str) -> tuple[dict[str, float], float | None]:
        """Read the values that objectives read, and the process start time, from one scrape.

        Args:
            text: the text that the instance exported.

        Raises:
            ValueError: a time series that objectives read has no value.
        """
        values, started = {}, None
        for line in text.split("\n"):
            if not line or line[0] == "#" or not line.strip():
                continue
            head = HEAD.match(line)
            end = head.end() if head else 0
            identity = line[:end].strip()
            kind = self._series.kind(identity)
            if kind is SeriesKind.OTHER:
                continue
            rest = line[end:].split()
            if not rest:
                raise ValueError(f"the time series {identity[:100]} has no value")
            value = float(rest[0])
            if kind is SeriesKind.START_TIME:
                started = value
            else:
                values[identity] = value
        return values, started

    def _started(
        self, key: tuple[str, str], at: float, values: Mapping[str, float], started: float | None
    ) -> float:
        """Return when a process started, in seconds of the recording.

        The clock of the recording may differ from the clocks of the processes. So the first process
        of an instance counts as started before the recording. A later process counts as started at
        its first scrape. Where several processes share an address, an earlier start time can appear
        again: then the process counts as started at the same moment as before. Without start times,
        the fall of a counter is a restart.
        """
        if started is not None:
            known = self._starts.setdefault(key, [])
            for raw, moment in known:
                if abs(raw - started) <= CLOCK_NOISE_SECONDS:
                    return moment
            known.append((started, at if known else self._long_ago(key)))
            return known[-1][1]
        last = self._last.get(key)
        begun = self._long_ago(key) if last is None else last[2]
        fell = last is not None and any(
            value < last[0].get(identity, 0.0)
            for identity, value in values.items()
            if self._series.kind(identity) is SeriesKind.COUNTER
        )
        self._last[key] = (values, started, at if fell else begun)
        return self._last[key][2]

    def _long_ago(self, key: tuple[str, str]) -> float:
        """Return a moment before the recording, which is different for each instance."""
        return LONG_AGO - APART_SECONDS * self._begun.setdefault(key, len(self._begun))
