"""Probe for dependencies with known vulnerabilities: reads what pip-audit and npm audit wrote."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suites.probes.api import NotLookedAtError, Observation

MOST_BYTES = 20_000_000
HOUR = 3600.0
# What writes the files; both need the services of their registries.
PIP_COMMAND = "pip-audit --strict --no-deps -r constraints.txt -f json -o {}"
NPM_COMMAND = "npm audit --json --prefix SHOP > {}   (SHOP: the folder of package-lock.json)"


def pip_audit(path: Path, most_hours: float) -> Iterator[Observation]:
    """What ``pip-audit --strict -f json`` wrote; ``PIP_COMMAND`` is the whole command.

    Args:
        path: the file.
        most_hours: how old it may be.

    Raises:
        NotLookedAtError: it is missing, too old, of another kind, or audited nothing.
    """
    command = PIP_COMMAND.format(path)
    listed = _read(path, most_hours, command).get("dependencies")
    if not isinstance(listed, list) or not listed:
        raise NotLookedAtError(f"{path}: it audited nothing{_again(command)}")
    for one in listed:
        if "skip_reason" in one:
            raise NotLookedAtError(f"{path}: {one.get('name')} was skipped")
        known = [str(each.get("id")) for each in one["vulns"]]
        said = f"{one['name']} {one['version']}: {', '.join(known) or 'nothing known'}"
        yield Observation("vulnerable-dependency", f"pip {one['name']}", bool(known), said)


def npm_audit(path: Path, most_hours: float) -> Iterator[Observation]:
    """What ``npm audit --json`` wrote (report version 2); arguments and errors as above."""
    command = NPM_COMMAND.format(path)
    content = _read(path, most_hours, command)
    found = content.get("vulnerabilities")
    total = content.get("metadata", {}).get("dependencies", {}).get("total", 0)
    if content.get("auditReportVersion") != 2 or not isinstance(found, dict) or not total:  # noqa: PLR2004
        problem = "no report of version 2, or it audited nothing"
        raise NotLookedAtError(f"{path}: {problem}{_again(command)}")
    for name, one in found.items():
        said = f"{name}: {one.get('severity', 'unknown')}"
        yield Observation("vulnerable-dependency", f"npm {name}", True, said)  # noqa: FBT003
    said = f"{total} packages audited"
    yield Observation("vulnerable-dependency", "npm", False, said)  # noqa: FBT003


def _again(command: str) -> str:
    return f"; create it with:  {command}"


def _read(path: Path, most_hours: float, command: str) -> dict[str, Any]:
    try:
        hours = (time.time() - path.stat().st_mtime) / HOUR
        raw = path.read_bytes()[: MOST_BYTES + 1]
        content = json.loads(raw)
    except FileNotFoundError as error:
        raise NotLookedAtError(f"{path} is missing{_again(command)}") from error
    except (OSError, ValueError) as error:
        raise NotLookedAtError(f"{path}: {type(error).__name__}{_again(command)}") from error
    if hours > most_hours or hours < -0.1:  # noqa: PLR2004 - some minutes of clock
        raise NotLookedAtError(
            f"{path}: {hours:.1f} h old; at most {most_hours:g} h count{_again(command)}"
        )
    if not isinstance(content, dict):
        raise NotLookedAtError(f"{path}: no audit{_again(command)}")
    return content
