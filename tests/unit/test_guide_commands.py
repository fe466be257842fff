"""The commands of the guide that are ours (sections 2, 4, 6, 13) exist, and pass on arguments."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from worlds import ROOT, environment

SCRIPTS = {
    "scripts/smoke-tests.sh": "usage: python -m pytest [options]",
    "scripts/validate-db.py": "usage: python -m pytest [options]",
    "scripts/ramp-traffic.sh": "usage: gates ramp",
    "scripts/rollback.sh": "usage: gates rollback",
}
TARGETS_OF_MAKE = ("test", "security-scan", "smoke-tests")
USAGE_OF_PYTEST, USAGE_OF_GATES = 4, 2
SECONDS = 120


def run(script: str, *arguments: str, folder: Path = ROOT, **variables: str) -> tuple[int, str]:
    """Run a script as a user types it: exit code, and everything it printed."""
    command = [str(ROOT / script), *arguments]
    if script.endswith(".py"):
        command = [sys.executable, *command]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), "COLUMNS": "80", **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_shows_the_help_of_its_command(script: str, tmp_path: Path) -> None:
    assert os.access(ROOT / script, os.X_OK)
    code, text = run(script, "--help", folder=tmp_path)
    assert code == 0
    assert SCRIPTS[script] in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_passes_on_the_exit_code(script: str, tmp_path: Path) -> None:
    code, text = run(script, "--targets", str(ROOT / "targets"), folder=tmp_path, TARGET="nowhere")
    usage = USAGE_OF_GATES if "gates" in SCRIPTS[script] else USAGE_OF_PYTEST
    assert code == usage
    assert "no target 'nowhere'" in text


@pytest.mark.slow  # proof-packaging runs it
@pytest.mark.parametrize("script", SCRIPTS)
def test_an_argument_comes_after_the_variable(script: str, tmp_path: Path) -> None:
    arguments = ("--target", "elsewhere", "--targets", str(ROOT / "targets"))
    _, text = run(script, *arguments, folder=tmp_path, TARGET="nowhere")
    assert "no target 'elsewhere'" in text


@pytest.mark.parametrize("name", TARGETS_OF_MAKE)
def test_each_target_of_make_exists(name: str) -> None:
    assert re.search(rf"^{name}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_make_passes_the_target_to_the_smoke_tests() -> None:
    done = subprocess.run(
        ["make", "-n", "smoke-tests", "TARGET=blue"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "TARGET=blue scripts/smoke-tests.sh" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_is_a_wrapper(script: str) -> None:
    lines = (ROOT / script).read_text().splitlines()
    assert len(lines) <= 20
    assert sum("exec" in line and "exec" in line.split("#")[0] for line in lines) == 1
