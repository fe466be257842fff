"""All exceptions that this project raises on purpose and that derive from ``GatesError``.

GatesError
├── ConfigurationError      a policy, a target file or an option is wrong: exit 2
│   ├── UnknownNameError    no policy, target, stage or fault has this name
│   └── RecordingError      a file is not a valid recording
├── AttestationError        a file does not attest the decision that it should: exit 1
├── LedgerError             a decision could not be written to the ledger, or read: exit 70
├── OutputError             the output is the only result, and it could not be written: exit 70
├── RehearsalError          a part of a rehearsal failed: exit 70
├── RouterError             the router did not move the traffic, or did not answer: exit 70
└── MismatchError           green does not have the traffic that the ledger says: exit 2
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GatesError(Exception):
    """The base of all these errors; the message is written for a person."""


class ConfigurationError(GatesError):
    """A policy, a target file or an option is wrong."""


class UnknownNameError(ConfigurationError):
    """Nothing has this name; the message suggests the nearest name that exists.

    Args:
        kind: the kind of thing, such as ``target``.
        name: the unknown name.
        known: the names that exist.
        where: the file or folder that was searched.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, 1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        listed = ", ".join(names) or "none"
        super().__init__(f"no {kind} {name[:80]!r} in {where}.{hint} There are: {listed}")


class RecordingError(ConfigurationError):
    """The file is not a valid recording; the message names the line."""


class LedgerError(GatesError):
    """A decision could not be written to the ledger, or its entry could not be read."""


class AttestationError(GatesError):
    """A file is not the signed statement of a decision, or is about something else."""


class MismatchError(GatesError):
    """Green does not have the traffic that the ledger says; the message has both figures."""


class OutputError(GatesError):
    """The output is the only result of a command, and it could not be written."""


class RehearsalError(GatesError):
    """A part of a rehearsal failed; the message names the part and the cause."""


class RouterError(GatesError):
    """The router did not move the traffic, or did not answer."""
