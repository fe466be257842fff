"""Everything this package raises on purpose.

GatesError
├── ConfigurationError    a policy, a target or an option is wrong: exit 2
│   ├── UnknownNameError  a name that does not exist, with the nearest that does
│   └── RecordingError    a recording is none; the text says where
├── LedgerError           a decision could not be written down: exit 70
├── RouterError           traffic could not be moved, or who has it is unknown: exit 70
└── OutputError           the output is the result, and it could not be written: exit 70
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GatesError(Exception):
    """Base of this package's errors; its text is for the person who reads it."""


class ConfigurationError(GatesError):
    """A policy, a target file or an option is wrong."""


class UnknownNameError(ConfigurationError):
    """A name that does not exist.

    Args:
        kind: what was named, such as ``target``.
        name: the name as given.
        known: the names that exist.
        where: where they were looked for.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, 1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        listed = ", ".join(names) or "none"
        super().__init__(f"no {kind} {name[:80]!r} in {where}.{hint} There are: {listed}")


class RouterError(GatesError):
    """Traffic could not be moved, or who has it is unknown."""


class OutputError(GatesError):
    """The output is a command's only result, and it could not be written."""


class RecordingError(ConfigurationError):
    """A recording is none; the text says where."""


class LedgerError(GatesError):
    """A decision could not be written down, so it was not given."""
