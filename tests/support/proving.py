"""A place in which the gate says GO, through its command line, and which can be doctored.

Health and Prometheus are a server of ours here: what is to be shown is what the gate makes of
answers that a sound Prometheus never gives.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bundle import Metrics, as_prometheus, healthy
from in_process import gates
from records import LIMITS, Events, record, write
from test_load_record import ANNOUNCEMENT, MEASURED
from worlds import ROOT, Done, run

from gates.evidence import load_record
from gates.evidence.run_folder import Subject
from gates.model import ChecksObjective, Target
from gates.policy import policy_file as policy
from gates.policy import target_file as target

Answer = tuple[int, bytes, float]
LOADED = policy.load(ROOT / "policies" / "release.toml")
READY = next(stage for stage in LOADED.stages if stage.name == "green-ready")
CHECKS = next(
    objective for objective in READY.objectives if isinstance(objective, ChecksObjective)
).checks
# The checks that the gate itself has run, in any stage of the policy.
COLLECTED = tuple(
    dict.fromkeys(
        check
        for stage in LOADED.stages
        for objective in stage.objectives
        if isinstance(objective, ChecksObjective) and objective.collected is not None
        for check in objective.checks
    )
)
# The number of steps that the ramp has made, by stage; the stages after the ramp have all steps.
STEPS = {"ramp-30": 3, "load-test": 3}


def other_checks(stage: str) -> tuple[str, ...]:
    """The checks that a stage requires beside the smoke suite and those that the gate has run."""
    (chosen,) = [known for known in LOADED.stages if known.name == stage]
    required = [
        check
        for objective in chosen.objectives
        if isinstance(objective, ChecksObjective)
        for check in objective.checks
    ]
    return tuple(dict.fromkeys(check for check in required if check not in {*CHECKS, *COLLECTED}))


@dataclass(slots=True)
class Place:
    """Everything a decision rests on, before it is asked for.

    Args:
        folder: for target files, policy and output.
        port: where health and Prometheus answer.
        metrics: what Prometheus holds.
        health: the health answer, and its status.
        answer: what Prometheus answers to a query instead of the truth; None for the truth.
    """

    folder: Path
    port: int
    metrics: Metrics
    health: dict[str, Any]
    status: int = 200
    answer: Callable[[str], Answer | None] = field(default=lambda _: None)
    date: float | None = None
    policy: Path = ROOT / "policies" / "release.toml"
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    target: Target = field(init=False)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def prepare(self) -> None:
        """A target file that names this server."""
        text = (ROOT / "targets" / "green.toml").read_text()
        for old in ("5001", "9090"):
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{self.port}")
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        (self.folder / "targets" / "green.toml").write_text(text)
        self.target = target.load("green", self.folder / "targets")

    def prepare_again(self) -> None:
        """The target file was changed: read it, and run the suites again."""
        self.target = target.load("green", self.folder / "targets")
        self.keep_runs()

    def keep_runs(self) -> None:
        """Write the passed runs that a decision needs: one of the suites, one of the gate."""
        self.keep_run(self.run_of())
        if COLLECTED:
            path = self.out / "collected" / "c1" / "checks.jsonl"
            write(path, self.run_of("c1", checks=COLLECTED))

    def run_of(
        self, run_id: str = "r1", *, checks: Sequence[str] = CHECKS, **outcomes: str
    ) -> Events:
        """A run of a moment ago; without ``checks``, of the smoke suite."""
        build = self.target.expected
        return record(
            run_id,
            {check: outcomes.get(check, "passed") for check in checks},
            base_url=self.target.addresses.api,
            target_digest=self.target.digest,
            limits=LIMITS,
            build={"release": build.release, "version": build.version, "digest": build.digest},
        )

    def keep_run(self, events: Events, run_id: str = "r1", *, seal: bool = True) -> Path:
        """Write a run's record."""
        path = self.out / "runs" / run_id / "checks.jsonl"
        write(path, events, seal=seal)
        return path

    def keep_load(self) -> Path:
        """Write the record of a passed load run."""
        build = self.target.expected
        subject = Subject(
            "green", self.target.addresses.api, self.target.digest, build, LOADED.limits_digest
        )
        load_record.begin(self.out / "runs" / "l1", "l1", subject, ANNOUNCEMENT)
        load_record.end(self.out / "runs" / "l1", build, MEASURED, "", "")
        return self.out / "runs" / "l1" / load_record.FILE

    def ask(self, stage: str) -> Done:
        """``gates check`` as a pipeline runs it, in this process."""
        return gates(*self.command(stage), variables=self.variables)

    def ask_process(self, stage: str) -> Done:
        """``gates check`` in a process of its own."""
        return run("gates", *self.command(stage), variables=self.variables)

    def command(self, stage: str) -> tuple[str, ...]:
        """The arguments of ``gates`` that check a stage here."""
        return (
            "check",
            stage,
            "--target",
            "green",
            "--targets",
            str(self.folder / "targets"),
            "--out",
            str(self.out),
            "--policy",
            str(self.policy),
            *self.options,
        )


# What follows the bracket of a range selector that ends the query.
RANGE_OF_SELECTOR = re.compile(r"(\d+(?:\.\d+)?)(m?)s\]")


class _Handler(BaseHTTPRequestHandler):
    """Health and Prometheus of the server's place."""

    server: "Server"

    def do_GET(self) -> None:
        place = self.server.place
        parts = urlsplit(self.path)
        if parts.path == "/api/health":
            self._say(place.status, json.dumps(place.health).encode())
            return
        if parts.path != "/api/v1/query":
            self._say(404, b"this server answers range selectors only")
            return
        query = parse_qs(parts.query)
        selector, _, window = query["query"][0].rpartition("[")
        doctored = place.answer(selector)
        if doctored is not None:
            status, body, delay = doctored
            time.sleep(delay)
            self._say(status, body)
            return
        length = RANGE_OF_SELECTOR.fullmatch(window)
        if length is None:
            self._say(400, b"this server answers range selectors only")
            return
        seconds = float(length[1]) / (1000 if length[2] else 1)
        matching = place.metrics.answer(selector, seconds, float(query["time"][0]))
        self._say(200, json.dumps(as_prometheus(matching)).encode())

    def _say(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header; of another clock where the place says so."""
        return super().date_time_string(timestamp or self.server.place.date)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Serves one place."""

    daemon_threads = True
    # A connection that finds the queue full is tried again by the system after a second.
    request_queue_size = 128
    place: Place


@contextmanager
def passing(folder: Path, stage: str = "ramp-30", *, instances: int = 1) -> Iterator[Place]:
    """A place in which the gate says GO at a stage, and at those that need nothing else."""
    server = Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    expected = target.load("green", ROOT / "targets").expected
    steps = STEPS.get(stage, len(LOADED.steps))
    metrics = healthy(time.time(), expected, steps=steps, instances=instances)
    health = {
        "release": expected.release,
        "version": expected.version,
        "digest": expected.digest,
        "deployment": "green",
        "status": "ok",
    }
    place = server.place = Place(folder, server.server_port, metrics, health)
    place.prepare()
    place.keep_runs()
    if others := other_checks(stage):
        place.keep_run(place.run_of("s1", checks=others), "s1")
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
