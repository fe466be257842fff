"""The shoppers of a rehearsal: a process of its own at the public edge of both colours."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gates.errors import RehearsalError
from gates.process.progress import Progress
from rehearsal.faults import ObservedRouter
from rehearsal.parts import say

WAIT_SECONDS = 150.0
STOP_SECONDS = 20.0
SHOPPING_SECONDS = 900.0
# The last requests before the report.
REPORT_SECONDS = 1.5
ORDERS = "orders.jsonl"


@dataclass(slots=True)
class Shoppers:
    """The shoppers' process, and its reports.

    Args:
        process: the process.
        folder: the folder of its reports.
        last: the last report; empty before the first.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    last: dict[str, Any] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """The newest report; empty before the first.

        Raises:
            RehearsalError: the process has ended.
        """
        for path in self.folder.glob("*/shopping.json"):
            with contextlib.suppress(OSError, ValueError):
                self.last = json.loads(path.read_text())
        if self.process.poll() is not None:
            raise RehearsalError(f"the shoppers are gone; see {self.folder}")
        return self.last

    def orders(self) -> Path | None:
        """The file of orders and payments that were acknowledged; None where there is none."""
        return next(iter(self.folder.glob(f"*/{ORDERS}")), None)

    def wait_for_past(self, users: int, seconds: float) -> None:
        """Wait until every shopper shops, and blue has a past to be compared with.

        Args:
            users: the number of shoppers.
            seconds: the length of the past.

        Raises:
            RehearsalError: the shoppers did not come.
        """
        progress, until = Progress(seconds), time.monotonic() + WAIT_SECONDS
        since: float | None = None
        while since is None or time.monotonic() - since < seconds:
            report = self.report()
            present = report.get("users", 0)
            if since is None and present >= users:
                since = time.monotonic()
            if time.monotonic() > until:
                raise RehearsalError(f"only {present} of {users} shoppers came")
            passed = 0.0 if since is None else time.monotonic() - since
            progress.show(passed, f"{present} shoppers, {report.get('done', 0):,} requests")
            time.sleep(0.5)
        progress.end()

    def say_result(self, router: ObservedRouter) -> None:
        """Print how the shoppers fared, and how long a fault lasted."""
        time.sleep(REPORT_SECONDS)
        report = self.report()
        done, failed = report.get("done", 0), report.get("failed", 0)
        say(f"shoppers: {done + failed:,} requests, {failed:,} failed")
        first, zero_at, on_at = report.get("first_failed_at"), router.zero_at, router.switch.on_at
        if on_at and zero_at:
            say(f"from the fault to no traffic on green: {zero_at - on_at:.1f} s")
        if first and zero_at and first < zero_at:
            say(f"from the first failed request to no traffic on green: {zero_at - first:.1f} s")


@contextlib.contextmanager
def shopping(users: int, world: Path, out: Path) -> Iterator[Shoppers]:
    """Shoppers at the public edge; they are ended at the end.

    Args:
        users: the number of shoppers.
        world: the testbed's folder.
        out: the folder of the rehearsal.
    """
    with (out / "shoppers.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "load", "shop", "--target", "green", "--users", str(users),
             "--duration", str(SHOPPING_SECONDS), "--targets", str(world / "targets"),
             "--out", str(out)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield Shoppers(process, out / "shopping")
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
