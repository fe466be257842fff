"""``python -m load run`` on a world, while it runs, and what it printed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
from worlds import ROOT, TestWorld, environment

SECONDS = 150


class LoadCommand:
    """``python -m load run`` on a world, while it runs."""

    def __init__(self, world: TestWorld, out: Path, *arguments: str) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "load",
                "run",
                *arguments,
                "--target",
                "green",
                "--targets",
                str(world.targets),
                "--out",
                str(out),
            ],
            cwd=ROOT,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def generators(self) -> list[psutil.Process]:
        """The Locust processes, once they are there; the one that leads comes first."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            children = [
                child
                for child in psutil.Process(self.process.pid).children()
                if "locust" in " ".join(child.cmdline())
            ]
            if children:
                return sorted(children, key=lambda child: child.create_time())
            time.sleep(0.1)
        raise AssertionError("no generator was started")

    def ended(self) -> tuple[int, str]:
        """Exit code, and what was printed."""
        out, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out

    @property
    def record(self) -> dict[str, object]:
        content: dict[str, object] = json.loads(next(self.out.glob("runs/*/load.json")).read_text())
        return content


def findings(printed: str, word: str) -> list[str]:
    return [line.strip() for line in printed.splitlines() if line.strip().startswith(word)]
