"""What a ramp needs from outside: the time, the gate, the second witness and the ledger."""

from collections.abc import Sequence
from typing import Protocol

from gates.ledger import LedgerEntry
from gates.model import Decision
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.rollback import RollbackResult
from gates.ramp.witness import WitnessReport


class Clock(Protocol):
    """The clock of a ramp: the present time, and a method that waits."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Return after this time."""


class World(Protocol):
    """The surroundings of a ramp: the gate, the second witness and the ledger."""

    def ask(self, stage: str) -> Decision:
        """Ask the gate about a stage; the ledger is not written."""

    def record(self) -> str:
        """Append the last decision to the ledger, and return its id."""

    def write(self, entry: LedgerEntry) -> None:
        """Append an entry to the ledger."""

    def entries(self) -> Sequence[LedgerEntry]:
        """Every entry of the ledger."""

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the time, green's traffic share, the gate's decision and a note."""

    def witness(self, move: ConfirmedMove) -> WitnessReport:
        """Ask the second witness about a move."""

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> RollbackResult:
        """Move all traffic to the baseline.

        Args:
            move: the last move; None where it is unknown.
            mirrored: whether the control endpoint is known to give each colour the other
                colour's share.
        """
