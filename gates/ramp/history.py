"""Reads the entries of a ramp from the ledger, and finds unfinished and orphaned ramps."""

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
    """Return the entries of the unfinished ramp of a target; None where no ramp is unfinished.

    A ramp is unfinished after a hold, after ``on_crash = "leave"``, or while its end is not in the
    ledger.

    Args:
        entries: the entries of the whole ledger, oldest first.
        target: the name of the target.
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
    """Return the entries of a ramp that has moved traffic and has no end; None without such a ramp.

    The entries do not show whether the process of the ramp still runs. A running process has
    locked the lock file of the ramp.

    Args:
        entries: the entries of the whole ledger, oldest first.
        target: the name of the target.
    """
    ramp = unfinished_ramp(entries, target)
    if not ramp or isinstance(ramp[-1], RampEndEntry) or not moves(ramp):
        return None
    return ramp


def possible_shares(entries: Sequence[RampEntry]) -> list[float]:
    """Return the shares, from 0 to 1, that green may have after the entries of a ramp.

    A ramp writes a move to the ledger before it makes the move. So green has the share of the last
    move, or still the share before this move.

    Args:
        entries: the entries of one ramp, oldest first.
    """
    shares = [move.share for move in moves(entries)]
    earlier = [share for share in shares if not is_same_share(share, shares[-1])]
    return [earlier[-1] if earlier else 0.0, *shares[-1:]]


def moves(entries: Sequence[LedgerEntry]) -> list[MoveEntry]:
    """Return the entries that are moves of traffic, in the order of ``entries``."""
    return [entry for entry in entries if isinstance(entry, MoveEntry)]
