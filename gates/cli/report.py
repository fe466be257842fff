"""``gates report``: write the release report: what was decided, and why."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from gates import ledger, places
from gates.errors import ConfigurationError, OutputError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.ledger import LedgerContent
from gates.model import Target
from gates.policy import policy_file, target_file
from gates.release_report import ReportInput, write
from gates.release_report.report_input import newest_target
from gates.signing import signature


def report(arguments: argparse.Namespace) -> int:
    """``gates report``: write ``OUT/report/index.html``, and print its path.

    Raises:
        UnknownNameError: neither the ledger nor a target file knows the target.
        OutputError: the page could not be written.
    """
    out = places.out(arguments.out, Path("out")).path
    content = ledger.read(out)
    name = arguments.target or newest_target(content)
    source = ReportInput(
        out=out,
        runs=Path(arguments.runs) if arguments.runs else out / "runs",
        policy=policy_file.load(places.policy(arguments.policy).path),
        name=name,
        target=_target(name, places.targets(arguments.targets).path, content),
        content=content,
        key=signature.configured_key(),
        now=datetime.now(UTC),
    )
    try:
        path = write(source)
    except OSError as error:
        raise OutputError(f"the report could not be written: {error}") from error
    print(path)
    sys.stdout.flush()
    return ExitCode.GO


def _target(name: str, folder: Path, content: LedgerContent) -> Target | None:
    """The target of this name; None where only the ledger knows it.

    Raises:
        UnknownNameError: neither the ledger nor a target file knows the name.
    """
    in_ledger = not name or any(record.entry.target == name for record in content.records)
    try:
        return target_file.load(name, folder) if name else None
    except UnknownNameError:
        if in_ledger:
            return None
        raise
    except ConfigurationError:
        return None
