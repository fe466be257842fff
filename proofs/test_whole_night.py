"""``make proof-nightly``: a night on the testbed finds the operation that got slower."""

from pathlib import Path

import tests_path  # noqa: F401 - what lies in tests/support
from worlds import TestWorld, run

from gates.exitcodes import ExitCode


def test_a_night_on_the_testbed(world: TestWorld, tmp_path: Path) -> None:
    places = ("--targets", str(world.targets), "--out", str(tmp_path))
    with world.fault("search.tail"):
        slow = run("nightly", "run", "--rounds", "6", *places)
    assert slow.code == ExitCode.NO_GO, slow.out + slow.err
    assert "The release got slower: search P95" in slow.out
    assert (tmp_path / "nightly" / "index.html").is_file()
    known = run("nightly", "acknowledge", "search", "p95", "--why", "known", "--out", str(tmp_path))
    assert known.code == 0
    again = run("nightly", "report", "--out", str(tmp_path))
    assert again.code == 0
    assert "1 known slowdowns go on" in again.out
