"""The exit codes of the ``gates`` command; nothing but a GO exits 0."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers the pipeline."""

    GO = 0
    NO_GO = 1
    USAGE = 2
    HOLD = 3
    ROLLBACK = 4
    INTERNAL = 70
