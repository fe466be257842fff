"""``gates ramp`` and ``gates rollback``: traffic is moved, where the target names who may."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gates import ledger, places, rollback, schedule
from gates import ramp as ramps
from gates import target as targets
from gates.asking import Setting, ask, setting, write_down
from gates.cli.asking import EVERY_SECONDS, LEAST_SECONDS, give, options_of
from gates.cli.table import LiveTable
from gates.errors import ConfigurationError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import Decision, Evidence, Stage, Target
from gates.routers import TrafficRouter, router_named

SCHEDULE = places.INSTALLED / "policies" / "schedule.toml"


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
    baseline: Target
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
        self.written = write_down(self.asked, stage, decision, evidence)
        self.table.decided(decision, str(self.written["id"]))
        return str(self.written["id"])

    def write(self, entry: dict[str, Any]) -> None:
        """Append to the ledger."""
        ledger.append(self.asked.out, entry)

    def entries(self) -> Sequence[dict[str, Any]]:
        """Everything in the ledger."""
        return [one.content for one in ledger.entries(self.asked.out)]

    def told(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """A line of the live table."""
        self.table.show(at, share, decision, note)

    def roll_back(self) -> bool:
        """Give all traffic back."""
        done = rollback.roll_back(self.asked.target, self.baseline, self.router, self.table.say)
        self.table.say(f"rollback took {done.seconds:.1f} s")
        self.write(_rolled_back(self.asked, done))
        return done.verified


def _rolled_back(asked: Setting, done: rollback.RolledBack) -> dict[str, Any]:
    return {
        "kind": "rollback", "target": asked.target.name, "verified": done.verified,
        "moved": done.moved, "seconds": round(done.seconds, 3), "lines": list(done.lines),
        "at": time.time(), "time_scale": asked.time_scale,
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
        with ledger.locked(asked.out, f"ramp-{asked.target.name}.lock", wait=False):
            return ramp_with(plan, asked, baseline, router, as_json=arguments.json)
    except BlockingIOError:
        raise ConfigurationError(
            f"another ramp of {asked.target.name} is under way; gates log shows it"
        ) from None


def _dry_run(plan: ramps.Plan, shares: Mapping[str, float]) -> int:
    """Say what would be done."""
    print(f"now: {', '.join(f'{slot} {100 * share:g} %' for slot, share in shares.items())}")
    for step in plan.steps:
        share = f"{plan.slots[0]} {100 * step.share:5g} %"
        print(f"{share}  bake {step.bake_seconds:g} s  then {step.stage}")
    print("nothing was moved")
    return ExitCode.HOLD


def ramp_with(
    plan: ramps.Plan, asked: Setting, baseline: Target, router: TrafficRouter, *, as_json: bool
) -> int:
    """Ramp, and say how it ended; the exit code."""
    here = Here(asked, baseline, router, LiveTable(asked, baseline))
    try:
        ended = ramps.run(plan, router, RealClock(), here)
    except KeyboardInterrupt:
        here.table.say(
            f"interrupted; traffic stays where it is: {_shown(router)}. To give it back:\n"
            f"  gates rollback --target {asked.target.name} --baseline {baseline.name}"
        )
        return ExitCode.HOLD
    except ramps.MismatchError as error:
        raise ConfigurationError(str(error)) from error
    here.table.end()
    if ended.decision is not None:
        give(here.written, ended.decision, as_json=as_json)
    here.table.say(f"ramp {ended.end.value}: {_shown(router)}")
    return _code(ended)


def _code(ended: ramps.Ended) -> int:
    if ended.end is ramps.End.DONE:
        return ExitCode.GO
    if ended.end is ramps.End.HELD:
        return ExitCode.HOLD
    if ended.decision is not None:
        return EXIT_CODES[ended.decision.outcome]
    return ExitCode.ROLLBACK


def _shown(router: TrafficRouter) -> str:
    return ", ".join(f"{slot} {100 * share:g} %" for slot, share in router.shares().items())


def roll_back(arguments: argparse.Namespace) -> int:
    """``gates rollback``: all traffic to blue."""
    asked = setting(options_of(arguments))
    baseline = targets.load(arguments.baseline, places.targets(arguments.targets).path)
    router = router_of(asked.target)
    done = rollback.roll_back(asked.target, baseline, router, lambda line: print(line, flush=True))
    ledger.append(asked.out, _rolled_back(asked, done))
    ledger.append(
        asked.out,
        {"kind": "ramp", "event": "ended", "target": asked.target.name, "how": "rolled_back",
         "at": time.time(), "time_scale": asked.time_scale},
    )  # fmt: skip
    print(f"rollback {'verified' if done.verified else 'NOT verified'} in {done.seconds:.1f} s")
    sys.stdout.flush()
    return ExitCode.GO if done.verified else ExitCode.INTERNAL
