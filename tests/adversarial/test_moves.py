"""Where nobody scrapes the balancer, the ledger knows when a step began; a rehearsal's does not."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from proving import passing

from gates import ledger
from gates.ledger import MoveEntry, OtherEntry, encode


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "pass"), (15.0, "UNSURE")])
def test_moves_of_the_ledger_stand_in_for_weights(
    tmp_path: Path, scale: float, verdict: str
) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop("haproxy_server_weight")
        for share, ago in ((0.1, 1820), (0.2, 1220), (0.3, 620)):
            entry = MoveEntry("green", "s", share, time.time() - ago, scale)
            ledger.append(place.out, entry)
        answer = place.ask("ramp-30")
    assert answer.code == (0 if scale == 1 else 3), answer.out
    for objective in ("errors-against-blue", "traffic-share"):
        line = next(line for line in answer.out.splitlines() if objective in line)
        assert line.split()[0] == verdict


def move(out: Path, share: float, ago: float, **changes: object) -> None:
    content = encode(MoveEntry("green", "s", share, time.time() - ago, 1.0))
    ledger.append(out, OtherEntry({**content, **changes}))


def append(out: Path, content: dict[str, object]) -> None:
    """Append an entry as an older version of the gate, or somebody else, could have written it."""
    ledger.append(out, OtherEntry(content))


NOT_NOW: dict[str, Callable[[Path], object]] = {
    "rolled back since": lambda out: append(out, {"kind": "rollback", "target": "green"}),
    "a new ramp began since": lambda out: append(
        out, {"kind": "ramp", "event": "began", "target": "green"}
    ),
    "tried again a moment ago": lambda out: move(out, 0.3, 100),
    "a time that is none": lambda out: move(out, 0.3, 100, at="yesterday"),
    "a share that is none": lambda out: append(
        out, {"kind": "move", "target": "green", "at": 1.0, "share": None, "time_scale": 1.0}
    ),
    "a share of hundreds of digits": lambda out: move(out, 10**400, 100),
}


@pytest.mark.parametrize("name", list(NOT_NOW))
def test_moves_of_another_ramp_stand_in_for_nothing(tmp_path: Path, name: str) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop("haproxy_server_weight")
        for share, ago in ((0.1, 1820), (0.2, 1220), (0.3, 620)):
            move(place.out, share, ago)
        NOT_NOW[name](place.out)
        answer = place.ask("ramp-30")
    assert answer.code == 3, answer.out


def test_an_instance_that_is_down_now_does_not_hide_what_it_did(tmp_path: Path) -> None:
    with passing(tmp_path, instances=2) as place:
        for line in place.metrics.named("http_requests_total", slot="green", status="500"):
            begin = place.metrics.now - 500
            line.points = [
                (at, v + max(0.0, at - begin) * 2 * (at > begin)) for at, v in line.points
            ]
        for line in place.metrics.named("up", slot="green", instance="green-2:5000"):
            line.points[-1] = (line.points[-1][0], 0.0)
        answer = place.ask("ramp-30")
    assert answer.code == 4, answer.out
