"""The exceptions of this project that derive from ``GatesError``, each with its exit code.

GatesError
├── ConfigurationError      a policy, a target file or an option is wrong: exit 2
│   ├── UnknownNameError    no policy, target, stage or fault has this name
│   └── RecordingError      a file is not a valid recording
├── AttestationError        a file is not a valid statement about the decision: exit 1
├── LedgerError             the gate could not write or read a ledger entry: exit 70
├── OutputError             the command could not write its output: exit 70
├── RehearsalError          a part of a rehearsal failed: exit 70
├── RouterError             the router did not move the traffic, or sent no response: exit 70
└── MismatchError           green's traffic is not the traffic in the ledger: exit 2
    └── ScheduleError       the unfinished ramp has another schedule
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GatesError(Exception):
    """The base class of the exceptions of this project; the message is written for a person."""


class ConfigurationError(GatesError):
    """A policy, a target file or an option is wrong."""


class UnknownNameError(ConfigurationError):
    """The name does not exist; the message suggests the nearest name that exists.

    Args:
        kind: the kind of object that was searched for, such as ``target``.
        name: the unknown name.
        known: the names that exist.
        where: the file or folder that was searched.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, 1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        listed = ", ".join(names) or "none"
        super().__init__(f"no {kind} {name[:80]!r} in {where}.{hint} Known names: {listed}")


class RecordingError(ConfigurationError):
    """The file is not a valid recording; the message names the file, and the line of a mistake."""


class LedgerError(GatesError):
    """The gate could not write an entry to the ledger, or could not read an entry."""


class AttestationError(GatesError):
    """A file is not a signed statement about a decision, or is about another decision."""


class MismatchError(GatesError):
    """Green's share of the traffic is not the share in the ledger; the message has both shares."""


class ScheduleError(MismatchError):
    """The unfinished ramp has a stage that the schedule lacks; the ramp stays unfinished."""


class OutputError(GatesError):
    """A command whose only result is its output could not write this output."""


class RehearsalError(GatesError):
    """A part of a rehearsal failed; the message names the part and the cause."""


class RouterError(GatesError):
    """The traffic router did not move the traffic, or sent no response."""
