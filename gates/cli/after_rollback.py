"""Judges the baseline after a rollback.

The decision changes neither the rollback nor the lines that the command has printed.
"""

from collections.abc import Callable

from gates.decisions import Answer, Context, decide_within, record
from gates.judging.not_counted.overrides import objective_name
from gates.model import (
    ChecksObjective,
    Decision,
    LiveBuildObjective,
    Measured,
    Objective,
    RatioObjective,
    ShareObjective,
    Stage,
    Verdict,
)
from gates.process.time_limit import within
from reports.terminal import printable

# The question may take this long, and the ledger so much longer.
MAX_SECONDS = 18.0
MAX_LEDGER_SECONDS = 2.0
# A hold is asked again for this time: the first scrapes after the rollback are needed.
WAIT_SECONDS = 12.0
MAX_REASON_CHARACTERS = 300
Say = Callable[[str], None]
SCRAPED = (RatioObjective, LiveBuildObjective, ShareObjective)


def ask_after_rollback(open_context: Callable[[], Context], say: Say) -> None:
    """Judge the stage with the role ``after_rollback``, and print one line; raise no exception.

    Args:
        open_context: a function that returns the context of the baseline, or raises an exception
            where a file is wrong.
        say: a function that prints the line.
    """
    try:
        context, stage, answer = within(MAX_SECONDS, lambda: _answer(open_context()))
        if stage is None or answer is None:
            name = context.target.name
            say(f'{name} was not judged: no stage of the policy has role = "after_rollback"')
            return
        within(MAX_LEDGER_SECONDS, lambda: record(context, answer))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the rollback is done
        reason = str(error) or type(error).__name__
        say(printable(f"the baseline was not judged after the rollback: {reason}"))
        return
    decision = answer.decision
    say(
        f"{stage.name}: {decision.outcome.value}: "
        f"{printable(decision.reason)[:MAX_REASON_CHARACTERS]}; "
        f"to judge again, run: gates check {stage.name} --target {context.target.name}"
    )


def _answer(context: Context) -> tuple[Context, Stage | None, Answer | None]:
    stage = context.policy.after_rollback
    if stage is None:
        return context, None, None
    answer = decide_within(
        context,
        stage,
        WAIT_SECONDS,
        lambda *_: None,
        lambda decision: may_change_soon(stage, decision),
    )
    return context, stage, answer


def may_change_soon(stage: Stage, decision: Decision) -> bool:
    """Return whether a hold may become another decision after the next scrapes or checks.

    The gate soon gets new samples, and new results of the checks that it runs itself. It gets no
    other new evidence. So the answer is no if a finding that did not pass needs other evidence, or
    if the source of such a finding, such as Prometheus, did not respond.

    Args:
        stage: the stage with the role ``after_rollback``.
        decision: a hold of the stage.
    """
    renewed = {objective.name for objective in stage.objectives if _is_renewed(objective)}
    return all(
        objective_name(finding) in renewed and finding.measured is not Measured.ERROR
        for finding in decision.findings
        if finding.verdict is not Verdict.PASS and finding.counts
    )


def _is_renewed(objective: Objective) -> bool:
    """Return whether the next decision has new evidence for an objective."""
    if isinstance(objective, ChecksObjective):
        return objective.collected is not None
    return isinstance(objective, SCRAPED)
