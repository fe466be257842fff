"""``gates record``: write what both colours export, to stdout."""

import argparse
import json
import sys
import time
from typing import Any

from gates import places
from gates.errors import ConfigurationError, RouterError
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import target_file as targets
from gates.process.progress import Progress
from gates.ramp.real_world import router_of
from gates.routers import TrafficRouter
from gates.sources.http import get

SCRAPE_SECONDS = 5.0
MOST_BYTES = 20_000_000
OK = 200
# Held back until the ramp begins, which is what time is counted from.
MOST_HELD = 400_000_000


def record(arguments: argparse.Namespace) -> int:
    """``gates record``: what both colours export, and the weights, until interrupted."""
    folder = places.targets(arguments.targets).path
    colours = [targets.load(name, folder) for name in (arguments.target, arguments.baseline)]
    router = router_of(colours[0])
    writer = _Writer(time.time(), begun=router.shares().get(colours[0].slot, 0) > 0)
    progress, began = Progress(arguments.duration), time.monotonic()
    try:
        while (passed := time.monotonic() - began) < arguments.duration:
            _look(writer, router, colours)
            progress.show(passed, f"{writer.lines:,} lines, {'ramp' if writer.begun else 'before'}")
            time.sleep(
                max(
                    0.0,
                    began + (passed // arguments.every + 1) * arguments.every - time.monotonic(),
                )
            )
    except KeyboardInterrupt:
        pass
    finally:
        progress.end()
        writer.flush()
    return ExitCode.GO


class _Writer:
    """Writes lines with times counted from the ramp's beginning.

    Args:
        now: seconds since the epoch.
        begun: whether a ramp is under way already; then time counts from now.
    """

    def __init__(self, now: float, *, begun: bool) -> None:
        self.begun, self.lines = begun, 0
        self._zero, self._share = now, -1.0
        self._held: list[dict[str, Any]] = []
        self._size = 0
        if begun:
            sys.stderr.write("record: a ramp is under way; time counts from now\n")

    def weight(self, at: float, share: float) -> None:
        """Green has this share; written when it is another."""
        if share == self._share:
            return
        if share > 0 and not self.begun:
            self.begun, self._zero = True, at
            self.flush()
        self._share = share
        self.write({"t": at, "weight": {"green": share}})

    def write(self, line: dict[str, Any]) -> None:
        """One line, now or when the ramp begins."""
        self.lines += 1
        if self.begun:
            self._print(line)
            return
        self._size += len(line.get("text", "")) + 100
        if self._size > MOST_HELD:
            raise ConfigurationError(
                "the ramp has not begun, and too much is held back: record later"
            )
        self._held.append(line)

    def flush(self) -> None:
        """What was held back."""
        if not self.begun and self._held:
            self._zero = self._held[-1]["t"]
        for line in self._held:
            self._print(line)
        self._held = []

    def _print(self, line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({**line, "t": round(line["t"] - self._zero, 3)}) + "\n")
        sys.stdout.flush()


def _look(writer: _Writer, router: TrafficRouter, colours: list[Target]) -> None:
    """One look at the weights and at both colours."""
    try:
        writer.weight(time.time(), router.shares().get(colours[0].slot, 0.0))
    except RouterError as error:
        sys.stderr.write(f"record: {error}\n")
    for name, colour in zip(("green", "blue"), colours, strict=True):
        at = time.time()
        answer = get(
            f"{colour.addresses.api}/metrics", seconds=SCRAPE_SECONDS, most_bytes=MOST_BYTES
        )
        line = {"t": at, "target": name, "instance": colour.addresses.api.partition("//")[2]}
        if answer.problem or answer.status != OK:
            writer.write({**line, "error": answer.problem or f"status {answer.status}"})
        else:
            writer.write({**line, "text": answer.body.decode(errors="replace")})
