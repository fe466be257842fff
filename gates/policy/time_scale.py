"""Divides every live duration of a policy, for rehearsals: never a count, never a ratio."""

from dataclasses import replace

from gates.model import (
    AvailabilityObjective,
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


def scaled(policy: Policy, by: float) -> Policy:
    """The policy with every live duration divided by the time scale.

    The maximum age of a run of suites stays, because it is no duration of the ramp.

    Args:
        policy: the policy.
        by: the time scale; 1 leaves it as it is.
    """
    if by == 1:
        return policy
    stages = tuple(
        replace(
            stage,
            objectives=tuple(_objective(objective, by) for objective in stage.objectives),
            bake=None if stage.bake is None else stage.bake / by,
        )
        for stage in policy.stages
    )
    return replace(policy, stages=stages)


def _objective(one: Objective, by: float) -> Objective:
    match one:
        case ComparisonObjective() | ThroughputObjective():
            age = one.max_sample_age / by
            return replace(one, terms=_terms(one.terms, by), max_sample_age=age)
        case TriggerObjective():
            return replace(
                one,
                window=one.window / by,
                lasting=one.lasting / by,
                max_sample_age=one.max_sample_age / by,
            )
        case _:
            return _over_a_window(one, by)


def _over_a_window(one: Objective, by: float) -> Objective:
    match one:
        case AvailabilityObjective():
            return replace(one, bake=one.bake / by, max_sample_age=one.max_sample_age / by)
        case TrafficObjective() | RestartsObjective():
            return replace(one, max_sample_age=one.max_sample_age / by)
        case LiveBuildObjective() | RatioObjective():
            return replace(one, window=one.window / by, max_sample_age=one.max_sample_age / by)
        case ShareObjective():
            return replace(
                one,
                bake=one.bake / by,
                longest=one.longest / by,
                max_sample_age=one.max_sample_age / by,
            )
        case _:
            return one


def _terms(terms: Terms, by: float) -> Terms:
    return replace(
        terms,
        fast=terms.fast / by,
        slow=terms.slow / by,
        history=terms.history / by,
        recent=tuple(one / by for one in terms.recent),
        ramp=terms.ramp / by,
        warm_up=terms.warm_up / by,
        patience=terms.patience / by,
    )
