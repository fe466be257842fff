"""``gates watch``: decide again and again until a rollback trigger fires or the time is over."""

import argparse
import gc
import sys
import time
from collections.abc import Sequence

from gates import places
from gates.cli.context import context_of
from gates.cli.live_table import LiveTable
from gates.cli.printing import print_decision
from gates.decisions import Answer, decide, poll_seconds, record
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import (
    ChecksObjective,
    Measured,
    NoFailedChecksObjective,
    Objective,
    Outcome,
    Stage,
    TriggerObjective,
    is_same_share,
)
from gates.process.progress import Progress
from gates.process.signals import pause
from gates.ramp import orphans

STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)
MAX_SENTENCE_CHARACTERS = 160
# The samples of a look are many objects without cycles: looking for cycles would take a quarter
# of a look.
OBJECTS_BETWEEN_COLLECTIONS = 1_000_000


def watch(arguments: argparse.Namespace) -> int:
    """Run ``gates watch``: judge the stage that has green's present share of the traffic.

    The command ends when a rollback trigger fires, or after the duration.

    Returns:
        The exit code of the decision, if the decision is a no-go or a rollback. Else 70, if the
        command rolled back an orphaned ramp. Else 3, if the command left the traffic of an
        orphaned ramp where it was, or could not measure a trigger. Else 0.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    context = context_of(arguments)
    stages = [stage for stage in context.policy.stages if stage.share and _triggers(stage)]
    if not stages:
        sys.stderr.write(
            "watch: the policy has no stage with a share and a rollback trigger; name another "
            "policy with --policy FILE\n"
        )
        return ExitCode.HOLD
    began, progress = time.monotonic(), Progress(arguments.duration)
    stage, abandoned = stages[0], False
    screen = LiveTable(context)
    folder = places.targets(arguments.targets).path
    while True:
        orphan = orphans.handle(context, arguments.baseline, folder, screen)
        abandoned = abandoned or orphan is not orphans.OrphanAction.NONE
        answer = decide(context, stage)
        passed = time.monotonic() - began
        stops = answer.decision.outcome in STOPS
        given_back = orphan is orphans.OrphanAction.ROLLED_BACK
        if stops or given_back or passed >= arguments.duration:
            progress.end()
            document = record(context, answer)
            print_decision(document, context.out, as_json=arguments.json)
            if stops:
                return EXIT_CODES[answer.decision.outcome]
            return _exit_code(answer, abandoned=abandoned, given_back=given_back)
        progress.show(passed, f"{stage.name}: {_trigger_sentences(answer)}")
        stage = _stage_of(answer, stages)
        pause(min(poll_seconds(context), max(0.0, arguments.duration - passed)))


def _exit_code(answer: Answer, *, abandoned: bool, given_back: bool) -> int:
    """Return the exit code of a watch in which no trigger fired."""
    if given_back:
        return ExitCode.INTERNAL
    return ExitCode.HOLD if abandoned or _is_blind(answer) else ExitCode.GO


def _stage_of(answer: Answer, stages: Sequence[Stage]) -> Stage:
    """Return the stage that has green's present share, or else the stage that was judged last."""
    for stage in stages:
        known = answer.share is not None and stage.share is not None
        if known and is_same_share(stage.share or 0.0, answer.share or 0.0):
            return stage
    return answer.stage


def _triggers(stage: Stage) -> frozenset[str]:
    """The names of the stage's rollback triggers."""
    return frozenset(
        objective.name for objective in stage.objectives if _is_rollback_trigger(objective)
    )


def _is_rollback_trigger(objective: Objective) -> bool:
    """Return whether a fail of the objective always means a rollback, for any result of blue."""
    if isinstance(objective, ChecksObjective | NoFailedChecksObjective):
        return objective.breach is Outcome.ROLLBACK
    return isinstance(objective, TriggerObjective)


def _is_blind(answer: Answer) -> bool:
    """Return whether a trigger could not be measured in the last decision."""
    triggers = _triggers(answer.stage)
    findings = [finding for finding in answer.decision.findings if finding.objective in triggers]
    concluded = {finding.objective for finding in findings}
    unmeasured = [finding for finding in findings if finding.measured is not Measured.OK]
    return not triggers or triggers != concluded or bool(unmeasured)


def _trigger_sentences(answer: Answer) -> str:
    """Return the sentences of the findings of the triggers, cut to a length for one line."""
    triggers = _triggers(answer.stage)
    sentences = (
        finding.sentence for finding in answer.decision.findings if finding.objective in triggers
    )
    return "; ".join(sentences)[:MAX_SENTENCE_CHARACTERS]
