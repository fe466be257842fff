"""The exit codes of the ``gates`` command; only the decision GO has exit code 0."""

from enum import IntEnum

from gates.model import Outcome


class ExitCode(IntEnum):
    """The exit code of a ``gates`` command, which a pipeline reads."""

    GO = 0
    NO_GO = 1
    USAGE = 2
    HOLD = 3
    ROLLBACK = 4
    INTERNAL = 70


EXIT_CODES = {
    Outcome.GO: ExitCode.GO,
    Outcome.HOLD: ExitCode.HOLD,
    Outcome.NO_GO: ExitCode.NO_GO,
    Outcome.ROLLBACK: ExitCode.ROLLBACK,
}
EXIT_TABLE = "exit codes: 0 go, 1 no-go, 2 usage or configuration, 3 hold, 4 rollback, 70 internal"
