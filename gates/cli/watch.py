"""``gates watch``: ask again and again until a rollback trigger holds or the time is over."""

import argparse
import sys
import time

from gates import places
from gates.cli.live_table import LiveTable
from gates.cli.options import context_of, poll_seconds
from gates.cli.printing import print_decision
from gates.decisions import decide, record
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.judging.live.timeline import moves
from gates.model import (
    Decision,
    Evidence,
    Measured,
    Outcome,
    ShareObjective,
    Stage,
    TriggerObjective,
)
from gates.process.progress import Progress
from gates.ramp import orphans

STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)
SAME = 0.005


def watch(arguments: argparse.Namespace) -> int:
    """``gates watch``: ask the stage of the present share until a trigger holds or time is over."""
    context = context_of(arguments)
    steps = [one for one in context.policy.stages if one.share is not None and _triggers(one)]
    if not steps:
        sys.stderr.write("watch: the policy has no stage with a share and a rollback trigger\n")
        return ExitCode.HOLD
    began, progress = time.monotonic(), Progress(arguments.duration)
    stage, abandoned = steps[0], False
    screen = LiveTable(context)
    folder = places.targets(arguments.targets).path
    while True:
        found = orphans.deal_with(context, arguments.baseline, folder, screen)
        abandoned = abandoned or found is not orphans.Found.NOTHING
        decision, evidence = decide(context, stage)
        passed = time.monotonic() - began
        stops = decision.outcome in STOPS
        given_back = found is orphans.Found.ROLLED_BACK
        if stops or given_back or passed >= arguments.duration:
            progress.end()
            written = record(context, stage, decision, evidence)
            print_decision(written, decision, context.out, as_json=arguments.json)
            if stops:
                return EXIT_CODES[decision.outcome]
            return _watched_code(stage, decision, abandoned=abandoned, given_back=given_back)
        progress.show(passed, f"{stage.name}: {_watched(stage, decision)}")
        stage = _stage_of_now(steps, evidence, stage)
        time.sleep(min(poll_seconds(context), max(0.0, arguments.duration - passed)))


def _watched_code(stage: Stage, decision: Decision, *, abandoned: bool, given_back: bool) -> int:
    """The exit code where no trigger holds."""
    if given_back:
        return ExitCode.INTERNAL
    return ExitCode.HOLD if abandoned or _blind(stage, decision) else ExitCode.GO


def _stage_of_now(steps: list[Stage], evidence: Evidence, present: Stage) -> Stage:
    """The stage of the share that green has by now."""
    share = next(one for one in present.objectives if isinstance(one, ShareObjective))
    known, _ = moves(share, evidence)
    for stage in steps:
        if known and stage.share is not None and abs(stage.share - known[-1].share) <= SAME:
            return stage
    return present


def _triggers(stage: Stage) -> frozenset[str]:
    """The names of the stage's rollback triggers."""
    return frozenset(one.name for one in stage.objectives if isinstance(one, TriggerObjective))


def _blind(stage: Stage, decision: Decision) -> bool:
    """Whether a trigger could not be seen at the end: then nothing was watched."""
    wanted = _triggers(stage)
    seen = {one.objective for one in decision.findings if one.measured is Measured.OK}
    return not wanted or not wanted <= seen


def _watched(stage: Stage, decision: Decision) -> str:
    """The triggers' sentences, short."""
    wanted = _triggers(stage)
    return "; ".join(one.sentence for one in decision.findings if one.objective in wanted)[:160]
