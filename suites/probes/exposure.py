"""Probes for secrets where they do not belong, and for dependencies with known weaknesses."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suites.probes.api import Observation

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[bap]-[0-9A-Za-z-]{10,}|\bsk_live_[0-9A-Za-z]{16,}|\brzp_live_[0-9A-Za-z]{10,}"
    r"|mongodb(\+srv)?://[^\s/@{}]+:[^\s/@{}]+@"
    r"|(api[_-]?key|secret|password)[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{16,}[\"']"
)
MOST_BYTES = 20_000_000
SECONDS = 60
HOUR = 3600.0


class NotLookedAtError(Exception):
    """Something could not be read, so nothing can be said of it."""


def history(repository: Path) -> Iterator[Observation]:
    """Lines that were ever added to a git repository, on any branch, and look like secrets.

    Args:
        repository: its folder.

    Raises:
        NotLookedAtError: it is none, or git takes too long.
    """
    command = ["git", "-C", str(repository), "log", "--all", "-p", "--no-color", "--unified=0",
               "--no-ext-diff", "--format=commit %H"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLookedAtError(f"{repository}: git: {type(error).__name__}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise NotLookedAtError(f"{repository}: no history: {said}")
    commit, file, looked = "", "", 0
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("commit "):
            commit = line[7:19]
        elif line.startswith("+++ "):
            file = line[6:]
        elif line.startswith("+"):
            looked += 1
            if SECRET.search(line):
                said = f"commit {commit} adds what looks like a secret to {file}"
                yield Observation("exposed-secret", f"{file} in history", True, said)  # noqa: FBT003
    said = f"{looked} lines of history in {repository.name}"
    yield Observation("exposed-secret", "history", False, said)  # noqa: FBT003


def pip_audit(path: Path, most_hours: float) -> Iterator[Observation]:
    """What ``pip-audit --strict -f json`` wrote.

    Args:
        path: the file.
        most_hours: how old it may be.

    Raises:
        NotLookedAtError: it is missing, too old, of another kind, or audited nothing.
    """
    listed = _read(path, most_hours).get("dependencies")
    if not isinstance(listed, list) or not listed:
        raise NotLookedAtError(f"{path}: it audited nothing")
    for one in listed:
        if "skip_reason" in one:
            raise NotLookedAtError(f"{path}: {one.get('name')} was skipped")
        known = [str(each.get("id")) for each in one["vulns"]]
        said = f"{one['name']} {one['version']}: {', '.join(known) or 'nothing known'}"
        yield Observation("vulnerable-dependency", f"pip {one['name']}", bool(known), said)


def npm_audit(path: Path, most_hours: float) -> Iterator[Observation]:
    """What ``npm audit --json`` wrote (report version 2); arguments and errors as above."""
    content = _read(path, most_hours)
    found = content.get("vulnerabilities")
    total = content.get("metadata", {}).get("dependencies", {}).get("total", 0)
    if content.get("auditReportVersion") != 2 or not isinstance(found, dict) or not total:  # noqa: PLR2004
        raise NotLookedAtError(f"{path}: no report of version 2, or it audited nothing")
    for name, one in found.items():
        said = f"{name}: {one.get('severity', 'unknown')}"
        yield Observation("vulnerable-dependency", f"npm {name}", True, said)  # noqa: FBT003
    said = f"{total} packages audited"
    yield Observation("vulnerable-dependency", "npm", False, said)  # noqa: FBT003


def _read(path: Path, most_hours: float) -> dict[str, Any]:
    try:
        hours = (time.time() - path.stat().st_mtime) / HOUR
        raw = path.read_bytes()[: MOST_BYTES + 1]
        content = json.loads(raw)
    except (OSError, ValueError) as error:
        raise NotLookedAtError(f"{path}: {type(error).__name__}") from error
    if hours > most_hours or hours < -0.1:  # noqa: PLR2004 - some minutes of clock
        raise NotLookedAtError(f"{path}: {hours:.1f} h old; at most {most_hours:g} h count")
    if not isinstance(content, dict):
        raise NotLookedAtError(f"{path}: no audit")
    return content
