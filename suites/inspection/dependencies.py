"""Read the result files of pip-audit and npm audit: dependencies with known vulnerabilities."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from suites.probes.api import NotLookedAtError, Observation

MAX_BYTES = 20_000_000
HOUR = 3600.0
# The clock of the machine that wrote the file may be some minutes ahead.
MAX_HOURS_AHEAD = 0.1
NPM_REPORT_VERSION = 2
# The commands that write the files; both need the services of their registries.
PIP_COMMAND = "pip-audit --strict --no-deps -r constraints.txt -f json -o {}"
NPM_COMMAND = "npm audit --json --prefix SHOP > {}   (SHOP: the folder of package-lock.json)"


def pip_audit(path: Path, max_hours: float) -> Iterator[Observation]:
    """Yield an observation for each dependency in a result file of pip-audit.

    Args:
        path: the file that ``PIP_COMMAND`` wrote.
        max_hours: the largest allowed age of the file, in hours.

    Raises:
        NotLookedAtError: the file is missing, too old or malformed, or audits no dependency.
    """
    command = PIP_COMMAND.format(path)
    dependencies = _read(path, max_hours, command).get("dependencies")
    if not isinstance(dependencies, list) or not dependencies:
        raise NotLookedAtError(f"{path}: the file audits no dependency{_again(command)}")
    for dependency in dependencies:
        if "skip_reason" in dependency:
            raise NotLookedAtError(f"{path}: pip-audit skipped {dependency.get('name')}")
        ids = [str(vulnerability.get("id")) for vulnerability in dependency["vulns"]]
        name = dependency["name"]
        sentence = f"{name} {dependency['version']}: {', '.join(ids) or 'no known vulnerability'}"
        yield Observation("vulnerable-dependency", f"pip {name}", bool(ids), sentence)


def npm_audit(path: Path, max_hours: float) -> Iterator[Observation]:
    """Yield an observation for each vulnerable package in a result file of ``npm audit --json``.

    Args:
        path: the file that ``NPM_COMMAND`` wrote, with report version 2.
        max_hours: the largest allowed age of the file, in hours.

    Raises:
        NotLookedAtError: the file is missing, too old or malformed, or audits no package.
    """
    command = NPM_COMMAND.format(path)
    report = _read(path, max_hours, command)
    vulnerabilities, total = report.get("vulnerabilities"), _audited_packages(report)
    is_report = report.get("auditReportVersion") == NPM_REPORT_VERSION
    if not is_report or not isinstance(vulnerabilities, dict) or not total:
        problem = "the file is not an npm report of version 2, or audits no package"
        raise NotLookedAtError(f"{path}: {problem}{_again(command)}")
    for name, vulnerability in vulnerabilities.items():
        severity = vulnerability.get("severity", "unknown")
        sentence = f"{name} has a known vulnerability of severity {severity}"
        place = f"npm {name}"
        yield Observation("vulnerable-dependency", place, is_finding=True, sentence=sentence)
    sentence = f"npm audited {total} packages"
    yield Observation("vulnerable-dependency", "npm", is_finding=False, sentence=sentence)


def _audited_packages(report: Mapping[str, object]) -> int:
    """Return the number of packages that npm audited; 0 when the report has no number."""
    metadata = report.get("metadata")
    dependencies = metadata.get("dependencies") if isinstance(metadata, dict) else None
    total = dependencies.get("total") if isinstance(dependencies, dict) else None
    return total if isinstance(total, int) else 0


def _again(command: str) -> str:
    return f"; create it with:  {command}"


def _read(path: Path, max_hours: float, command: str) -> Mapping[str, object]:
    try:
        hours = (time.time() - path.stat().st_mtime) / HOUR
        raw = path.read_bytes()[: MAX_BYTES + 1]
        content = json.loads(raw)
    except FileNotFoundError as error:
        raise NotLookedAtError(f"{path} is missing{_again(command)}") from error
    except (OSError, ValueError) as error:
        raise NotLookedAtError(
            f"{path} cannot be read: {type(error).__name__}{_again(command)}"
        ) from error
    if hours > max_hours or hours < -MAX_HOURS_AHEAD:
        raise NotLookedAtError(
            f"{path} is {hours:.1f} h old; the maximum age is {max_hours:g} h{_again(command)}"
        )
    if not isinstance(content, dict):
        raise NotLookedAtError(f"{path}: the file is not an audit result{_again(command)}")
    return content
