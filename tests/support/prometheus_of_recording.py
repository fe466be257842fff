"""A real Prometheus with the samples of a recording, and the answers of the gate from it."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from judging import GREEN

from gates.backtest.recording import Recording
from gates.evidence.collect import Question, collect_evidence
from gates.judging.conclusions import conclude_all
from gates.model import Finding, Move, Policy, ProcessIndicator, Scrape, Stage, Target
from gates.model.selector import NAME, identity_of, labels_of, metric_name

LABEL = "colour"
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ReplayedPrometheus:
    """A Prometheus that has the samples of a recording.

    Args:
        target: green, with the address of this Prometheus.
        zero: second 0 of the recording, in seconds since the epoch.
        moves: the moves of the recording.
    """

    target: Target
    zero: float
    moves: Sequence[Move]

    def findings(
        self, stage: Stage, at: float, folder: Path, *, before_a_move: bool = False
    ) -> list[Finding]:
        """What ``gates check`` finds at a second of the recording.

        Args:
            stage: the stage.
            at: the second.
            folder: an empty folder.
            before_a_move: whether a move at this second comes after the question.
        """
        moves = tuple(
            Move(self.zero + move.at, move.share)
            for move in self.moves
            if move.at < at or (move.at == at and not before_a_move)
        )
        question = Question(
            stage=stage,
            target=self.target,
            runs=folder,
            collected=folder,
            at=self.zero + at,
            moves=lambda: moves,
        )
        evidence, view = collect_evidence(question)
        return conclude_all(stage, evidence, datetime.fromtimestamp(question.at, UTC), view)


@contextmanager
def prometheus_of(
    recording: Recording, policy: Policy, folder: Path
) -> Iterator[ReplayedPrometheus]:
    """Start a Prometheus with blocks that are made of a recording.

    Args:
        recording: the recording.
        policy: the policy, whose processes name the series of start times and ``up``.
        folder: an empty folder.
    """
    last = max(event.at for event in recording.events)
    zero = float(round(time.time() - last) - 60)
    text, data, config = folder / "samples.txt", folder / "data", folder / "prometheus.yml"
    text.write_text("".join(_lines(recording, policy, zero)) + "# EOF\n")
    config.write_text("global: {}\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(data)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    port = _free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=90d",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(port)
        addresses = replace(GREEN.addresses, prometheus=f"http://127.0.0.1:{port}")
        target = replace(
            GREEN,
            addresses=addresses,
            slot="green",
            baseline_slot="blue",
            instances=(),
            colour_label=LABEL,
            deployment="green",
        )
        moves = [event for event in recording.events if isinstance(event, Move)]
        yield ReplayedPrometheus(target, zero, moves)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _lines(recording: Recording, policy: Policy, zero: float) -> list[str]:
    """The samples of a recording in the text format, series by series."""
    processes = next(
        kind for kind in policy.indicators.values() if isinstance(kind, ProcessIndicator)
    )
    series: dict[str, dict[float, float]] = {}

    def add(labels: dict[str, str], at: float, value: float) -> None:
        series.setdefault(identity_of(labels, frozenset()), {})[zero + at] = value

    def of_process(selector: str, slot: str, instance: str) -> dict[str, str]:
        colour = {} if processes.of_both_colours else {LABEL: slot}
        job = {"job": "haproxy" if "haproxy" in selector else "ingress-nginx"}
        return {NAME: metric_name(selector), "instance": instance, **job, **colour}

    for event in recording.events:
        if not isinstance(event, Scrape):
            continue
        job = of_process(processes.up, event.slot, event.instance)["job"]
        added = {LABEL: event.slot, "instance": event.instance, "job": job}
        for identity, value in event.values.items():
            add({**labels_of(identity), **added}, event.at, value)
        add(of_process(processes.up, event.slot, event.instance), event.at, 1.0)
        if processes.start_time and event.started is not None:
            labels = of_process(processes.start_time, event.slot, event.instance)
            add(labels, event.at, zero + event.started)
    for failed in recording.failed:
        add(of_process(processes.up, failed.slot, failed.instance), failed.at, 0.0)
    return [
        f"{identity} {value!r} {at!r}\n"
        for identity, points in sorted(series.items())
        for at, value in sorted(points.items())
    ]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
