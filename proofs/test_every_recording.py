"""``make proof-backtest``: every recording of the tests, judged by both commands.

Each recording becomes the blocks of a real Prometheus. At the end of each step, and at a stop, each
finding of ``gates backtest`` is the finding of ``gates check`` at that moment.
"""

from pathlib import Path

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
from exposed_systems import SYSTEMS, USUAL_ERRORS, write
from exposed_systems import lines as lines_of_system
from judge_simulation import BROKEN, HEALTHY, HOLDS, Change
from judging import POLICY
from recorded_ramps import UNUSUAL, Line
from recorded_ramps import lines as simulated_lines
from same_answers import differences
from set_policy import load_policy

from gates.backtest import recording_file

SIMULATED: dict[str, Change] = {
    **HEALTHY,
    **{name: broken.change for name, broken in BROKEN.items()},
    **{name: change for name, (change, _) in HOLDS.items()},
}


def lines(change: Change) -> list[Line]:
    """A simulated ramp in which no scrape is at the moment of a move, which has no order."""
    return [
        line if "weight" in line else {**line, "t": line["t"] + 0.001}
        for line in simulated_lines(change)
    ]


@pytest.mark.parametrize("errors", [USUAL_ERRORS, 0.2])
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_the_systems_of_the_indicator_sets(tmp_path: Path, name: str, errors: float) -> None:
    policy = load_policy(tmp_path, name)
    path = write(tmp_path / "ramp.jsonl", lines_of_system(SYSTEMS[name], errors))
    assert differences(recording_file.read(path, policy.indicators), policy, tmp_path) == []


@pytest.mark.parametrize("name", list(SIMULATED))
def test_simulated_ramps(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "ramp.jsonl", lines(SIMULATED[name]))
    assert differences(recording_file.read(path, POLICY.indicators), POLICY, tmp_path) == []


@pytest.mark.parametrize("name", list(UNUSUAL))
def test_unusual_recordings(tmp_path: Path, name: str) -> None:
    for change in (HEALTHY["error 0.1 %"], BROKEN["5 % errors"].change):
        folder = tmp_path / str(change is HEALTHY["error 0.1 %"])
        folder.mkdir()
        path = write(folder / "ramp.jsonl", UNUSUAL[name](lines(change)))
        assert differences(recording_file.read(path, POLICY.indicators), POLICY, folder) == []
