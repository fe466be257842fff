"""Store the wrong sums that a run of the collector found, for the comparison in a later run.

A wrong sum has no time, and a rollback does not correct a wrong sum. The difference is the wrong
sum minus the correct sum. If the difference is the same as in the first run after the rollback, the
wrong sum counts as older than the rollback.
"""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gates.evidence import seal
from gates.evidence.run_folder import read_record
from gates.sources import json_values
from suites.database.invariants import ConfirmedViolations, Differences

FILE = "differences.json"
MAX_BYTES = 16_000_000


def write(
    folder: Path, target: str, confirmed: Mapping[str, ConfirmedViolations], key: str
) -> None:
    """Write a file with the difference of each wrong sum from the correct sum.

    Args:
        folder: the folder of the run.
        target: the name of the target.
        confirmed: the confirmed violations, keyed by invariant.
        key: the key that signs the file; empty when no key is set.
    """
    sums = {
        name: {
            violation.document: violation.difference
            for violation in invariant.violations
            if violation.difference is not None
        }
        for name, invariant in confirmed.items()
    }
    content: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(),
        "target": target,
        "sums": sums,
    }
    if signature := seal.signature_of(_signed(content), key):
        content[seal.SIGNATURE] = signature
    (folder / FILE).write_text(json.dumps(content), encoding="utf-8")


def first_since(
    runs: Path, target: str, since: datetime, key: str
) -> Mapping[str, Differences] | None:
    """Read the differences that the first run of the collector since a moment has stored.

    Args:
        runs: the folder of suite runs.
        target: the name of the target.
        since: the moment in UTC; older runs are ignored.
        key: the key that must have signed the files; empty when no key is set.

    Returns:
        The differences, keyed by invariant; None without a run since this moment.
    """
    by_time = {}
    for path in runs.glob(f"*/{FILE}"):
        # A file that is being written, or is malformed, is no basis for a comparison.
        with contextlib.suppress(OSError, *json_values.MALFORMED):
            content = _read(path, key)
            at = json_values.moment(content["at"])
            if content["target"] == target and at >= since:
                by_time[at] = _sums_of(content)
    return by_time[min(by_time)] if by_time else None


def _read(path: Path, key: str) -> Mapping[str, object]:
    """Return the content of a file of differences.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is too large, is not JSON, or was not signed with the key.
    """
    record = read_record(path, MAX_BYTES)
    if record.problem:
        raise ValueError(record.problem)
    content = dict(json_values.object_of(json_values.loads(record.raw)))
    signature = content.pop(seal.SIGNATURE, None)
    if key and signature != seal.signature_of(_signed(content), key):
        raise ValueError(f"the file was not signed with the key in {seal.KEY_VARIABLE}")
    return content


def _sums_of(content: Mapping[str, object]) -> Mapping[str, Differences]:
    return {
        name: {
            document: json_values.integer(difference)
            for document, difference in json_values.object_of(differences).items()
        }
        for name, differences in json_values.object_of(content["sums"]).items()
    }


def _signed(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
