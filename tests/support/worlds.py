"""A testbed world for tests: its commands, run as a user runs them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import in_process
from commands import ROOT, SECONDS, Done, environment, run

__all__ = ["ROOT", "SECONDS", "Done", "TestWorld", "environment", "recorded", "results", "run"]


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
        """``gates check … --target …`` on this world, in this process."""
        command = self._check(out, arguments, target)
        return in_process.gates(*command, variables=variables)

    def gates_process(self, out: Path, *arguments: str, target: str = "green") -> Done:
        """``gates check … --target …`` on this world, in a process of its own."""
        return run("gates", *self._check(out, arguments, target))

    def _check(self, out: Path, arguments: tuple[str, ...], target: str) -> tuple[str, ...]:
        places = ("--targets", str(self.targets), "--out", str(out))
        return ("check", *arguments, "--target", target, *places)


def results(out: Path) -> dict[str, str]:
    """Outcome by check id of the latest run, but for what it says of itself."""
    return {name: outcome for name, outcome in recorded(out).items() if not name.startswith("run.")}


def recorded(out: Path) -> dict[str, str]:
    """Outcome by check id of the latest run."""
    lines = (out / "latest" / "checks.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return {event["id"]: event["outcome"] for event in events if event["event"] == "check"}
