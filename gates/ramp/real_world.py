"""The gate, the ledger, the clock and the second witness of a real ramp."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gates import ledger
from gates.decisions import Context, decide, record
from gates.errors import ConfigurationError, LedgerError, RouterError
from gates.model import Decision, Evidence, Stage, Target
from gates.process.time_limit import within
from gates.ramp import rollback
from gates.ramp.witness import ConfirmedMove, Report, Witness
from gates.routers import TrafficRouter, router_named

# The ledger may hold up a ramp for so long, and no longer.
LEDGER_SECONDS = 5.0
Result = TypeVar("Result")


class Screen(Protocol):
    """What a person sees of a ramp."""

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show what is going on now."""

    def decided(self, decision: Decision, entry_id: str, out: Path) -> None:
        """Show a decision that is in the ledger of this folder."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def end(self) -> None:
        """Leave a line that moves."""


def router_of(target: Target) -> TrafficRouter:
    """Who may move the target's traffic.

    Raises:
        ConfigurationError: nobody may.
    """
    if not target.router:
        raise ConfigurationError(
            f'{target.name} names no traffic router: its file needs [traffic] router = "config" '
            "before anything here moves its traffic"
        )
    return router_named(target.router, target.addresses.balancer_control)


@dataclass(slots=True)
class RealWorld:
    """The gate, the ledger and the screen of one ramp.

    Args:
        context: policy, target and places.
        baseline: blue.
        router: who moves the traffic.
        screen: what the person sees.
    """

    context: Context
    baseline: rollback.Baseline
    router: TrafficRouter
    screen: Screen
    last: tuple[Stage, Decision, Evidence] | None = None
    written: dict[str, Any] = field(default_factory=dict)

    def ask(self, stage: str) -> Decision:
        """Ask the gate; nothing is written down."""
        chosen = self.context.stage(stage)
        decision, evidence = decide(self.context, chosen)
        self.last = (chosen, decision, evidence)
        return decision

    def record(self) -> str:
        """Write the last decision down, and show it."""
        if self.last is None:
            return ""
        stage, decision, evidence = self.last
        self.written = {}
        self.written = _in_time(lambda: record(self.context, stage, decision, evidence))
        self.screen.decided(decision, str(self.written["id"]), self.context.out)
        return str(self.written["id"])

    def write(self, entry: dict[str, Any]) -> None:
        """Append to the ledger."""
        _in_time(lambda: ledger.append(self.context.out, entry))

    def entries(self) -> Sequence[dict[str, Any]]:
        """Everything in the ledger."""
        return [one.content for one in ledger.entries(self.context.out)]

    def told(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """A line of the live table."""
        self.screen.show(at, share, decision, note)

    def witness(self, move: ConfirmedMove) -> Report:
        """What Prometheus says of a move."""
        return self._witness().look(move)

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> rollback.RolledBack:
        """Give all traffic back, and write that down where it can be written."""
        asked = rollback.Rollback(
            router=self.router,
            baseline=self.baseline,
            slots=(self.context.target.slot, self.context.target.baseline_slot),
            witness=self._witness,
            mirrored=mirrored,
            before=move.before if move and mirrored else None,
        )
        done = rollback.roll_back(asked, self.screen.say)
        self.screen.say(f"rollback {done.proof.value} in {done.seconds:.1f} s")
        try:
            self.write(rolled_back(self.context.target.name, self.context.time_scale, done))
        except LedgerError as error:
            self.screen.say(f"not in the ledger: {error}")
        return done

    def _witness(self) -> Witness:
        target = self.context.target
        return Witness.by(
            self.context.policy, target.addresses.prometheus, target.slot, target.baseline_slot
        )


def _in_time(write: Callable[[], Result]) -> Result:
    """Write to the ledger, unless somebody else holds its lock for too long."""
    try:
        return within(LEDGER_SECONDS, write)
    except TimeoutError as error:
        raise LedgerError(
            f"the ledger cannot be written: its lock was not free within {LEDGER_SECONDS:g} s"
        ) from error


def rolled_back(target: str, time_scale: float, done: rollback.RolledBack) -> dict[str, Any]:
    """The ledger entry of a rollback."""
    return {
        "kind": "rollback", "target": target, "verified": done.verified, "proof": done.proof.value,
        "moved": done.moved, "seconds": round(done.seconds, 3), "lines": list(done.lines),
        "witness": done.report.as_json(), "at": time.time(), "time_scale": time_scale,
    }  # fmt: skip


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


def shown(router: TrafficRouter) -> str:
    """Who has the traffic now, in words."""
    try:
        shares = router.shares()
    except RouterError as error:
        return f"who has the traffic is unknown: {error}"
    said = ", ".join(f"{slot} {100 * share:g} %" for slot, share in shares.items())
    return f"the control endpoint says: {said}"
