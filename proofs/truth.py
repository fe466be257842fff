"""``make proof-load``: what the generator reports is what a server of known response times did.

A thousand users, once on a steady server and once on one that stalls for 2 s every 20 s; the
truth is what somebody sees who asks at the intended moment.
"""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import known_server
import tests_path  # noqa: F401 - what lies in tests/support
from worlds import ROOT

from gates.evidence.load_record import Measurements
from gates.model import ALL
from load import plan
from load.assignment import Account, Assignment
from load.generator import measure
from suites.client import loopback_source
from testbed import ports

USERS = 1000
# The plateau, two thirds of it, is a whole number of stalls.
SECONDS = 120.0
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
JOURNEYS = {"browse": plan.Journey(1, ("list_products", "facets", "list_products"))}
CASES = (("steady", 0.0, 0.03, 0.001), ("stalls 2 s every 20 s", 2.0, 0.05, 0.001))
EVERY = 20.0
SERVER = ROOT / "tests" / "support" / "known_server.py"


@contextlib.contextmanager
def server(stall: float = 0.0) -> Iterator[str]:
    """The server in a process of its own; its address."""
    port = ports.free()["green_api"]
    times = [str(stall), str(EVERY)] if stall else []
    process = subprocess.Popen([sys.executable, str(SERVER), str(port), *times])
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def assignment(base_url: str, users: int, seconds: float) -> Assignment:
    """The work of a generator for the browse journey."""
    run_plan = plan.make(
        "load", "truth", users=users, scale=seconds / plan.length("load"), slow=1.0
    )
    return Assignment(
        plan=replace(run_plan, patience=10.0),
        workers=1,
        base_url=base_url,
        headers={},
        shoppers={str(number): Account("", loopback_source()) for number in range(users)},
        products=("p",),
        words=("rice",),
        journeys=JOURNEYS,
    )


def generated(base_url: str, users: int, seconds: float, folder: Path) -> Measurements:
    """The measurements of the generator there."""
    return measure(folder, assignment(base_url, users, seconds), lambda _: None)


def main() -> int:
    """Print a line per case and quantile; 1 when one is too far from the truth."""
    wrong = 0
    for name, stall, share, seconds in CASES:
        with server(stall) as url, tempfile.TemporaryDirectory() as folder:
            measured = generated(url, USERS, SECONDS, Path(folder))
        phase = next(phase for phase in measured.phases if phase.judged == ALL)
        total, used = phase.operations["total"], measured.generator
        print(
            f"{name}: {total.done:,} of {phase.due:,} due, {used.processor_share[0] or 0:.0%}"
            f" of a core, {used.memory_bytes[0] / 1e6:.0f} MB,"
            f" lag p99 {1000 * (used.lag_p99_seconds or 0):.1f} ms",
            flush=True,
        )
        for label, quantile in QUANTILES.items():
            truth = known_server.quantile(quantile, stall, EVERY)
            measured_seconds = float(getattr(total, label))
            off = abs(measured_seconds - truth)
            good = off <= max(share * truth, seconds)
            wrong += not good
            print(
                f"  {label} {1000 * measured_seconds:8.1f} ms, truth {1000 * truth:8.1f} ms, "
                f"off by {100 * off / truth:4.1f} % or {1000 * off:5.1f} ms  "
                f"{'right' if good else 'WRONG'}",
                flush=True,
            )
        wrong += phase.unfinished > 0 or total.failed > 0
    print(json.dumps({"wrong": wrong}))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
