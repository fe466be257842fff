"""``make security-scan``: the suite, the history's secrets, the dependencies; one exit code.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 something could not be looked at.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gates import places
from gates import policy as policies
from suites.probes.api import NotLookedAtError, Observation
from suites.probes.dependencies import npm_audit, pip_audit
from suites.probes.secrets import history
from suites.security.accepted import read, still_open

FOUND, NOT_LOOKED_AT = 1, 3


def main() -> int:
    """Run all of it and print one summary."""
    parser = argparse.ArgumentParser(prog="python -m suites.security", description=__doc__)
    parser.add_argument("--target", required=True, metavar="NAME")
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("--pip-audit", type=Path, required=True, metavar="FILE",
                        help="what `pip-audit --strict -f json` wrote")  # fmt: skip
    parser.add_argument("--npm-audit", type=Path, required=True, metavar="FILE",
                        help="what `npm audit --json` wrote")  # fmt: skip
    options = parser.parse_args()
    limits = policies.load(places.policy(None).path).security_limits
    hours = limits["audit_age_hours"]
    outcomes = {
        "suite": _suite(options.target),
        "history": _judged(lambda: history(options.repository)),
        "pip": _judged(lambda: pip_audit(options.pip_audit, hours)),
        "npm": _judged(lambda: npm_audit(options.npm_audit, hours)),
    }
    for name, (_, said) in outcomes.items():
        print(f"{name:<9}{said}")  # noqa: T201
    codes = {code for code, _ in outcomes.values()}
    return FOUND if FOUND in codes else max(codes)


def _suite(target: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "security", "--target", target]
    code = subprocess.run(command, check=False).returncode
    if code in (0, FOUND):
        return code, "no finding" if code == 0 else "findings: see above"
    return NOT_LOOKED_AT, f"not looked at: pytest ended with {code}"


def _judged(look: Callable[[], Iterable[Observation]]) -> tuple[int, str]:
    try:
        seen = list(look())
    except NotLookedAtError as error:
        return NOT_LOOKED_AT, f"not looked at: {error}"
    found = still_open(seen, read())
    if found:
        return FOUND, "; ".join(one.sentence for one in found[:5])
    return 0, f"no finding in {len(seen)} places"


if __name__ == "__main__":
    sys.exit(main())
