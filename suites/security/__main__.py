"""``python -m suites.security`` runs the security suite, and scans git history and dependencies.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 a part of the scan has no result.
``make security-scan`` runs this command; make itself ends with 2 if the exit code is not 0.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gates import places
from gates.cli.options import add_places
from gates.errors import ConfigurationError
from gates.policy import policy_file
from suites.inspection.dependencies import npm_audit, pip_audit
from suites.inspection.history import history
from suites.probes.api import NotLookedAtError, Observation
from suites.security.accepted import (
    FILE,
    AcceptedFinding,
    AcceptedFindingsError,
    read,
    still_open,
)

NOTHING, FOUND, USAGE, NOT_LOOKED_AT = 0, 1, 2, 3
MEANINGS = {
    NOTHING: "nothing found",
    FOUND: "something found",
    NOT_LOOKED_AT: "a part of the scan has no result",
}
MAX_SHOWN = 10
HOW_TO_ACCEPT = (
    "to accept a finding for a limited time, add an entry to {}, with rule, place, owner, reason "
    "and expires"
)


def main() -> int:
    """Run all parts of the scan, print one summary, and return the exit code of the process."""
    options = _parser().parse_args()
    try:
        policy = policy_file.load(places.policy(options.policy).path)
        accepted = read(options.accepted)
    except (ConfigurationError, AcceptedFindingsError, OSError) as error:
        print(f"security scan: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return USAGE
    max_hours = policy.security_limits["audit_age_hours"]
    outcomes = {
        "suite": _suite(options),
        "history": _outcome(lambda: history(options.repository), accepted),
        "pip": _outcome(lambda: pip_audit(options.pip_audit, max_hours), accepted),
        "npm": _outcome(lambda: npm_audit(options.npm_audit, max_hours), accepted),
    }
    for name, (_, lines) in outcomes.items():
        for line in lines:
            print(f"{name:<9}{line}")  # noqa: T201 - a command line prints
    codes = {code for code, _ in outcomes.values()}
    if any(outcomes[name][0] == FOUND for name in ("history", "pip", "npm")):
        print(HOW_TO_ACCEPT.format(options.accepted))  # noqa: T201 - a command line prints
    code = FOUND if FOUND in codes else max(codes)
    print(f"security scan: {MEANINGS[code]}; exit code {code}")  # noqa: T201 - a command line prints
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m suites.security", description=__doc__)
    parser.add_argument("--target", required=True, metavar="NAME", help="the target to attack")
    add_places(parser)
    for name, default, text in (
        ("--repository", Path(), "the repository to scan; default: the working folder"),
        (
            "--pip-audit",
            Path("out/pip-audit.json"),
            "the report of pip-audit; default: %(default)s",
        ),
        (
            "--npm-audit",
            Path("out/npm-audit.json"),
            "the report of npm audit; default: %(default)s",
        ),
        ("--accepted", FILE, "the file of findings that are accepted for a limited time"),
    ):
        metavar = "DIR" if name == "--repository" else "FILE"
        parser.add_argument(name, type=Path, default=default, metavar=metavar, help=text)
    return parser


def _suite(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Run the security suite; return its exit code, and its line of the summary."""
    passed_on = [
        f"--{name}={value}"
        for name in ("targets", "policy", "out")
        if (value := getattr(options, name))
    ]
    suite = ["--pyargs", "suites.security", "-q", "-m", "security", "--target", options.target]
    command = [sys.executable, "-m", "pytest", *suite, *passed_on]
    code = subprocess.run(command, check=False).returncode
    if code in (NOTHING, FOUND):
        return code, [
            "no finding" if code == NOTHING else "the suite has findings: read the output above"
        ]
    sentence = f"the security suite gave no result: pytest ended with exit code {code}"
    return NOT_LOOKED_AT, [f"{sentence}; read its output above"]


def _outcome(
    look: Callable[[], Iterable[Observation]], accepted: tuple[AcceptedFinding, ...]
) -> tuple[int, list[str]]:
    """Run another part of the scan; return its exit code, and its lines of the summary."""
    try:
        observations = list(look())
    except NotLookedAtError as error:
        return NOT_LOOKED_AT, [f"this part gave no result: {error}"]
    findings = still_open(observations, accepted)
    if findings:
        lines = [f"{finding.rule}: {finding.sentence}" for finding in findings[:MAX_SHOWN]]
        hidden = len(findings) - MAX_SHOWN
        return FOUND, [*lines, *([f"{hidden} more findings"] if hidden > 0 else [])]
    accepted_findings = sum(observation.is_finding for observation in observations)
    line = f"no open finding among {len(observations)} observations"
    return NOTHING, [line + (f", {accepted_findings} accepted" if accepted_findings else "")]


if __name__ == "__main__":
    sys.exit(main())
