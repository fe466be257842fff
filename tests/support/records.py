"""Run records and evidence made by hand, to doctor them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gates.policy import policy_file as policy

LIMITS = policy.load(
    Path(__file__).parent.parent.parent / "policies" / "release.toml"
).limits_digest
Events = list[dict[str, Any]]


class Records:
    """An output folder whose run records a test writes and doctors."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def copy(self, passed: Path) -> None:
        """Begin with the records of a real passed run."""
        shutil.copytree(passed, self.out, symlinks=True)

    @property
    def path(self) -> Path:
        """The record of the only run."""
        (path,) = (self.out / "runs").glob("*/checks.jsonl")
        return path

    def events(self) -> Events:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def doctor(self, change: Callable[[Events], Events], *, seal: bool = True) -> None:
        """Change the record's events; with seal, the last line's hash is made right again."""
        write(self.path, change(self.events()), seal=seal)


def write(path: Path, events: Events, *, seal: bool = True) -> None:
    """Write events as a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(event) + "\n" for event in events]
    if seal and events and events[-1]["event"] == "finished":
        digest = hashlib.sha256("".join(lines[:-1]).encode()).hexdigest()
        lines[-1] = json.dumps({**events[-1], "sha256": digest}) + "\n"
    path.write_text("".join(lines))


def shifted(events: Events, by: timedelta) -> Events:
    """The same events at another time."""
    return [
        {**event, "at": (datetime.fromisoformat(event["at"]) + by).isoformat()} for event in events
    ]


def record(run_id: str, checks: dict[str, str], **changes: Any) -> Events:
    """The events of a run of now, with these outcomes."""
    now = datetime.now(UTC)
    build = {"release": "v5", "version": "5.0.0", "digest": "sha256:" + "a" * 32}
    started = {
        "event": "started",
        "at": now.isoformat(),
        "schema": 1,
        "run": run_id,
        "tool": "t",
        "target": "green",
        "base_url": "http://127.0.0.1:5001",
        "target_digest": "d",
        "build": build,
        "limits": LIMITS,
    }
    started |= changes
    collected = {"event": "collected", "at": now.isoformat(), "checks": sorted(checks)}
    results = [
        {
            "event": "check",
            "at": now.isoformat(),
            "id": check,
            "outcome": outcome,
            "nodeid": "n",
            "seconds": 0.1,
            "message": "",
        }
        for check, outcome in {**checks, "run.left_nothing": "passed"}.items()
    ]
    finished = {
        "event": "finished",
        "at": now.isoformat(),
        "exit_code": 0,
        "build": started["build"],
    }
    return [started, collected, *results, finished]
