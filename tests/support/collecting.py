"""A collector command made by hand: it writes the record that a test gives it, or none."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from records import Events, write

from gates.collector import command

SCRIPT = """
import json, os, pathlib, shutil, sys, time
here = pathlib.Path(__file__).resolve().parent
with (here / "starts.jsonl").open("a") as file:
    file.write(json.dumps({"pid": os.getpid(), "arguments": sys.argv[1:]}) + "\\n")
runs = pathlib.Path(sys.argv[sys.argv.index("--runs") + 1])
plan = json.loads((here / "plan.json").read_text())
time.sleep(plan["seconds"])
for record in here.glob("records/*"):
    shutil.copytree(record, runs / record.name, dirs_exist_ok=True)
sys.stderr.write(plan["output"])
sys.exit(plan["code"])
"""


@dataclass(frozen=True, slots=True)
class HandMadeCollector:
    """The command, and what it does.

    Args:
        folder: the folder of its script.
    """

    folder: Path

    def plan(self, *, seconds: float = 0.0, code: int = 0, output: str = "") -> None:
        """Set how long it takes, its exit code and its output."""
        content = {"seconds": seconds, "code": code, "output": output}
        (self.folder / "plan.json").write_text(json.dumps(content))

    def write(self, run_id: str, events: Events, *, seal: bool = True) -> None:
        """Set the record that it writes."""
        write(self.folder / "records" / run_id / "checks.jsonl", events, seal=seal)

    def starts(self) -> Sequence[list[str]]:
        """The arguments of each start."""
        path = self.folder / "starts.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["arguments"] for line in lines]

    def is_running(self) -> bool:
        """Whether the process of the last start exists."""
        last = (self.folder / "starts.jsonl").read_text().splitlines()[-1]
        try:
            os.kill(int(json.loads(last)["pid"]), 0)
        except ProcessLookupError:
            return False
        return True


def hand_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> HandMadeCollector:
    """Install a collector that ends at once and writes nothing."""
    package = folder / "made" / "suites"
    (package / "collector").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "collector" / "__init__.py").touch()
    (package / "collector" / "__main__.py").write_text(SCRIPT)
    monkeypatch.setattr(command, "installed_in", lambda: folder / "made")
    collector = HandMadeCollector(package / "collector")
    collector.plan()
    return collector
