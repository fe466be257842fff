"""Runs the shoppers of a rehearsal: a process that sends requests to the public edge."""

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
# The time in which the report of the last requests is written.
REPORT_SECONDS = 1.5
ORDERS = "orders.jsonl"


@dataclass(slots=True)
class Shoppers:
    """The process of the shoppers, and the reports that the process writes.

    Args:
        process: the process of the shoppers.
        folder: the folder of the reports.
        last: the newest report that was read; empty before the first report.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    last: dict[str, Any] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Read the newest report of the shoppers; empty before the first report.

        Raises:
            RehearsalError: the process of the shoppers has ended.
        """
        for path in self.folder.glob("*/shopping.json"):
            with contextlib.suppress(OSError, ValueError):
                self.last = json.loads(path.read_text())
        if self.process.poll() is not None:
            raise RehearsalError(f"the process of the shoppers has ended; see {self.folder}")
        return self.last

    def orders(self) -> Path | None:
        """Find the file of orders and payments that the store acknowledged; None without a file."""
        return next(iter(self.folder.glob(f"*/{ORDERS}")), None)

    def wait_for_past(self, users: int, seconds: float) -> None:
        """Wait until all shoppers have sent requests to blue for some time.

        The gate compares green with blue's requests of this time.

        Args:
            users: the number of shoppers.
            seconds: the time for which all shoppers must have sent requests.

        Raises:
            RehearsalError: the wait took too long, or the process of the shoppers has ended.
        """
        progress, until = Progress(seconds), time.monotonic() + WAIT_SECONDS
        since: float | None = None
        while since is None or time.monotonic() - since < seconds:
            report = self.report()
            present = report.get("users", 0)
            if since is None and present >= users:
                since = time.monotonic()
            if time.monotonic() > until:
                raise RehearsalError(
                    f"after {WAIT_SECONDS:g} s, {present} of {users} shoppers send requests; "
                    f"expected all shoppers for {seconds:g} s"
                )
            passed = 0.0 if since is None else time.monotonic() - since
            progress.show(passed, f"{present} shoppers, {report.get('done', 0):,} requests")
            time.sleep(0.5)
        progress.end()

    def say_result(self, router: ObservedRouter) -> None:
        """Print the number of failed requests, and how long green had traffic with the fault."""
        time.sleep(REPORT_SECONDS)
        report = self.report()
        done, failed = report.get("done", 0), report.get("failed", 0)
        say(f"shoppers: {done + failed:,} requests, {failed:,} failed")
        first, zero_at, on_at = report.get("first_failed_at"), router.zero_at, router.switch.on_at
        if on_at and zero_at:
            say(f"time from the fault to no traffic on green: {zero_at - on_at:.1f} s")
        if first and zero_at and first < zero_at:
            say(
                "time from the first failed request to no traffic on green: "
                f"{zero_at - first:.1f} s"
            )


@contextlib.contextmanager
def shopping(users: int, world: Path, out: Path) -> Iterator[Shoppers]:
    """Start the shoppers, and end their process at the end of the ``with`` block.

    Args:
        users: the number of shoppers.
        world: the folder of the testbed.
        out: the folder of the rehearsal.
    """
    with (out / "shoppers.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "load",
                "shop",
                "--target",
                "green",
                "--users",
                str(users),
                "--duration",
                str(SHOPPING_SECONDS),
                "--targets",
                str(world / "targets"),
                "--out",
                str(out),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
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
