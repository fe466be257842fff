"""``make proof-rehearsal``: rehearsals with each fault of the table end as the table says.

``--whole N`` runs so many without a fault first, which must end with GO at every step.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import tests_path  # noqa: F401 - what lies in tests/support
from fault_table import STOPPED
from worlds import ROOT, environment

from gates import ledger

MAX_SECONDS = {True: 180.0, False: 900.0}
# The guide's stages before the ramp need signatures.
SIGNED = ("--sign-as", "proof")
MAX_SECONDS_TO_STOP = 20.0
SHARE = re.compile(r"ramp \w+: .*green (\d+) %")
TIME = re.compile(r"from the first failed request to no traffic on green: ([\d.]+) s")
FAILED = re.compile(r"shoppers: ([\d,]+) requests, ([\d,]+) failed")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a rehearsal ended.

    Args:
        code: its exit code.
        seconds: how long it took.
        output: the text that the rehearsal printed.
        ledger_problems: what is wrong with its ledger.
    """

    code: int
    seconds: float
    output: str
    ledger_problems: list[str]

    @property
    def share(self) -> float | None:
        """Green's share of the traffic at the end, 0 to 1."""
        shares = SHARE.findall(self.output)
        return int(shares[-1]) / 100 if shares else None

    @property
    def shown(self) -> str:
        """A line about it."""
        failed = FAILED.search(self.output)
        stop = TIME.search(self.output)
        return (
            f"exit {self.code}  green {self.share}  {self.seconds:.0f} s  "
            f"{failed[0] if failed else 'no word of the shoppers'}"
            + (f"  first failure to no traffic {stop[1]} s" if stop else "")
        )


def rehearse(*arguments: str) -> Rehearsed:
    """One rehearsal, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "gates", "rehearse", "--out", folder, *arguments],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - began
        problems = [
            problem
            for place in (Path(folder) / "rehearsal").glob("2*")
            for problem in ledger.verify(place)[1]
        ]
    return Rehearsed(done.returncode, seconds, done.stderr + done.stdout, problems)


def wrong(rehearsed: Rehearsed, fault: str) -> list[str]:
    """Return a sentence for each difference from the table."""
    problems = list(rehearsed.ledger_problems)
    if rehearsed.seconds > MAX_SECONDS[bool(fault)]:
        problems.append(f"it took {rehearsed.seconds:.0f} s")
    if not fault:
        if (rehearsed.code, rehearsed.share) != (0, 1.0):
            problems.append(f"expected GO, got {rehearsed.code}")
        return problems
    at, codes, share = STOPPED[fault]
    if rehearsed.code not in codes:
        problems.append(f"expected exit {codes}")
    if rehearsed.share != (at / 100 if share is None else share):
        problems.append(f"expected green at {share}")
    stop = TIME.search(rehearsed.output)
    if fault == "requests.all_fail" and (not stop or float(stop[1]) > MAX_SECONDS_TO_STOP):
        problems.append(f"not stopped within {MAX_SECONDS_TO_STOP:g} s of the first failure")
    return problems


def main() -> int:
    """Rehearse; 1 when something is not as the table says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", type=int, default=0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    plan = [""] * options.whole + [fault for fault in STOPPED if options.only in fault]
    failed = 0
    for fault in plan:
        arguments = ("--fault", fault, "--at", str(STOPPED[fault][0])) if fault else SIGNED
        rehearsed = rehearse(*arguments)
        problems = wrong(rehearsed, fault)
        failed += bool(problems)
        print(
            f"{'NOT' if problems else 'ok '}  {fault or 'no fault':<28}{rehearsed.shown}",
            flush=True,
        )
        for problem in problems:
            print(f"     {problem}")
        if problems:
            print(rehearsed.output[-3000:], flush=True)
    print(f"{len(plan)} rehearsals, {failed} not as the table says")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
