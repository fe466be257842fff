"""What the ledger says of a ramp: its entries, and how far a ramp that was cut off has come."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

SAME = 0.005
Entry = dict[str, Any]


class End(Enum):
    """How a ramp ended."""

    DONE = "done"
    HELD = "held"
    STOPPED = "stopped"  # no_go, traffic as the plan says
    ROLLED_BACK = "rolled_back"
    NOT_ROLLED_BACK = "not_rolled_back"
    LEFT = "left"  # it could not go on, traffic stays
    MOVED_BY_OTHERS = "moved_by_others"


# What was handed to a person may go on when that person says so.
RESUMABLE = (End.HELD.value, End.LEFT.value)


def unfinished(entries: Sequence[Entry], target: str) -> list[Entry] | None:
    """The entries of a ramp of the target that was cut off, held or left; None where none was."""
    found: list[Entry] | None = None
    for entry in entries:
        if entry.get("target") != target or entry.get("kind") not in ("ramp", "move"):
            continue
        if entry.get("event") == "began":
            found = [entry]
        elif entry.get("event") == "ended" and entry.get("how") not in RESUMABLE:
            found = None
        elif found is not None:
            found.append(entry)
    return found


def orphaned(entries: Sequence[Entry], target: str) -> list[Entry] | None:
    """The entries of a ramp that has moved traffic and was never ended; None where none is.

    Whether its process is still there is not in the ledger: the ramp's lock file shows that.
    """
    found = unfinished(entries, target)
    if not found or found[-1].get("event") == "ended" or not moves(found):
        return None
    return found


def shares_given(entries: Sequence[Entry]) -> list[float]:
    """The shares that green may have by the entries of a ramp: the last one, or the one before."""
    given = [float(one["share"]) for one in moves(entries)]
    before = [one for one in given if abs(one - given[-1]) > SAME]
    return [before[-1] if before else 0.0, *given[-1:]]


def entry_of(target: str, time_scale: float, event: str, **content: Any) -> Entry:  # noqa: ANN401 - JSON
    """A ledger entry of a ramp."""
    return {"kind": "ramp", "event": event, "target": target, "time_scale": time_scale, **content}


def moves(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are moves of traffic."""
    return [one for one in entries if one.get("kind") == "move"]
