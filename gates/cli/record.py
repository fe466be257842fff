"""``gates record``: write to stdout the metrics that both colours export."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gates import places
from gates.errors import ConfigurationError, RouterError
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import target_file as targets
from gates.process.progress import Progress
from gates.process.signals import pause
from gates.ramp.real_world import router_of
from gates.routers import TrafficRouter
from gates.sources.http import get

SCRAPE_SECONDS = 5.0
MAX_METRICS_BYTES = 20_000_000
OK = 200
# Lines are held back until the ramp begins, since time is counted from its beginning.
MAX_HELD_BYTES = 400_000_000


@dataclass(frozen=True, slots=True)
class _RecordedLine:
    """A line of a recording.

    Args:
        at: the time of the scrape, in seconds since the epoch.
        content: the other fields of the line.
    """

    at: float
    content: Mapping[str, object]

    @property
    def size(self) -> int:
        """Return the approximate size of the line in memory, in bytes."""
        return len(str(self.content.get("text", ""))) + 100


def record(arguments: argparse.Namespace) -> int:
    """Run ``gates record``: print the metrics of both colours and their traffic weights.

    The command ends after the duration, or at an interrupt.
    """
    folder = places.targets(arguments.targets).path
    colours = [targets.load(name, folder) for name in (arguments.target, arguments.baseline)]
    router = router_of(colours[0])
    writer = _Writer(time.time(), begun=router.shares().get(colours[0].slot, 0) > 0)
    slots = {"green": colours[0].slot, "blue": colours[1].slot}
    writer.write(_RecordedLine(time.time(), {"colours": slots}))
    progress, began = Progress(arguments.duration), time.monotonic()
    try:
        while (passed := time.monotonic() - began) < arguments.duration:
            _scrape(writer, router, colours)
            phase = "ramp" if writer.begun else "before the ramp"
            progress.show(passed, f"{writer.lines:,} lines, {phase}")
            scrapes = passed // arguments.every + 1
            pause(max(0.0, began + scrapes * arguments.every - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        progress.end()
        writer.flush()
    return ExitCode.GO


class _Writer:
    """Writes lines whose times are counted from the beginning of the ramp.

    Args:
        now: the present time, in seconds since the epoch.
        begun: whether a ramp is already under way. If so, times are counted from ``now``.
    """

    def __init__(self, now: float, *, begun: bool) -> None:
        self.begun, self.lines = begun, 0
        self._zero, self._share = now, -1.0
        self._held: list[_RecordedLine] = []
        self._size = 0
        if begun:
            sys.stderr.write(
                "record: a ramp is already under way; the times of the recording count from now\n"
            )

    def weight(self, at: float, share: float) -> None:
        """Write green's share of the traffic, if it differs from the last written share."""
        if share == self._share:
            return
        if share > 0 and not self.begun:
            self.begun, self._zero = True, at
            self.flush()
        self._share = share
        self.write(_RecordedLine(at, {"weight": {"green": share}}))

    def write(self, line: _RecordedLine) -> None:
        """Write a line at once; before the ramp begins, store the line until the ramp begins.

        Raises:
            ConfigurationError: the ramp has not begun, and the stored lines need too much memory.
        """
        self.lines += 1
        if self.begun:
            self._print(line)
            return
        self._size += line.size
        if self._size > MAX_HELD_BYTES:
            raise ConfigurationError(
                "the ramp has not begun, and the lines before the ramp need too much memory; "
                "start gates record again shortly before the ramp"
            )
        self._held.append(line)

    def flush(self) -> None:
        """Write the lines that were stored before the ramp."""
        if not self.begun and self._held:
            self._zero = self._held[-1].at
        for line in self._held:
            self._print(line)
        self._held = []

    def _print(self, line: _RecordedLine) -> None:
        seconds = round(line.at - self._zero, 3)
        sys.stdout.write(json.dumps({"t": seconds, **line.content}) + "\n")
        sys.stdout.flush()


def _scrape(writer: _Writer, router: TrafficRouter, colours: list[Target]) -> None:
    """Read the weights and the metrics of both colours once."""
    try:
        writer.weight(time.time(), router.shares().get(colours[0].slot, 0.0))
    except RouterError as error:
        sys.stderr.write(f"record: {error}\n")
    for address, target, names in _exporters(colours):
        at = time.time()
        answer = get(
            address, target.access_of(address).at_most(SCRAPE_SECONDS), max_bytes=MAX_METRICS_BYTES
        )
        content = {**names, "instance": urlsplit(address).netloc}
        if answer.problem or answer.status != OK:
            content["error"] = answer.problem or f"status {answer.status}"
        else:
            content["text"] = answer.body.decode(errors="replace")
        writer.write(_RecordedLine(at, content))


def _exporters(colours: list[Target]) -> list[tuple[str, Target, dict[str, str]]]:
    """Return the addresses with metrics, each with its target and the label of its colour.

    An address that exports the metrics of both colours has no label.
    """
    addresses = [colour.metrics_address or f"{colour.addresses.api}/metrics" for colour in colours]
    if addresses[0] == addresses[1]:
        return [(addresses[0], colours[0], {})]
    names = ({"target": "green"}, {"target": "blue"})
    return list(zip(addresses, colours, names, strict=True))
