"""Condition: a recent rollback gave the target all traffic.

The module also shortens the windows of those objectives that count only events after the rollback.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gates.judging.checks.provenance import CLOCK_TOLERANCE
from gates.judging.conclusion import Conclusion, finding_of
from gates.model import (
    Evidence,
    Finding,
    Measured,
    Measurement,
    RatioObjective,
    Rollback,
    RollbackObjective,
    Stage,
    Verdict,
)

MIN_WINDOW = timedelta(seconds=1)


def since_rollback(stage: Stage, rollback: Rollback | None, at: float) -> Stage:
    """Return the stage with windows that begin after the last rollback.

    Only the windows of ratio objectives with ``since_rollback`` change.

    Args:
        stage: the stage.
        rollback: the last rollback; None where no rollback is known. Then the stage is returned
            without a change.
        at: the moment of the decision, in seconds since the epoch.
    """
    if rollback is None:
        return stage
    passed = max(MIN_WINDOW, timedelta(seconds=round(at - rollback.drained_at, 3)))
    objectives = tuple(
        replace(objective, window=min(objective.window, passed))
        if isinstance(objective, RatioObjective) and objective.since_rollback
        else objective
        for objective in stage.objectives
    )
    return replace(stage, objectives=objectives)


def conclude(objective: RollbackObjective, evidence: Evidence, now: datetime) -> Finding:
    """Judge whether the last rollback to the target is in the ledger, and is not too old.

    Args:
        objective: the objective with the maximum age of the rollback.
        evidence: the evidence with the last rollback.
        now: the moment of the decision, UTC.
    """
    rollback, target = evidence.rollback, evidence.target.name
    age = None if rollback is None else now.timestamp() - rollback.at
    max_age = objective.max_age.total_seconds()
    if rollback is None or age is None:
        sentence = (
            f"the ledger has no rollback to {target} after the last move of traffic to another "
            "target"
        )
        conclusion = Conclusion(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence)
    elif age < -CLOCK_TOLERANCE.total_seconds():
        sentence = f"the last rollback to {target} has a time in the future: a clock was set back"
        conclusion = Conclusion(Measured.ERROR, Verdict.INCONCLUSIVE, sentence)
    elif age > max_age:
        sentence = (
            f"the last rollback to {target} was {age:.0f} s ago; the maximum age is {max_age:.0f} s"
        )
        conclusion = Conclusion(Measured.STALE, Verdict.INCONCLUSIVE, sentence)
    else:
        began = datetime.fromtimestamp(rollback.at, UTC).isoformat(timespec="seconds")
        sentence = (
            f"a rollback of {rollback.target} gave all traffic back to {target} at {began}, "
            f"{age:.0f} s ago: {rollback.proof}"
        )
        conclusion = Conclusion(Measured.OK, Verdict.PASS, sentence)
    measurement = Measurement(
        source="ledger",
        query=f"rollbacks to {target}",
        window_seconds=max_age,
        samples=int(rollback is not None),
        age_seconds=age,
        value=rollback.proof if rollback else "none",
    )
    return finding_of(objective, conclusion, [measurement], "gates log")
