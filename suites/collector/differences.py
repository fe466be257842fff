"""The wrong sums that a run of the collector saw, to tell a later run which of them changed.

A wrong sum has no time. A rollback does not correct it, so it is older than the rollback as long as
its difference stays what the first run after the rollback saw.
"""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gates.sources import json_values
from suites.database.invariants import Confirmed, Differences

FILE = "differences.json"
MAX_BYTES = 16_000_000


def write(folder: Path, target: str, confirmed: Mapping[str, Confirmed]) -> None:
    """Write the differences of all wrong sums that a run saw.

    Args:
        folder: the folder of the run.
        target: the target's name.
        confirmed: the violations of each invariant.
    """
    sums = {
        name: {violation.document: violation.difference for violation in invariant.violations
               if violation.difference is not None}
        for name, invariant in confirmed.items()
    }  # fmt: skip
    content = {"at": datetime.now(UTC).isoformat(), "target": target, "sums": sums}
    (folder / FILE).write_text(json.dumps(content), encoding="utf-8")


def first_since(runs: Path, target: str, since: datetime) -> Mapping[str, Differences] | None:
    """The differences that the first run since a moment saw, by invariant; None without a run.

    Args:
        runs: the folder of runs.
        target: the target's name.
        since: UTC.
    """
    by_time = {}
    for path in runs.glob(f"*/{FILE}"):
        # A file that is being written, or is malformed, is no basis for a comparison.
        with contextlib.suppress(OSError, *json_values.MALFORMED):
            content = json_values.object_of(json_values.loads(path.read_bytes()[:MAX_BYTES]))
            at = datetime.fromisoformat(str(content["at"]))
            sums = json_values.object_of(content["sums"])
            if content["target"] == target and at >= since:
                by_time[at] = {name: json_values.object_of(sums[name]) for name in sums}
    if not by_time:
        return None
    return {
        name: {document: int(str(difference)) for document, difference in sums.items()}
        for name, sums in by_time[min(by_time)].items()
    }
