"""Has the keys of the values that the plugin stores in pytest's stash during a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gates import places
from gates.model import Build, Policy, Target
from suites.pytest_plugin.recorder import ReportRecorder

if TYPE_CHECKING:
    # Loads pymongo, which a pytest run of another project has no use for.
    from suites.testdata.ended_runs import Leftovers

TARGET = pytest.StashKey[Target]()
POLICY = pytest.StashKey[Policy]()
RUN_ID = pytest.StashKey[str]()
# None when the target did not answer.
BUILD = pytest.StashKey[Build | None]()
# The data that this run left in the database, as a sentence; and the data that other runs left.
OWN_LEFTOVERS = pytest.StashKey[str]()
LEFTOVERS: pytest.StashKey["Leftovers"] = pytest.StashKey()
# Lines of suites for the end of the run's output.
SUMMARY = pytest.StashKey[list[str]]()
# Absent where pytest only shows something, as with --collect-only.
RECORDER = pytest.StashKey[ReportRecorder]()

# Options with which pytest shows something and runs no test.
SHOW_OPTIONS = (
    "collectonly",
    "help",
    "markers",
    "showfixtures",
    "show_fixtures_per_test",
    "version",
)


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def only_shows(config: pytest.Config) -> bool:
    """Return whether an option lets pytest print information, such as the help, and run no test."""
    return any(config.getoption(name, default=False) for name in SHOW_OPTIONS)


def run_folder(config: pytest.Config) -> Path:
    """Return the folder into which this run writes."""
    out = places.out(config.getoption("out"), config.invocation_params.dir / "out").path
    return out.resolve() / "runs" / config.stash[RUN_ID]
