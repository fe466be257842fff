"""``python -m suites.security``: the suite, the history's secrets, the dependencies; one exit code.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 something could not be looked at.
``make security-scan`` runs it, and make itself ends with 2 whenever the code is not 0.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gates import places
from gates.errors import ConfigurationError
from gates.policy import policy_file as policies
from suites.inspection.dependencies import npm_audit, pip_audit
from suites.inspection.secrets import history
from suites.probes.api import NotLookedAtError, Observation
from suites.security.accepted import FILE, Accepted, AcceptedFindingsError, read, still_open

NOTHING, FOUND, USAGE, NOT_LOOKED_AT = 0, 1, 2, 3
MEANING = {NOTHING: "nothing found", FOUND: "something found",
           NOT_LOOKED_AT: "something could not be looked at"}  # fmt: skip
MOST_SHOWN = 10
HOW_TO_ACCEPT = "to accept a finding for a time, enter rule and place in {}"


def main() -> int:
    """Run all of it and print one summary."""
    options = _parser().parse_args()
    try:
        hours = policies.load(places.policy(None).path).security_limits["audit_age_hours"]
        accepted = read(options.accepted)
    except (ConfigurationError, AcceptedFindingsError, OSError) as error:
        print(f"security scan: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    outcomes = {
        "suite": _suite(options),
        "history": _judged(lambda: history(options.repository), accepted),
        "pip": _judged(lambda: pip_audit(options.pip_audit, hours), accepted),
        "npm": _judged(lambda: npm_audit(options.npm_audit, hours), accepted),
    }
    for name, (_, lines) in outcomes.items():
        for line in lines:
            print(f"{name:<9}{line}")  # noqa: T201
    codes = {code for code, _ in outcomes.values()}
    if any(outcomes[name][0] == FOUND for name in ("history", "pip", "npm")):
        print(HOW_TO_ACCEPT.format(options.accepted))  # noqa: T201
    code = FOUND if FOUND in codes else max(codes)
    print(f"security scan: {MEANING[code]}; exit code {code}")  # noqa: T201
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m suites.security", description=__doc__)
    parser.add_argument("--target", required=True, metavar="NAME", help="what the suite attacks")
    parser.add_argument("--targets", metavar="DIR", help="the target files (KIRANA_TARGETS)")
    parser.add_argument("--out", metavar="DIR", help="generated files (KIRANA_OUT, ./out)")
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR",
                        help="whose history is read; the working folder")  # fmt: skip
    parser.add_argument("--pip-audit", type=Path, default=Path("out/pip-audit.json"),
                        metavar="FILE", help="what pip-audit wrote; %(default)s")  # fmt: skip
    parser.add_argument("--npm-audit", type=Path, default=Path("out/npm-audit.json"),
                        metavar="FILE", help="what npm audit wrote; %(default)s")  # fmt: skip
    parser.add_argument("--accepted", type=Path, default=FILE, metavar="FILE",
                        help="findings accepted for a time")  # fmt: skip
    return parser


def _suite(options: argparse.Namespace) -> tuple[int, list[str]]:
    places_of = [f"--{name}={value}" for name in ("targets", "out")
                 if (value := getattr(options, name))]  # fmt: skip
    command = [sys.executable, "-m", "pytest", "--pyargs", "suites.security", "-q",
               "-m", "security", "--target", options.target, *places_of]  # fmt: skip
    code = subprocess.run(command, check=False).returncode
    if code in (NOTHING, FOUND):
        return code, ["no finding" if code == NOTHING else "findings: see above"]
    return NOT_LOOKED_AT, [f"not looked at: pytest ended with {code}; see above"]


def _judged(
    look: Callable[[], Iterable[Observation]], accepted: tuple[Accepted, ...]
) -> tuple[int, list[str]]:
    """The exit code of one part, and its lines of the summary."""
    try:
        seen = list(look())
    except NotLookedAtError as error:
        return NOT_LOOKED_AT, [f"not looked at: {error}"]
    found = still_open(seen, accepted)
    if found:
        more = [f"{len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
        return FOUND, [*(f"{one.rule}: {one.sentence}" for one in found[:MOST_SHOWN]), *more]
    said = sum(one.found for one in seen)
    return NOTHING, [f"no open finding among {len(seen)}" + (f", {said} accepted" if said else "")]


if __name__ == "__main__":
    sys.exit(main())
