"""Runs the commands of this project as a user runs them, in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent.parent
# The whole run of all suites takes three minutes, and more on a machine that is busy.
SECONDS = 600


# With these variables, a pipeline names the person who signs, and gets the decisions.
PIPELINES = (
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_TRIGGERING_ACTOR",
    "GITLAB_CI",
    "CI_JOB_ID",
)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended: exit code and what it printed."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """This process's environment without what would steer one of our commands."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KIRANA_", "PYTEST_", "COV_")) and name not in PIPELINES
    }


def run(
    *command: str, folder: Path = ROOT, variables: Mapping[str, str] = MappingProxyType({})
) -> Done:
    """Run one of our commands with this Python, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
