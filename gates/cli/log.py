"""``gates log``: show the decisions and moves in the ledger."""

import argparse
import json
import sys
from pathlib import Path

from gates import ledger, places
from gates.exitcodes import ExitCode
from reports import terminal
from reports.formats import cdevents


def log(arguments: argparse.Namespace) -> int:
    """Run ``gates log``: print the newest entries; with ``--verify``, verify the whole ledger.

    Returns:
        70 where ``--verify`` finds a problem, else 0.
    """
    out = places.out(arguments.out, Path("out")).path
    if arguments.verify:
        return _verify(out)
    content = ledger.read(out)
    for problem in content.problems:
        sys.stderr.write(f"gates: {out / ledger.FILE}: {problem}; run: gates log --verify\n")
    if arguments.cdevents:
        for event in cdevents.of_ledger(content.records):
            print(json.dumps(event))
        return ExitCode.GO
    for record in content.records[-arguments.last :]:
        print(terminal.entry_line(record))
    if not content.records:
        print(f"no entries in {out / ledger.FILE}")
    return ExitCode.GO


def _verify(out: Path) -> int:
    linked, problems = ledger.verify(out)
    for problem in problems:
        print(f"{out / ledger.FILE}: {problem}")
    if problems:
        return ExitCode.INTERNAL
    print(f"{out / ledger.FILE} is undamaged: {linked} entries; each has the previous entry's hash")
    return ExitCode.GO
