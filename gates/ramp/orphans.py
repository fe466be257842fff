"""Finds a ramp whose process is gone, and applies the policy's ``on_crash`` to its traffic."""

import sys
import time
from enum import Enum
from pathlib import Path

from gates import ledger
from gates.decisions import Context
from gates.errors import ConfigurationError, LedgerError, RouterError
from gates.model import OnCrash
from gates.policy import target_file as targets
from gates.process.signals import uninterrupted
from gates.ramp.entries import SAME, End, Entry, entry_of, orphaned, shares_given
from gates.ramp.real_world import RealWorld, Screen, lock_of, router_of, shown
from gates.ramp.rollback import Baseline


class Found(Enum):
    """What was found, and done."""

    NOTHING = "nothing"
    REPORTED = "reported"  # an orphan whose traffic stays
    ROLLED_BACK = "rolled_back"  # or tried to; the text says which


def deal_with(context: Context, baseline: str, folder: Path, screen: Screen) -> Found:
    """Look for an orphaned ramp of the target, and apply ``on_crash`` to it.

    An orphaned ramp has moved traffic, has no end in the ledger, and nobody holds its lock file.

    Args:
        context: policy, target and places.
        baseline: blue's target name.
        folder: the target files.
        screen: shows a rollback to the person who watches.
    """
    if _orphan(context) is None:
        return Found.NOTHING
    try:
        with ledger.locked(context.out, lock_of(context.target.name), wait=False):
            orphan = _orphan(context)
            return (
                Found.NOTHING
                if orphan is None
                else _apply(context, _baseline(context, baseline, folder), orphan, screen)
            )
    except BlockingIOError:
        return Found.NOTHING  # the ramp is under way
    except OSError as error:
        _say(f"cannot find out whether a ramp of {context.target.name} is orphaned: {error}")
        return Found.REPORTED


def _orphan(context: Context) -> list[Entry] | None:
    return orphaned([one.content for one in ledger.entries(context.out)], context.target.name)


def _apply(context: Context, baseline: Baseline, orphan: list[Entry], screen: Screen) -> Found:
    """Give the orphan's traffic back, unless it must be left."""
    name, slot = context.target.name, context.target.slot
    _say(f"a ramp of {name} was cut off: its process is gone before the ledger has its end")
    if context.policy.on_crash is OnCrash.LEAVE:
        return _reported(context, End.LEFT, "orphaned; the policy says on_crash = leave")
    try:
        router = router_of(context.target)
        share = router.shares().get(slot, 0.0)
    except ConfigurationError as error:
        return _reported(context, End.LEFT, f"orphaned; {error}")
    except RouterError as error:
        _say(f"the balancer does not say who has the traffic: {error}; watch will ask again")
        return Found.REPORTED
    if share <= SAME:
        _reported(context, End.ROLLED_BACK, f"orphaned; {slot} has no traffic")
        return Found.NOTHING
    if all(abs(share - one) > SAME for one in shares_given(orphan)):
        why = f"orphaned; {slot} has {100 * share:g} %, which the ramp did not give it"
        return _reported(context, End.MOVED_BY_OTHERS, why)
    here = RealWorld(context, baseline, router, screen)
    with uninterrupted():
        _write(context, "rollback", why="orphaned")
        done = here.roll_back(None, mirrored=False)
        end = End.ROLLED_BACK if done.given_back else End.NOT_ROLLED_BACK
        _write(context, "ended", how=end.value, why="orphaned", verified=done.report.as_json())
    _say(f"the orphaned ramp was ended: {end.value}: {shown(router)}")
    return Found.ROLLED_BACK


def _baseline(context: Context, name: str, folder: Path) -> Baseline:
    """Blue; where its target file cannot be read, its health is not asked for."""
    try:
        return Baseline.of(targets.load(name, folder))
    except ConfigurationError as error:
        _say(f"{name}'s health is not asked for: {error}")
        return Baseline(context.target.baseline_slot)


def _reported(context: Context, end: End, why: str) -> Found:
    """Leave the traffic where it is, and say so in the ledger."""
    _write(context, "ended", how=end.value, why=why)
    _say(f"traffic stays where it is: {why}")
    if end is not End.ROLLED_BACK:
        _say(f"to give it back: gates rollback --target {context.target.name}")
    return Found.REPORTED


def _write(context: Context, event: str, **content: object) -> None:
    entry = entry_of(context.target.name, context.time_scale, event, at=time.time(), **content)
    try:
        ledger.append(context.out, entry)
    except LedgerError as error:
        _say(f"not in the ledger: {error}")


def _say(line: str) -> None:
    sys.stderr.write(f"watch: {line}\n")
