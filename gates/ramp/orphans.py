"""Finds an orphaned ramp, whose process has ended, and applies the policy's ``on_crash``."""

import sys
import time
from enum import Enum
from pathlib import Path

from gates import ledger
from gates.decisions import Context
from gates.errors import ConfigurationError, LedgerError, RouterError
from gates.ledger import LedgerEntry, RampEndEntry, RampEnding, RampRollbackEntry, WitnessRecord
from gates.model import OnCrash, is_same_share
from gates.policy import target_file as targets
from gates.process.signals import uninterrupted
from gates.ramp.history import RampEntry, orphaned_ramp, possible_shares
from gates.ramp.real_world import RealWorld, Screen, lock_of, router_of, traffic_sentence
from gates.ramp.rollback import Baseline


class OrphanAction(Enum):
    """The action that the gate took on an orphaned ramp."""

    NONE = "none"
    REPORTED = "reported"  # the traffic stays where it is
    ROLLED_BACK = "rolled_back"  # a rollback was tried; the message says whether it is verified


def handle(context: Context, baseline: str, folder: Path, screen: Screen) -> OrphanAction:
    """Find an orphaned ramp of the target, and apply ``on_crash`` to its traffic.

    An orphaned ramp has moved traffic and has no end in the ledger, and no process has locked
    the lock file of this ramp.

    Args:
        context: the policy, the target and the folders.
        baseline: the name of the target that is blue.
        folder: the folder of target files.
        screen: the output that shows a rollback to the person at the terminal.

    Returns:
        The action; ``NONE`` where there is no orphaned ramp, or the gate finds no traffic on green.
    """
    if _orphan(context) is None:
        return OrphanAction.NONE
    try:
        with ledger.locked(context.out, lock_of(context.target.name), wait=False):
            orphan = _orphan(context)
            if orphan is None:
                return OrphanAction.NONE
            return _apply(context, _baseline(context, baseline, folder), orphan, screen)
    except BlockingIOError:
        return OrphanAction.NONE  # the ramp is under way
    except OSError as error:
        _say(f"cannot find out whether a ramp of {context.target.name} is orphaned: {error}")
        return OrphanAction.REPORTED


def _orphan(context: Context) -> list[RampEntry] | None:
    entries = [record.entry for record in ledger.entries(context.out)]
    return orphaned_ramp(entries, context.target.name)


def _apply(
    context: Context, baseline: Baseline, orphan: list[RampEntry], screen: Screen
) -> OrphanAction:
    """Move the traffic of an orphaned ramp to blue, or leave the traffic where it is."""
    name, slot = context.target.name, context.target.slot
    _say(f"a ramp of {name} was cut off: its process ended, and the ledger has no end of this ramp")
    if context.policy.on_crash is OnCrash.LEAVE:
        return _leave(
            context, RampEnding.LEFT, "the ramp is orphaned, and the policy has on_crash = leave"
        )
    try:
        router = router_of(context.target)
        share = router.shares().get(slot, 0.0)
    except ConfigurationError as error:
        return _leave(context, RampEnding.LEFT, f"the ramp is orphaned: {error}")
    except RouterError as error:
        again = "the gate reads the shares again in the next round of this watch"
        _say(f"the balancer does not report the shares: {error}; {again}")
        return OrphanAction.REPORTED
    if is_same_share(share, 0.0):
        _leave(context, RampEnding.ROLLED_BACK, f"the ramp is orphaned, and {slot} has no traffic")
        return OrphanAction.NONE
    if not any(is_same_share(share, expected) for expected in possible_shares(orphan)):
        traffic = f"{slot} has {100 * share:g} % of the traffic, which the ramp did not set"
        why = f"the ramp is orphaned; {traffic}"
        return _leave(context, RampEnding.MOVED_BY_OTHERS, why)
    world = RealWorld(context, baseline, router, screen)
    with uninterrupted():
        _write(context, RampRollbackEntry(name, context.time_scale, time.time(), "orphaned"))
        result = world.roll_back(None, mirrored=False)
        ending = RampEnding.ROLLED_BACK if result.given_back else RampEnding.NOT_ROLLED_BACK
        _write(context, _end(context, ending, "orphaned", result.report.as_record()))
    _say(f"the orphaned ramp ended with {ending.value}; {traffic_sentence(router)}")
    return OrphanAction.ROLLED_BACK


def _baseline(context: Context, name: str, folder: Path) -> Baseline:
    """Return blue, without a health address where blue's target file cannot be read."""
    try:
        return Baseline.of(targets.load(name, folder))
    except ConfigurationError as error:
        _say(f"the rollback does not check the health of {name}: {error}")
        return Baseline(context.target.baseline_slot)


def _leave(context: Context, ending: RampEnding, why: str) -> OrphanAction:
    """Leave the traffic where it is, and report this in the ledger and on stderr."""
    _write(context, _end(context, ending, why))
    _say(f"traffic stays where it is: {why}")
    if ending is not RampEnding.ROLLED_BACK:
        _say(f"to move all traffic to blue, run: gates rollback --target {context.target.name}")
    return OrphanAction.REPORTED


def _end(
    context: Context, ending: RampEnding, why: str, witness: WitnessRecord | None = None
) -> RampEndEntry:
    name, scale = context.target.name, context.time_scale
    return RampEndEntry(name, scale, time.time(), ending, why, witness)


def _write(context: Context, entry: LedgerEntry) -> None:
    try:
        ledger.append(context.out, entry)
    except LedgerError as error:
        _say(f"an entry about the ramp is not in the ledger: {error}")


def _say(line: str) -> None:
    sys.stderr.write(f"watch: {line}\n")
