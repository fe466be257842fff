"""Runs checks before a decision: starts the collector command, and reads the runs that it wrote.

The collector is a process of its own, because it belongs to the suites, which the gate does not
import. Where the collector is not installed, fails, or is late, the gate has no new run, and the
objective is inconclusive. A rollback trigger that fires does not wait for the collector.

collection  the checks that are due, and the runs of these checks
command     the process, its time limit and its lock
"""

from gates.collector.collection import (
    FOLDER,
    CheckRequest,
    CollectionResult,
    Collector,
    PendingCollection,
    requests_of,
)

__all__ = [
    "FOLDER",
    "CheckRequest",
    "CollectionResult",
    "Collector",
    "PendingCollection",
    "requests_of",
]
