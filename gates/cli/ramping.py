"""``gates ramp``: traffic is moved step by step, where the target names who may."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gates import ledger, output, places, rollback, schedule
from gates import ramp as ramps
from gates import target as targets
from gates.asking import Setting, ask, setting, write_down
from gates.bounded import within
from gates.cli.asking import EVERY_SECONDS, LEAST_SECONDS, give, options_of
from gates.cli.table import LiveTable
from gates.errors import ConfigurationError, LedgerError, RouterError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import Decision, Evidence, Stage, Target
from gates.ramp_entries import End
from gates.routers import TrafficRouter, router_named
from gates.witness import ConfirmedMove, Report, Witness

SCHEDULE = places.INSTALLED / "policies" / "schedule.toml"
# The ledger may hold up a ramp for so long, and no longer.
LEDGER_SECONDS = 5.0
Result = TypeVar("Result")


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
class Here:
    """The gate, the ledger and the screen of one ramp.

    Args:
        asked: policy, target and places.
        baseline: blue.
        router: who moves the traffic.
        table: what the person sees.
    """

    asked: Setting
    baseline: rollback.Baseline
    router: TrafficRouter
    table: LiveTable
    last: tuple[Stage, Decision, Evidence] | None = None
    written: dict[str, Any] = field(default_factory=dict)

    def ask(self, stage: str) -> Decision:
        """Ask the gate; nothing is written down."""
        chosen = self.asked.stage(stage)
        decision, evidence = ask(self.asked, chosen)
        self.last = (chosen, decision, evidence)
        return decision

    def record(self) -> str:
        """Write the last decision down, and show it."""
        if self.last is None:
            return ""
        stage, decision, evidence = self.last
        self.written = {}
        self.written = _in_time(lambda: write_down(self.asked, stage, decision, evidence))
        self.table.decided(decision, str(self.written["id"]), self.asked.out)
        return str(self.written["id"])

    def write(self, entry: dict[str, Any]) -> None:
        """Append to the ledger."""
        _in_time(lambda: ledger.append(self.asked.out, entry))

    def entries(self) -> Sequence[dict[str, Any]]:
        """Everything in the ledger."""
        return [one.content for one in ledger.entries(self.asked.out)]

    def told(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """A line of the live table."""
        self.table.show(at, share, decision, note)

    def witness(self, move: ConfirmedMove) -> Report:
        """What Prometheus says of a move."""
        return self._witness().look(move)

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> rollback.RolledBack:
        """Give all traffic back, and write that down where it can be written."""
        asked = rollback.Rollback(
            router=self.router,
            baseline=self.baseline,
            slots=(self.asked.target.slot, self.asked.target.baseline_slot),
            witness=self._witness,
            mirrored=mirrored,
            before=move.before if move and mirrored else None,
        )
        done = rollback.roll_back(asked, self.table.say)
        self.table.say(f"rollback {done.proof.value} in {done.seconds:.1f} s")
        try:
            self.write(rolled_back(self.asked.target.name, self.asked.time_scale, done))
        except LedgerError as error:
            self.table.say(f"not in the ledger: {error}")
        return done

    def _witness(self) -> Witness:
        target = self.asked.target
        return Witness.by(
            self.asked.policy, target.addresses.prometheus, target.slot, target.baseline_slot
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


def plan_of(
    asked: Setting, baseline: Target, steps: tuple[schedule.Step, ...], hold_seconds: float
) -> ramps.Plan:
    """What a ramp is to do.

    Raises:
        ConfigurationError: the target is not compared with this baseline.
    """
    if baseline.slot != asked.target.baseline_slot:
        raise ConfigurationError(
            f"{asked.target.name} is compared with slot {asked.target.baseline_slot!r}, and "
            f"{baseline.name} is slot {baseline.slot!r}"
        )
    return ramps.Plan(
        target=asked.target.name,
        slots=(asked.target.slot, baseline.slot),
        steps=steps,
        poll_seconds=max(LEAST_SECONDS, EVERY_SECONDS / asked.time_scale),
        patience_seconds=hold_seconds / asked.time_scale,
        no_go_rolls_back=asked.policy.no_go_rolls_back,
        time_scale=asked.time_scale,
        on_crash=asked.policy.on_crash,
    )


def ramp(arguments: argparse.Namespace) -> int:
    """``gates ramp``: the schedule, step by step."""
    asked = setting(options_of(arguments))
    baseline = targets.load(arguments.baseline, places.targets(arguments.targets).path)
    path = Path(arguments.schedule) if arguments.schedule else SCHEDULE
    steps = schedule.load(path, asked.policy, asked.time_scale)
    plan = plan_of(asked, baseline, steps, arguments.hold or asked.policy.hold_seconds)
    router = router_of(asked.target)
    if arguments.dry_run:
        return _dry_run(plan, router.shares())
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        with ledger.locked(asked.out, lock_of(asked.target.name), wait=False):
            return ramp_with(plan, asked, baseline, router, as_json=arguments.json)
    except BlockingIOError:
        raise ConfigurationError(
            f"another ramp of {asked.target.name} is under way; gates log shows it"
        ) from None


def lock_of(target: str) -> str:
    """The lock file that a ramp of a target holds while it is under way."""
    return f"ramp-{target}.lock"


def _dry_run(plan: ramps.Plan, shares: Mapping[str, float]) -> int:
    """Say what would be done."""
    print(f"now: {', '.join(f'{slot} {100 * share:g} %' for slot, share in shares.items())}")
    for step in plan.steps:
        share = f"{plan.slots[0]} {100 * step.share:5g} %"
        print(f"{share}  bake {step.bake_seconds:g} s  then {step.stage}")
    print("nothing was moved")
    output.confirm()  # nothing is in the ledger
    return ExitCode.HOLD


def ramp_with(
    plan: ramps.Plan, asked: Setting, baseline: Target, router: TrafficRouter, *, as_json: bool
) -> int:
    """Ramp, and say how it ended; the exit code."""
    here = Here(asked, rollback.Baseline.of(baseline), router, LiveTable(asked))
    try:
        ended = ramps.run(plan, router, RealClock(), here)
    except ramps.MismatchError as error:
        raise ConfigurationError(str(error)) from error
    here.table.end()
    if ended.decision is not None and here.written:
        give(here.written, ended.decision, asked.out, as_json=as_json)
    if ended.problem:
        here.table.say(ended.problem)
    here.table.say(f"ramp {ended.end.value}: {shown(router)}")
    if ended.end in (End.LEFT, End.NOT_ROLLED_BACK):
        here.table.say(
            "to give the traffic back:\n"
            f"  gates rollback --target {asked.target.name} --baseline {baseline.name}"
        )
    return _code(ended, in_ledger=bool(here.written))


def _code(ended: ramps.Ended, *, in_ledger: bool) -> int:
    """The exit code; a decision that is not in the ledger, or a ramp that broke off, is none."""
    if ended.crashed:
        return ExitCode.INTERNAL
    if ended.decision is not None:
        return EXIT_CODES[ended.decision.outcome] if in_ledger else ExitCode.INTERNAL
    return ExitCode.ROLLBACK if ended.end is End.ROLLED_BACK else ExitCode.INTERNAL


def shown(router: TrafficRouter) -> str:
    """Who has the traffic now, in words."""
    try:
        shares = router.shares()
    except RouterError as error:
        return f"who has the traffic is unknown: {error}"
    said = ", ".join(f"{slot} {100 * share:g} %" for slot, share in shares.items())
    return f"the control endpoint says: {said}"
