"""Where nobody scrapes the balancer, the ledger knows when a step began; a rehearsal's does not."""

import time
from pathlib import Path

import pytest
from proving import passing

from gates import ledger


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "pass"), (15.0, "UNSURE")])
def test_moves_of_the_ledger_stand_in_for_weights(
    tmp_path: Path, scale: float, verdict: str
) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop("haproxy_server_weight")
        for share, ago in ((0.1, 1820), (0.2, 1220), (0.3, 620)):
            ledger.append(
                place.out,
                {"kind": "move", "target": "green", "stage": "s", "share": share,
                 "at": time.time() - ago, "time_scale": scale},
            )  # fmt: skip
        answer = place.ask("ramp-30")
    assert answer.code == (0 if scale == 1 else 3), answer.out
    for objective in ("errors-against-blue", "traffic-share"):
        line = next(one for one in answer.out.splitlines() if objective in one)
        assert line.split()[0] == verdict
