"""``python -m suites.security``: the suite, secrets in the history, dependencies; one exit code.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 a part of the scan has no result.
``make security-scan`` runs it, and make itself ends with 2 whenever the code is not 0.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gates import places
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
HOW_TO_ACCEPT = "to accept a finding for a time, enter its rule and place in {}"


def main() -> int:
    """Run all parts and print one summary."""
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
    parser.add_argument("--target", required=True, metavar="NAME", help="what the suite attacks")
    parser.add_argument("--targets", metavar="DIR", help="the target files (KIRANA_TARGETS)")
    parser.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    parser.add_argument("--out", metavar="DIR", help="generated files (KIRANA_OUT, ./out)")
    for name, default, text in (
        ("--repository", Path(), "the repository whose history is read; the working folder"),
        ("--pip-audit", Path("out/pip-audit.json"), "the file of pip-audit; %(default)s"),
        ("--npm-audit", Path("out/npm-audit.json"), "the file of npm audit; %(default)s"),
        ("--accepted", FILE, "findings accepted for a time"),
    ):
        metavar = "DIR" if name == "--repository" else "FILE"
        parser.add_argument(name, type=Path, default=default, metavar=metavar, help=text)
    return parser


def _suite(options: argparse.Namespace) -> tuple[int, list[str]]:
    """The exit code of the suite, and its line of the summary."""
    passed_on = [
        f"--{name}={value}"
        for name in ("targets", "policy", "out")
        if (value := getattr(options, name))
    ]
    suite = ["--pyargs", "suites.security", "-q", "-m", "security", "--target", options.target]
    command = [sys.executable, "-m", "pytest", *suite, *passed_on]
    code = subprocess.run(command, check=False).returncode
    if code in (NOTHING, FOUND):
        return code, ["no finding" if code == NOTHING else "findings: read the output above"]
    sentence = f"the security suite gave no result: pytest ended with exit code {code}"
    return NOT_LOOKED_AT, [f"{sentence}; read its output above"]


def _outcome(
    look: Callable[[], Iterable[Observation]], accepted: tuple[AcceptedFinding, ...]
) -> tuple[int, list[str]]:
    """The exit code of another part, and its lines of the summary."""
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
