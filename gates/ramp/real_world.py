"""The gate, the ledger, the clock and the second witness of a real ramp."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from gates import ledger
from gates.decision_document import DecisionDocument
from gates.decisions import Answer, Context, decide, record
from gates.errors import ConfigurationError, LedgerError, RouterError
from gates.ledger import LedgerEntry, RollbackEntry
from gates.model import Decision, Target
from gates.process.time_limit import within
from gates.ramp import rollback
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.witness import Witness, WitnessReport
from gates.routers import TrafficRouter, router_named

# The ledger may hold up a ramp for this time, and no longer.
MAX_LEDGER_SECONDS = 5.0
Result = TypeVar("Result")


class Screen(Protocol):
    """Shows a ramp to the person at the terminal."""

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the time, green's traffic share, the gate's decision and a note."""

    def show_decision(self, decision: Decision, entry_id: str, out: Path) -> None:
        """Show a decision that is in the ledger of this folder."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def end(self) -> None:
        """End the moving line."""


def router_of(target: Target) -> TrafficRouter:
    """The router that may move the target's traffic.

    Raises:
        ConfigurationError: the target file names no router.
    """
    if not target.router:
        raise ConfigurationError(
            f'{target.name} names no traffic router: its file needs [traffic] router = "config" '
            "before gates may move its traffic"
        )
    if not target.addresses.balancer_control:
        raise ConfigurationError(
            f"{target.name} names no balancer: its file needs balancer_control in [addresses] "
            "before gates may move its traffic"
        )
    return router_named(
        target.router, target.addresses.balancer_control, target.access.balancer_control
    )


@dataclass(slots=True)
class RealWorld:
    """The gate, the ledger and the screen of one ramp.

    Args:
        context: policy, target and places.
        baseline: blue.
        router: moves the traffic.
        screen: shows the ramp to the person at the terminal.
        last: the last answer of the gate; None before the first.
        document: the last decision that is in the ledger; None without such a value.
    """

    context: Context
    baseline: rollback.Baseline
    router: TrafficRouter
    screen: Screen
    last: Answer | None = None
    document: DecisionDocument | None = None

    def ask(self, stage: str) -> Decision:
        """Ask the gate; the ledger is not written."""
        self.last = decide(self.context, self.context.stage(stage))
        return self.last.decision

    def record(self) -> str:
        """Append the last decision to the ledger, and show the decision."""
        answer = self.last
        if answer is None:
            return ""
        self.document = None
        document = _in_time(lambda: record(self.context, answer))
        self.document = document
        self.screen.show_decision(answer.decision, document.entry_id, self.context.out)
        return document.entry_id

    def write(self, entry: LedgerEntry) -> None:
        """Append an entry to the ledger."""
        _in_time(lambda: ledger.append(self.context.out, entry))

    def entries(self) -> Sequence[LedgerEntry]:
        """Every entry of the ledger."""
        return [record.entry for record in ledger.entries(self.context.out)]

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show a line of the live table."""
        self.screen.show(at, share, decision, note)

    def witness(self, move: ConfirmedMove) -> WitnessReport:
        """Ask Prometheus about a move."""
        return self._witness().look(move)

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> rollback.RollbackResult:
        """Move all traffic to blue, and append the rollback to the ledger if possible."""
        request = rollback.RollbackRequest(
            router=self.router,
            baseline=self.baseline,
            slots=(self.context.target.slot, self.context.target.baseline_slot),
            witness=self._witness,
            mirrored=mirrored,
            before=move.before if move and mirrored else None,
        )
        result = rollback.roll_back(request, self.screen.say)
        self.screen.say(f"rollback {result.proof.value} in {result.seconds:.1f} s")
        try:
            self.write(rollback_entry(self.context.target.name, self.context.time_scale, result))
        except LedgerError as error:
            self.screen.say(f"not in the ledger: {error}")
        return result

    def _witness(self) -> Witness:
        return Witness.of_target(self.context.policy, self.context.target)


def _in_time(write: Callable[[], Result]) -> Result:
    """Write to the ledger, unless another process holds its lock for too long."""
    try:
        return within(MAX_LEDGER_SECONDS, write)
    except TimeoutError as error:
        raise LedgerError(
            f"the ledger cannot be written: its lock was not free within {MAX_LEDGER_SECONDS:g} s"
        ) from error


def rollback_entry(
    target: str, time_scale: float, result: rollback.RollbackResult
) -> RollbackEntry:
    """The ledger entry of a rollback that ended now.

    Args:
        target: the target's name.
        time_scale: over 1 in a rehearsal.
        result: the result of the rollback.
    """
    return RollbackEntry(
        target=target,
        time_scale=time_scale,
        at=time.time(),
        verified=result.verified,
        proof=result.proof.value,
        moved=result.moved,
        seconds=round(result.seconds, 3),
        lines=result.lines,
        witness=result.report.as_record(),
    )


class RealClock:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


def lock_of(target: str) -> str:
    """The lock file that a ramp of a target holds while it is under way."""
    return f"ramp-{target}.lock"


def traffic_sentence(router: TrafficRouter) -> str:
    """The shares that the control endpoint reports now, as a sentence."""
    try:
        shares = router.shares()
    except RouterError as error:
        return f"who has the traffic is unknown: {error}"
    listed = ", ".join(f"{slot} {100 * share:g} %" for slot, share in shares.items())
    return f"the control endpoint says: {listed}"
