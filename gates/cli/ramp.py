"""``gates ramp``: move traffic step by step, where the target names who may."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from gates import ledger, places
from gates.cli.live_table import LiveTable
from gates.cli.options import context_of, poll_seconds
from gates.cli.printing import print_decision
from gates.decisions import Context
from gates.errors import ConfigurationError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import Target
from gates.policy import schedule
from gates.policy import target_file as targets
from gates.process import output
from gates.ramp import engine as ramps
from gates.ramp import rollback
from gates.ramp.entries import End
from gates.ramp.real_world import RealClock, RealWorld, lock_of, router_of, shown
from gates.routers import TrafficRouter

SCHEDULE = places.INSTALLED / "policies" / "schedule.toml"


def plan_of(
    context: Context, baseline: Target, steps: tuple[schedule.Step, ...], hold_seconds: float
) -> ramps.Plan:
    """What a ramp is to do.

    Raises:
        ConfigurationError: the target is not compared with this baseline.
    """
    if baseline.slot != context.target.baseline_slot:
        raise ConfigurationError(
            f"{context.target.name} is compared with slot {context.target.baseline_slot!r}, and "
            f"{baseline.name} is slot {baseline.slot!r}"
        )
    return ramps.Plan(
        target=context.target.name,
        slots=(context.target.slot, baseline.slot),
        steps=steps,
        poll_seconds=poll_seconds(context),
        patience_seconds=hold_seconds / context.time_scale,
        no_go_rolls_back=context.policy.no_go_rolls_back,
        time_scale=context.time_scale,
        on_crash=context.policy.on_crash,
    )


def ramp(arguments: argparse.Namespace) -> int:
    """``gates ramp``: the schedule, step by step."""
    context = context_of(arguments)
    baseline = targets.load(arguments.baseline, places.targets(arguments.targets).path)
    path = Path(arguments.schedule) if arguments.schedule else SCHEDULE
    steps = schedule.load(path, context.policy, context.time_scale)
    plan = plan_of(context, baseline, steps, arguments.hold or context.policy.hold_seconds)
    router = router_of(context.target)
    if arguments.dry_run:
        return _dry_run(plan, router.shares())
    context.out.mkdir(parents=True, exist_ok=True)
    try:
        with ledger.locked(context.out, lock_of(context.target.name), wait=False):
            return ramp_with(plan, context, baseline, router, as_json=arguments.json)
    except BlockingIOError:
        raise ConfigurationError(
            f"another ramp of {context.target.name} is under way; gates log shows it"
        ) from None


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
    plan: ramps.Plan, context: Context, baseline: Target, router: TrafficRouter, *, as_json: bool
) -> int:
    """Ramp, and say how it ended; the exit code."""
    here = RealWorld(context, rollback.Baseline.of(baseline), router, LiveTable(context))
    try:
        ended = ramps.run(plan, router, RealClock(), here)
    except ramps.MismatchError as error:
        raise ConfigurationError(str(error)) from error
    here.screen.end()
    if ended.decision is not None and here.written:
        print_decision(here.written, ended.decision, context.out, as_json=as_json)
    if ended.problem:
        here.screen.say(ended.problem)
    here.screen.say(f"ramp {ended.end.value}: {shown(router)}")
    if ended.end in (End.LEFT, End.NOT_ROLLED_BACK):
        here.screen.say(
            "to give the traffic back:\n"
            f"  gates rollback --target {context.target.name} --baseline {baseline.name}"
        )
    return _code(ended, in_ledger=bool(here.written))


def _code(ended: ramps.Ended, *, in_ledger: bool) -> int:
    """The exit code; a decision that is not in the ledger, or a ramp that broke off, is none."""
    if ended.crashed:
        return ExitCode.INTERNAL
    if ended.decision is not None:
        return EXIT_CODES[ended.decision.outcome] if in_ledger else ExitCode.INTERNAL
    return ExitCode.ROLLBACK if ended.end is End.ROLLED_BACK else ExitCode.INTERNAL
