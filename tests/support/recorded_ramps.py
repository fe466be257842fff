"""Simulated ramps as recordings, and unusual forms of the same recording."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from judge_simulation import Change, scrapes, world_of

from gates.model import Move

Line = dict[str, Any]


def lines(change: Change, rate: float = 50, seed: int = 1) -> list[Line]:
    """A simulated ramp as the lines of a recording."""
    recording: list[Line] = [{"t": -1800.0, "weight": {"green": 0.0}}]
    for event in scrapes(world_of(change, rate, (6, seed))):
        if isinstance(event, Move):
            recording.append({"t": event.at, "weight": {"green": event.share}})
        else:
            text = "".join(f"{name} {value:.0f}\n" for name, value in event.values.items())
            recording.append(
                {
                    "t": event.at,
                    "target": event.slot,
                    "instance": event.instance,
                    "text": f"# HELP x y\n# TYPE x counter\n{text}",
                }
            )
    return recording


def write(path: Path, recording: list[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in recording))
    return path


def with_text(how: Callable[[str], str]) -> Callable[[list[Line]], list[Line]]:
    return lambda recording: [
        {**line, "text": how(line["text"])} if "text" in line else line for line in recording
    ]


def absolute_starts(recording: list[Line]) -> list[Line]:
    return with_text(lambda text: text + "process_start_time_seconds 1.7e9\n")(recording)


def shuffled(recording: list[Line]) -> list[Line]:
    return recording[::-1]


def with_errors(recording: list[Line]) -> list[Line]:
    lost = {"t": 300.0, "target": "green", "instance": "green-1", "error": "timeout"}
    return [*recording, lost, {**lost, "target": "blue", "instance": "blue-1"}]


def weights_twice(recording: list[Line]) -> list[Line]:
    return [twin for line in recording for twin in ([line] * (1 + ("weight" in line)))]


def renamed(recording: list[Line]) -> list[Line]:
    """Instances get other names in the middle of the ramp, as when pods are replaced."""
    return [
        {**line, "instance": line["instance"] + ("-b" if line["t"] > 2000 else "")}
        if "instance" in line
        else line
        for line in recording
    ]


UNUSUAL: dict[str, Callable[[list[Line]], list[Line]]] = {
    "as it is": lambda recording: recording,
    "more labels": with_text(
        lambda text: text.replace(
            'route="', 'deployment="x",method="GET",traffic="customer",route="'
        )
    ),
    "fewer labels": with_text(lambda text: text.replace('route="/api/products",', "")),
    "le spelled 1": with_text(
        lambda text: text.replace('le="1.0"', 'le="1"').replace('le="5.0"', 'le="5"')
    ),
    "figures as floats, with times": with_text(
        lambda text: "\n".join(
            line if line[:1] in ("#", "") else f"{line}.0 1700000000000"
            for line in text.split("\n")
        )
    ),
    "lines that end otherwise": with_text(lambda text: text.replace("\n", "\r\n")),
    "other series beside ours": with_text(lambda text: text + 'go_goroutines 7\nup{a="b"} 1\n'),
    "scrapes of the shop's own health": with_text(
        lambda text: text + 'http_requests_total{route="/api/health",status="500"} 1e9\n'
    ),
    "synthetic failures": with_text(
        lambda text: text + 'http_requests_total{traffic="synthetic",status="500"} 1e9\n'
    ),
    "starts as seconds of the epoch": absolute_starts,
    "in another order": shuffled,
    "with scrapes that failed": with_errors,
    "weights said twice": weights_twice,
    "pods replaced": renamed,
}
