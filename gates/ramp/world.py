"""The interfaces that a ramp uses: the clock, the gate, the second witness and the ledger."""

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
        """Return the present time, in seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds."""


class World(Protocol):
    """The gate, the second witness and the ledger of a ramp."""

    def ask(self, stage: str) -> Decision:
        """Let the gate decide about a stage; the ledger gets no entry."""

    def record(self) -> str:
        """Append the last decision to the ledger, and return the id of its entry."""

    def write(self, entry: LedgerEntry) -> None:
        """Append an entry to the ledger."""

    def entries(self) -> Sequence[LedgerEntry]:
        """Return every entry of the ledger, oldest first."""

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the time, green's traffic share, the gate's decision and a note."""

    def witness(self, move: ConfirmedMove) -> WitnessReport:
        """Return whether the second witness, Prometheus, confirms a move."""

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> RollbackResult:
        """Move all traffic to the baseline.

        Args:
            move: the last move; None where the last move is unknown.
            mirrored: whether the control endpoint is known to give each colour the other
                colour's share.
        """
