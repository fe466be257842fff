"""What the ledger says about a ramp: its entries, and the last step of an unfinished ramp."""

from collections.abc import Sequence

from gates.ledger import (
    LedgerEntry,
    MoveEntry,
    RampEndEntry,
    RampEnding,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
)
from gates.model import is_same_share

RampEntry = MoveEntry | RampStartEntry | RampResumptionEntry | RampRollbackEntry | RampEndEntry
# After these endings a person may continue the ramp.
RESUMABLE = (RampEnding.HELD, RampEnding.LEFT)


def unfinished_ramp(entries: Sequence[LedgerEntry], target: str) -> list[RampEntry] | None:
    """The entries of a ramp of the target that was cut off, held or left; None without a ramp.

    Args:
        entries: the entries of the whole ledger, oldest first.
        target: the target's name.
    """
    ramp: list[RampEntry] | None = None
    for entry in entries:
        if not isinstance(entry, RampEntry) or entry.target != target:
            continue
        if isinstance(entry, RampStartEntry):
            ramp = [entry]
        elif isinstance(entry, RampEndEntry) and entry.ending not in RESUMABLE:
            ramp = None
        elif ramp is not None:
            ramp.append(entry)
    return ramp


def orphaned_ramp(entries: Sequence[LedgerEntry], target: str) -> list[RampEntry] | None:
    """The entries of a ramp that has moved traffic and has no end; None without such a ramp.

    The ledger does not show whether the ramp's process still runs: the ramp's lock file shows that.

    Args:
        entries: the entries of the whole ledger, oldest first.
        target: the target's name.
    """
    ramp = unfinished_ramp(entries, target)
    if not ramp or isinstance(ramp[-1], RampEndEntry) or not moves(ramp):
        return None
    return ramp


def possible_shares(entries: Sequence[RampEntry]) -> list[float]:
    """The shares that green may have after a ramp's entries, 0 to 1.

    A move is in the ledger before it is made. So green has the share of the last move, or still
    the share before it.

    Args:
        entries: the entries of one ramp, oldest first.
    """
    shares = [move.share for move in moves(entries)]
    earlier = [share for share in shares if not is_same_share(share, shares[-1])]
    return [earlier[-1] if earlier else 0.0, *shares[-1:]]


def moves(entries: Sequence[LedgerEntry]) -> list[MoveEntry]:
    """The entries that are moves of traffic."""
    return [entry for entry in entries if isinstance(entry, MoveEntry)]
