"""A testbed of the tests is taken down even when the process of the tests is killed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from guarding import run_at_the_end
from worlds import ROOT, environment

KILLED = """
import os, signal, sys
sys.path.insert(0, "tests/support")
from guarding import run_at_the_end
run_at_the_end(["touch", sys.argv[1]])
os.kill(os.getpid(), signal.SIG{name})
"""


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT"])
def test_the_command_runs_after_the_process_was_killed(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.replace("{name}", name), str(mark)],
        cwd=ROOT,
        env=environment(),
        check=False,
        capture_output=True,
    )
    assert killed.returncode != 0
    until = time.monotonic() + 60
    while not mark.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert mark.exists()


def test_a_killed_guard_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    guard = run_at_the_end(["touch", str(mark)])
    guard.kill()
    guard.communicate(timeout=60)
    assert not mark.exists()
