"""A night on the testbed; ``make proof-nightly`` has a whole one."""

from pathlib import Path

from worlds import TestWorld, run

from gates.exitcodes import ExitCode


def test_a_night_that_cannot_be_measured_is_no_pass(world: TestWorld, tmp_path: Path) -> None:
    places = ("--targets", str(world.targets), "--out", str(tmp_path))
    with world.fault("orders.http_500"):
        done = run("nightly", "run", "--rounds", "2", *places)
    assert done.code == ExitCode.HOLD
    assert "place_order on green: status 500" in done.err
    assert not (tmp_path / "nightly").exists()
