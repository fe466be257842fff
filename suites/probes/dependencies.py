"""Probe for dependencies with known vulnerabilities: reads what pip-audit and npm audit wrote."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suites.probes.api import NotLookedAtError, Observation

MOST_BYTES = 20_000_000
HOUR = 3600.0


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
