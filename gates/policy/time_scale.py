"""Divides the live durations of a policy by the time scale; counts and ratios do not change."""

from dataclasses import replace
from datetime import timedelta

from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    LiveBuildObjective,
    Objective,
    Policy,
    RatioObjective,
    RestartsObjective,
    ShareObjective,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)

# The gate runs checks at most this often, and a result stays valid for this many runs.
MIN_COLLECTED = timedelta(seconds=5)
MIN_RUNS_IN_AGE = 3


def scaled(policy: Policy, factor: float) -> Policy:
    """Return the policy with every live duration divided by the time scale.

    The maximum age of a suite run does not change, because this age is no duration of the ramp. The
    maximum age of a run that the gate itself starts is also divided.

    Args:
        policy: the policy.
        factor: the time scale; the factor 1 does not change the policy.
    """
    if factor == 1:
        return policy
    stages = tuple(
        replace(
            stage,
            objectives=tuple(_objective(objective, factor) for objective in stage.objectives),
            bake=None if stage.bake is None else stage.bake / factor,
        )
        for stage in policy.stages
    )
    return replace(policy, stages=stages)


def _objective(objective: Objective, factor: float) -> Objective:
    match objective:
        case ComparisonObjective() | ThroughputObjective():
            age = objective.max_sample_age / factor
            return replace(objective, terms=_terms(objective.terms, factor), max_sample_age=age)
        case TriggerObjective():
            return replace(
                objective,
                window=objective.window / factor,
                lasting=objective.lasting / factor,
                max_sample_age=objective.max_sample_age / factor,
            )
        case ChecksObjective() if objective.collected is not None:
            return _collected(objective, objective.collected, factor)
        case _:
            return _over_a_window(objective, factor)


def _collected(objective: ChecksObjective, collected: timedelta, factor: float) -> Objective:
    """Scale checks run by the gate: at most one run in 5 s; a result is valid for at least 15 s."""
    return replace(
        objective,
        collected=max(MIN_COLLECTED, collected / factor),
        max_age=max(MIN_COLLECTED * MIN_RUNS_IN_AGE, objective.max_age / factor),
    )


def _over_a_window(objective: Objective, factor: float) -> Objective:
    match objective:
        case AvailabilityObjective():
            return replace(
                objective,
                bake=objective.bake / factor,
                max_sample_age=objective.max_sample_age / factor,
            )
        case TrafficObjective() | RestartsObjective():
            return replace(objective, max_sample_age=objective.max_sample_age / factor)
        case LiveBuildObjective() | RatioObjective():
            return replace(
                objective,
                window=objective.window / factor,
                max_sample_age=objective.max_sample_age / factor,
            )
        case ShareObjective():
            return replace(
                objective,
                bake=objective.bake / factor,
                longest=objective.longest / factor,
                max_sample_age=objective.max_sample_age / factor,
            )
        case _:
            return objective


def _terms(terms: Terms, factor: float) -> Terms:
    return replace(
        terms,
        fast=terms.fast / factor,
        slow=terms.slow / factor,
        history=terms.history / factor,
        recent=tuple(objective / factor for objective in terms.recent),
        ramp=terms.ramp / factor,
        warm_up=terms.warm_up / factor,
        patience=terms.patience / factor,
    )
