"""Gives a real ramp its gate, its ledger, its clock and its second witness (Prometheus)."""

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
    """The output that shows a ramp to the person at the terminal."""

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the time, green's traffic share, the gate's decision and a note."""

    def show_decision(self, decision: Decision, entry_id: str, out: Path) -> None:
        """Show a decision that is in the ledger in the folder ``out``."""

    def say(self, line: str) -> None:
        """Show a line that later output does not overwrite."""

    def end(self) -> None:
        """End the line that ``show`` overwrites, so that later output begins on a new line."""


def router_of(target: Target) -> TrafficRouter:
    """Return the traffic router that the target file names.

    Raises:
        ConfigurationError: the target file has no router or no address ``balancer_control``.
    """
    if not target.router:
        raise ConfigurationError(
            f"{target.name} names no traffic router; to let the gate move traffic, add [traffic] "
            'router = "config" to the target file'
        )
    if not target.addresses.balancer_control:
        raise ConfigurationError(
            f"{target.name} names no balancer; to let the gate move traffic, add "
            "balancer_control to [addresses] in the target file"
        )
    return router_named(
        target.router, target.addresses.balancer_control, target.access.balancer_control
    )


@dataclass(slots=True)
class RealWorld:
    """The gate, the ledger and the screen of one ramp.

    Args:
        context: the policy, the target and the folders.
        baseline: the health address and the expected build of blue.
        router: the traffic router.
        screen: the output that shows the ramp to the person at the terminal.
        last: the last decision with its evidence; None before the first decision.
        document: the last decision, after it is in the ledger; None before that.
    """

    context: Context
    baseline: rollback.Baseline
    router: TrafficRouter
    screen: Screen
    last: Answer | None = None
    document: DecisionDocument | None = None

    def ask(self, stage: str) -> Decision:
        """Let the gate decide about a stage; the ledger gets no entry."""
        self.last = decide(self.context, self.context.stage(stage))
        return self.last.decision

    def record(self) -> str:
        """Append the last decision to the ledger, show it, and return the id of its entry."""
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
        """Return every entry of the ledger, oldest first."""
        return [record.entry for record in ledger.entries(self.context.out)]

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show a line of the live table."""
        self.screen.show(at, share, decision, note)

    def witness(self, move: ConfirmedMove) -> WitnessReport:
        """Query Prometheus, and return whether its metrics confirm a move."""
        return self._witness().look(move)

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> rollback.RollbackResult:
        """Move all traffic to blue, and append the rollback to the ledger if possible.

        Args:
            move: the last move; None where it is unknown.
            mirrored: whether the control endpoint is known to swap the shares of the two colours.
        """
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
            self.screen.say(f"the rollback is not in the ledger: {error}")
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
    """Return the ledger entry of a rollback that has just ended.

    Args:
        target: the name of the target.
        time_scale: the factor by which live durations are divided; over 1 in a rehearsal.
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
    """The clock of this machine."""

    def now(self) -> float:
        """Return the present time, in seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)


def lock_of(target: str) -> str:
    """Return the name of the file that a ramp of a target locks while the ramp is under way."""
    return f"ramp-{target}.lock"


def traffic_sentence(router: TrafficRouter) -> str:
    """Return a sentence with the shares that the control endpoint reports now."""
    try:
        shares = router.shares()
    except RouterError as error:
        return f"it is unknown which colour has the traffic: {error}"
    listed = ", ".join(f"{slot} {100 * share:g} %" for slot, share in shares.items())
    return f"the control endpoint says: {listed}"
