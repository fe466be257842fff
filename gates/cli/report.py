"""``gates report``: write the release report: the decisions and their reasons."""

import argparse
import sys
from pathlib import Path

from gates import ledger, places
from gates.errors import OutputError
from gates.exitcodes import ExitCode
from gates.release_report import ReportPlaces, write


def report(arguments: argparse.Namespace) -> int:
    """Run ``gates report``: write the page ``OUT/report/index.html``, and print its path.

    Raises:
        UnknownNameError: neither the ledger nor a target file names the target.
        OutputError: the page could not be written.
    """
    out = places.out(arguments.out, Path("out")).path
    sources = ReportPlaces(
        out=out,
        runs=Path(arguments.runs) if arguments.runs else out / "runs",
        policy=places.policy(arguments.policy).path,
        targets=places.targets(arguments.targets).path,
    )
    try:
        path = write(sources.read(ledger.read(out), arguments.target or ""))
    except OSError as error:
        raise OutputError(f"the report could not be written: {error}") from error
    print(path)
    sys.stdout.flush()
    return ExitCode.GO
