"""A balancer, its Prometheus and both colours' health on loopback, for ramp, rollback and watch.

The control endpoint can lie: what it says and what it does are two things. Prometheus shows what it
does. Samples are computed from what has happened when they are queried, so no scrape can be late.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from bundle import Line
from in_process import gates
from proving import Place, passing
from worlds import ROOT, environment

from gates.cli import after_rollback
from gates.policy import target_file as target
from gates.statistics import parse_selector

SCRAPE_SECONDS = 0.2
BLUE = {"release": "v4", "version": "4.9.2", "digest": "sha256:" + "b" * 32, "deployment": "blue"}


@dataclass(slots=True)
class Balancer:
    """What the balancer does, says, and is seen doing.

    Args:
        mode: ``honest``; ``liar`` moves nothing; ``swapped`` moves the other way round;
            ``dead`` answers 503; ``stuck`` answers 503 to every move.
        shares: green's share by moment; the last one is in force.
        says: what the control endpoint says of green's share.
        weights_scraped: whether Prometheus scrapes the balancer.
        rate: customers' requests a second of both colours.
        metrics_until: when Prometheus stopped to scrape; None while it does.
        blue_status: status of blue's health answer.
        blue_seconds: how long blue's health answer takes.
        posts: every body that was posted.
    """

    mode: str = "honest"
    shares: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    says: float = 0.0
    weights_scraped: bool = True
    rate: float = 400.0
    metrics_until: float | None = None
    blue_status: int = 200
    blue_seconds: float = 0.0
    posts: list[dict[str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.time)

    @property
    def green(self) -> float:
        """Green's share now, as customers see it."""
        return self.shares[-1][1]

    def give(self, share: float) -> None:
        """Give green a share, as a person at the balancer would, a while ago."""
        self.shares = [(self.began - 1000, share)]
        self.says = share

    def post(self, body: dict[str, float]) -> int:
        """Take an order; the status."""
        self.posts.append(body)
        if self.mode in ("dead", "stuck"):
            return 503
        self.says = body["green"]
        if self.mode != "liar":
            share = body["blue"] if self.mode == "swapped" else body["green"]
            self.shares.append((time.time(), share))
        return 200

    def answer(self, selector: str, seconds: float, at: float) -> list[Line]:
        """What Prometheus has, as ``bundle.Metrics`` gives it."""
        wanted = parse_selector(selector)
        end = at if self.metrics_until is None else min(at, self.metrics_until)
        first = int((at - min(seconds, 60.0)) / SCRAPE_SECONDS) + 1
        times = [n * SCRAPE_SECONDS for n in range(first, int(end / SCRAPE_SECONDS) + 1)]
        lines = [line for line in self._lines(times) if wanted.matches(line.labels)]
        return [line for line in lines if line.points]

    def _lines(self, times: list[float]) -> Iterator[Line]:
        for slot in ("green", "blue"):
            shares = [self._share(slot, at) for at in times]
            if self.weights_scraped:
                labels = {"__name__": "haproxy_server_weight", "proxy": "store", "server": slot}
                weights = [(at, 100 * share) for at, share in zip(times, shares, strict=True)]
                yield Line(labels | {"instance": "balancer:1"}, weights)
            labels = {"__name__": "http_requests_total", "slot": slot, "status": "200"}
            labels |= {"route": "/api/products", "traffic": "customer", "instance": f"{slot}:1"}
            yield Line(labels, [(at, float(round(self._count(slot, at)))) for at in times])

    def _share(self, slot: str, at: float) -> float:
        green = [share for since, share in self.shares if since <= at][-1]
        return green if slot == "green" else 1 - green

    def _count(self, slot: str, at: float) -> float:
        """The requests a colour has answered by a moment."""
        moments = [max(since, self.began - 100) for since, _ in self.shares] + [at]
        total = 0.0
        for begin, end in pairwise(moments):
            total += max(0.0, min(end, at) - begin) * self.rate * self._share(slot, begin)
        return total


class _Handler(BaseHTTPRequestHandler):
    """The control endpoint, and blue's health."""

    server: "_Server"

    def do_GET(self) -> None:
        balancer = self.server.balancer
        if urlsplit(self.path).path == "/api/health":
            time.sleep(balancer.blue_seconds)
            self._say(balancer.blue_status, {**BLUE, "status": "ok"})
        elif balancer.mode == "dead":
            self._say(503, {})
        else:
            self._say(200, {"green": balancer.says, "blue": round(1 - balancer.says, 4)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.balancer.post(body)
        self._say(status, body)

    def _say(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    balancer: Balancer


@dataclass(slots=True)
class Site:
    """A balancer with everything a ramp needs, and the commands on it.

    Args:
        place: health of green, Prometheus, target files, a passed run.
        balancer: the balancer.
        port: where the control endpoint and blue's health answer.
        begun: the processes that were started here.
    """

    place: Place
    balancer: Balancer
    port: int
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def control(self) -> str:
        """The control address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def prometheus(self) -> str:
        """The address of Prometheus."""
        return f"http://127.0.0.1:{self.place.port}"

    @property
    def out(self) -> Path:
        """The folder of generated files."""
        return self.place.out

    @property
    def targets(self) -> Path:
        """The folder of target files."""
        return self.place.folder / "targets"

    def command(self, *arguments: str) -> list[str]:
        """A command line of ours on this site's green."""
        return [sys.executable, "-m", "gates", *self.arguments(*arguments)]

    def arguments(self, *arguments: str) -> list[str]:
        """The arguments of ``gates`` for a command on this site's green."""
        places = ("--target", "green", "--targets", str(self.targets), "--out", str(self.out))
        return [*arguments, *places]

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command on this site's green."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=ROOT,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.begun.append(process)
        return process

    def end(self) -> None:
        """End every process that was started here and still runs."""
        for process in self.begun:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command on this site's green in this process: exit code, stdout, stderr."""
        done = gates(*self.arguments(*arguments))
        return done.code, done.out, done.err

    def run_process(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command on this site's green in a process of its own."""
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@contextmanager
def site(folder: Path, balancer: Balancer) -> Iterator[Site]:
    """A site in which green is ready for traffic."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.balancer = balancer
    with passing(folder) as place, patch.object(after_rollback, "WAIT_SECONDS", 0.0):
        place.metrics = balancer  # type: ignore[assignment]
        _write_targets(place, server.server_port)
        place.target = target.load("green", folder / "targets")
        place.keep_runs()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        here = Site(place, balancer, server.server_port)
        try:
            yield here
        finally:
            here.end()
            server.shutdown()
            server.server_close()


def _write_targets(place: Place, port: int) -> None:
    """Green's file with this control address; blue's with this health address."""
    folder = place.folder / "targets"
    green = (folder / "green.toml").read_text()
    (folder / "green.toml").write_text(green.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    blue = (ROOT / "targets" / "blue.toml").read_text()
    blue = blue.replace("127.0.0.1:5000", f"127.0.0.1:{port}")
    expected = target.load("blue", ROOT / "targets").expected
    blue = blue.replace(f'"{expected.digest}"', f'"{BLUE["digest"]}"')
    blue = blue.replace(f'"{expected.version}"', f'"{BLUE["version"]}"')
    (folder / "blue.toml").write_text(blue)
