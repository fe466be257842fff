"""A testbed world for tests: its commands, run as a user runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# The whole run of all suites takes three minutes, and more on a machine that is busy.
SECONDS = 600


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
        if not name.startswith(("KIRANA_", "PYTEST_", "COV_"))
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


@dataclass(frozen=True, slots=True)
class TestWorld:
    """A running testbed in a folder of its own."""

    __test__ = False

    folder: Path

    @property
    def state(self) -> dict[str, Any]:
        """What the testbed wrote down."""
        content: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return content

    @property
    def targets(self) -> Path:
        return self.folder / "targets"

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = self.state["ports"]
        return ports

    def testbed(self, *arguments: str) -> Done:
        """``python -m testbed …`` on this world."""
        return run("testbed", "--world", str(self.folder), *arguments)

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Green with a fault, for a while."""
        switched = self.testbed("fault", "on", name, "--on", "green")
        try:
            assert switched.code == 0, switched.err
            yield
        finally:
            assert self.testbed("fault", "off", name, "--on", "green").code == 0

    def pytest(self, out: Path, *arguments: str, target: str = "green", **variables: str) -> Done:
        """``pytest --target …`` on this world, writing to ``out``."""
        places = (f"--targets={self.targets}", f"--out={out}", "-p", "no:cacheprovider")
        return run("pytest", "--target", target, *places, *arguments, variables=variables)

    def gates(self, out: Path, *arguments: str, target: str = "green", **variables: str) -> Done:
        """``gates check … --target …`` on this world."""
        places = ("--targets", str(self.targets), "--out", str(out))
        return run("gates", "check", *arguments, "--target", target, *places, variables=variables)


def results(out: Path) -> dict[str, str]:
    """Outcome by check id of the latest run, but for what it says of itself."""
    return {name: one for name, one in recorded(out).items() if not name.startswith("run.")}


def recorded(out: Path) -> dict[str, str]:
    """Outcome by check id of the latest run."""
    lines = (out / "latest" / "checks.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return {event["id"]: event["outcome"] for event in events if event["event"] == "check"}
