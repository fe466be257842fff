"""``gates log``: what was decided and moved."""

import argparse
import sys
from pathlib import Path

from gates import ledger, places
from gates.exitcodes import ExitCode
from reports import terminal


def log(arguments: argparse.Namespace) -> int:
    """``gates log``: what was decided and moved; with ``--verify``, whether it is whole."""
    out = places.out(arguments.out, Path("out")).path
    if arguments.verify:
        return _verify(out)
    reading = ledger.read(out)
    for problem in reading.problems:
        sys.stderr.write(f"gates: {out / ledger.FILE}: {problem}; gates log --verify\n")
    found = reading.entries
    for one in found[-arguments.last :]:
        print(terminal.entry(one.entry_id, one.content))
    if not found:
        print(f"no entries in {out / ledger.FILE}")
    return ExitCode.GO


def _verify(out: Path) -> int:
    good, problems = ledger.verify(out)
    for problem in problems:
        print(f"{out / ledger.FILE}: {problem}")
    if problems:
        return ExitCode.INTERNAL
    print(f"{good} entries, each follows the one before; {out / ledger.FILE}")
    return ExitCode.GO
