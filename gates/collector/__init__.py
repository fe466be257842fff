"""Has checks run before a question: starts the collector command, and reads the runs it wrote.

The collector belongs to the suites, which the gate does not import: it is a process of its own. A
collector that is not installed, fails, or is late leaves a problem and no run, so that the
objective is a hold. A rollback trigger that holds does not wait for it.

collection  which checks are due, and the runs of them
command     the process, its time limit and its lock
"""

from gates.collector.collection import (
    FOLDER,
    CheckRequest,
    Collected,
    Collector,
    PendingCollection,
    requests_of,
)

__all__ = [
    "FOLDER",
    "CheckRequest",
    "Collected",
    "Collector",
    "PendingCollection",
    "requests_of",
]
