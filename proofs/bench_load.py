"""``make bench-load``: this generator, Locust as it comes, and k6, on one server in one go.

The same scenario for each: a thousand users who browse, with 3 to 7 s between requests. Printed
are processor seconds per 1,000 requests, memory, and how far the reported P95 is from the truth.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import known_server
import tests_path  # noqa: F401 - what lies in tests/support
from truth import generated, server
from worlds import ROOT

from gates.model import ALL

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = 1000
SECONDS = 60
RAMP_SECONDS = 20
TOOLS = ROOT / ".venv" / "tools" / "bin"

LOCUST = """
from locust import HttpUser, between, task

class Shopper(HttpUser):
    wait_time = between(3, 7)

    @task(2)
    def products(self):
        self.client.get("/api/products?page=1", name="browse")

    @task(1)
    def facets(self):
        self.client.get("/api/search/facets?q=rice", name="browse")
"""
K6 = """
import http from "k6/http";
import { sleep } from "k6";

export const options = {
  stages: [{ duration: "%ds", target: %d }, { duration: "%ds", target: %d }],
  summaryTrendStats: ["p(95)"], gracefulStop: "0s", gracefulRampDown: "0s",
};

export default function () {
  const path = Math.random() < 2 / 3 ? "/api/products?page=1" : "/api/search/facets?q=rice";
  http.get(__ENV.BASE_URL + path);
  sleep(3 + 4 * Math.random());
}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What one generator reported, and what it used."""

    requests: int
    p95: float
    processor: float
    memory: float


def watched(command: list[str], folder: Path, **variables: str) -> tuple[float, float]:
    """Run a program; the processor seconds and the most megabytes it used."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def ours(url: str, folder: Path) -> Result:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = generated(url, USERS, SECONDS, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    totals = [phase.operations["total"] for phase in measured.phases]
    judged = next(phase for phase in measured.phases if phase.judged == ALL)
    return Result(
        requests=sum(total.done for total in totals),
        p95=judged.operations["total"].p95 or 0.0,
        processor=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        memory=measured.generator.memory_bytes[0] / 1e6,
    )


def locust(url: str, folder: Path) -> Result:
    (folder / "plain.py").write_text(LOCUST)
    rate = str(USERS / RAMP_SECONDS)
    processor, memory = watched(
        [
            sys.executable,
            "-m",
            "locust",
            "-f",
            "plain.py",
            "--headless",
            "-u",
            str(USERS),
            "-r",
            rate,
            "-t",
            f"{SECONDS}s",
            "--host",
            url,
            "--csv",
            "plain",
            "--loglevel",
            "ERROR",
        ],
        folder,
    )
    rows = {row["Name"]: row for row in csv.DictReader((folder / "plain_stats.csv").open())}
    row = rows["Aggregated"]
    return Result(int(row["Request Count"]), float(row["95%"]) / 1000, processor, memory)


def k6(url: str, folder: Path) -> Result:
    (folder / "plain.js").write_text(K6 % (RAMP_SECONDS, USERS, SECONDS - RAMP_SECONDS, USERS))
    processor, memory = watched(
        [str(TOOLS / "k6"), "run", "--quiet", "--summary-export", "k6.json", "plain.js"],
        folder,
        BASE_URL=url,
        K6_NO_USAGE_REPORT="true",
    )
    metrics = json.loads((folder / "k6.json").read_text())["metrics"]
    return Result(
        metrics["http_reqs"]["count"],
        metrics["http_req_duration"]["p(95)"] / 1000,
        processor,
        memory,
    )


def main() -> int:
    """Run the three, one after the other, and print a table; twice, with and without stalls."""
    tools: dict[str, Callable[[str, Path], Result]] = {
        "this generator": ours,
        "Locust HttpUser": locust,
        "k6": k6,
    }
    print(f"{USERS} users for {SECONDS} s, 3 to 7 s between requests")
    for stall in (0.0, 2.0):
        truth = known_server.quantile(0.95, stall, 20.0)
        print(
            f"{f'server stalls {stall:g} s every 20 s' if stall else 'steady server'}, "
            f"true P95 {1000 * truth:.0f} ms"
        )
        for name, tool in tools.items():
            with server(stall) as url, tempfile.TemporaryDirectory() as folder:
                result = tool(url, Path(folder))
            print(
                f"  {name:<16}{result.requests:7,} requests  "
                f"{1000 * result.processor / result.requests:6.2f} CPU s per 1,000  "
                f"{result.memory:5.0f} MB  P95 {1000 * result.p95:7.1f} ms, off by "
                f"{100 * abs(result.p95 - truth) / truth:5.1f} %",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
