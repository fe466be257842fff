"""``gates ramp``: move traffic to green step by step.

The traffic router that the target file names moves the traffic.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gates import ledger, places
from gates.cli.after_rollback import ask_after_rollback
from gates.cli.context import context_of
from gates.cli.live_table import LiveTable
from gates.cli.printing import print_decision
from gates.decisions import Context, poll_seconds
from gates.errors import ConfigurationError, MismatchError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.ledger import RampEnding
from gates.model import Target
from gates.policy import schedule
from gates.policy import target_file as targets
from gates.process import output
from gates.ramp import engine as ramps
from gates.ramp import rollback
from gates.ramp.real_world import RealClock, RealWorld, lock_of, router_of, traffic_sentence
from gates.release_report import ReportInput, announce
from gates.routers import TrafficRouter


def plan_of(
    context: Context, baseline: Target, steps: tuple[schedule.Step, ...], hold_seconds: float
) -> ramps.Plan:
    """Return the settings of a ramp.

    Args:
        context: the policy, the target and the folders.
        baseline: the target that is blue.
        steps: the ramp steps in their order.
        hold_seconds: the longest time that the ramp waits during a hold, in seconds, before the
            division by the time scale.

    Raises:
        ConfigurationError: the target file of the canary names another baseline.
    """
    if baseline.slot != context.target.baseline_slot:
        raise ConfigurationError(
            f"the baseline of {context.target.name} is slot {context.target.baseline_slot!r}, but "
            f"{baseline.name} has slot {baseline.slot!r}; name another target with --baseline"
        )
    return ramps.Plan(
        target=context.target.name,
        slots=(context.target.slot, baseline.slot),
        steps=steps,
        poll_seconds=poll_seconds(context),
        patience_seconds=hold_seconds / context.time_scale,
        no_go_rolls_back=context.policy.no_go_rolls_back,
        time_scale=context.time_scale,
        ready=context.policy.ready.name,
        on_crash=context.policy.on_crash,
    )


def ramp(arguments: argparse.Namespace) -> int:
    """Run ``gates ramp``: move traffic step by step, as the schedule states.

    Returns:
        The exit code of the result of the ramp; 3 for ``--dry-run``.
    """
    context = context_of(arguments)
    baseline = targets.load(arguments.baseline, places.targets(arguments.targets).path)
    steps = schedule.of_policy(context.policy, context.policy_file)
    if arguments.schedule:
        steps = schedule.load(Path(arguments.schedule), context.policy, context.time_scale)
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
            f"another ramp of {context.target.name} is under way; to see the other ramp, run: "
            "gates log"
        ) from None


def _dry_run(plan: ramps.Plan, shares: Mapping[str, float]) -> int:
    """Print the steps of the ramp, and move no traffic."""
    print(f"now: {', '.join(f'{slot} {100 * share:g} %' for slot, share in shares.items())}")
    for step in plan.steps:
        share = f"{plan.slots[0]} {100 * step.share:5g} %"
        print(f"{share}  bake {step.bake_seconds:g} s  then check {step.stage}")
    print("no traffic was moved")
    output.confirm()  # nothing is in the ledger
    return ExitCode.HOLD


def ramp_with(
    plan: ramps.Plan, context: Context, baseline: Target, router: TrafficRouter, *, as_json: bool
) -> int:
    """Run a ramp, and print its result.

    Args:
        plan: the settings of the ramp.
        context: the policy, the target and the folders.
        baseline: the target that is blue.
        router: the traffic router.
        as_json: whether to print the last decision as JSON.

    Returns:
        The exit code of the result.

    Raises:
        ConfigurationError: something other than this ramp moved the traffic.
        RouterError: the router failed before this ramp had moved anything.
    """
    world = RealWorld(context, rollback.Baseline.of(baseline), router, LiveTable(context))
    try:
        result = ramps.run(plan, router, RealClock(), world)
    except MismatchError as error:
        raise ConfigurationError(str(error)) from error
    world.screen.end()
    if result.decision is not None and world.document is not None:
        print_decision(world.document, context.out, as_json=as_json)
    if result.problem:
        world.screen.say(result.problem)
    world.screen.say(f"ramp {result.ending.value}: {traffic_sentence(router)}")
    if result.ending in (RampEnding.LEFT, RampEnding.NOT_ROLLED_BACK):
        world.screen.say(
            "to move all traffic to blue, run:\n"
            f"  gates rollback --target {context.target.name} --baseline {baseline.name}"
        )
    if result.ending is RampEnding.ROLLED_BACK and not result.crashed:
        ask_after_rollback(lambda: context_of_baseline(context, baseline), world.screen.say)
    announce(lambda: ReportInput.of_context(context), world.screen.say)
    return _exit_code(result, in_ledger=world.document is not None)


def context_of_baseline(context: Context, baseline: Target) -> Context:
    """Return a context with the same policy and folders, whose target is the baseline."""
    collector = replace(context.collector, target=baseline, attempts={})
    return replace(context, target=baseline, collector=collector)


def _exit_code(result: ramps.RampResult, *, in_ledger: bool) -> int:
    """Return the exit code: 70 after a crash or a failed rollback, and without a ledger entry."""
    if result.crashed or result.ending is RampEnding.NOT_ROLLED_BACK:
        return ExitCode.INTERNAL
    if result.decision is not None:
        return EXIT_CODES[result.decision.outcome] if in_ledger else ExitCode.INTERNAL
    is_rolled_back = result.ending is RampEnding.ROLLED_BACK
    return ExitCode.ROLLBACK if is_rolled_back else ExitCode.INTERNAL
