"""A sample of ``make proof-backtest``: a recording, and a real Prometheus with its samples."""

from pathlib import Path

from exposed_systems import SYSTEMS, lines, write
from same_answers import differences
from set_policy import load_policy

from gates.backtest import recording_file


def test_check_and_backtest_conclude_the_same(tmp_path: Path) -> None:
    policy = load_policy(tmp_path, "istio")
    path = write(tmp_path / "ramp.jsonl", lines(SYSTEMS["istio"], errors=0.2))
    recording = recording_file.read(path, policy.indicators)
    assert differences(recording, policy, tmp_path) == []
