"""Finds mistakes of a valid stage: missing objectives, and settings that conflict."""

from collections.abc import Iterator
from datetime import timedelta

from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    LiveBuildObjective,
    LiveObjective,
    Objective,
    RestartsObjective,
    ShareObjective,
    Stage,
    StageRole,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import parse_selector

# The label of a histogram's buckets, as Prometheus names it.
BUCKET_LABEL = "le"
# No shop counts more events a second, and no step needs more restarts a minute.
MAX_EVENTS_PER_SECOND, MAX_RESTARTS_PER_MINUTE = 1000, 1
# Without one of each of these a stage with traffic is not judged.
NEEDS: dict[type, str] = {
    TriggerObjective: "a rollback trigger",
    TrafficObjective: "the traffic that each colour answered (kind traffic)",
    ShareObjective: "green's share of the traffic at the balancer (kind share)",
    LiveBuildObjective: "the build of the samples (kind live_build)",
    AvailabilityObjective: "the time that green was up (kind availability)",
}


def problems(stage: Stage) -> Iterator[str]:
    """Yield a sentence for each mistake of a stage.

    Args:
        stage: a stage of a policy that could be read.
    """
    yield from _triggers_under_limits(stage)
    yield from _of_a_balancer(stage)
    if stage.share is not None and stage.role is not StageRole.AFTER_ROLLBACK:
        for requirement in _missing(stage):
            problem = f"the stage has traffic, but is judged without {requirement}"
            yield f"{problem}; add an objective about this"
    bakes = [
        objective.bake for objective in stage.objectives if isinstance(objective, ShareObjective)
    ]
    if bakes:
        for objective in stage.objectives:
            for problem in _in_a_bake(objective, bakes[0]):
                yield f"{objective.name}: {problem}"


def too_many(events: int, seconds: float) -> Iterator[str]:
    """Yield a sentence if the minimum number of events is too large for any shop in this time.

    Args:
        events: the minimum number of events.
        seconds: the time in which the events must occur, in seconds.
    """
    if events > MAX_EVENTS_PER_SECOND * seconds:
        yield (
            f"minimum_events: no shop has {events:,} events in {seconds:.0f} s; "
            f"write at most {MAX_EVENTS_PER_SECOND * seconds:,.0f}"
        )


def _triggers_under_limits(stage: Stage) -> Iterator[str]:
    limits = {
        objective.indicator: objective.terms.limit
        for objective in stage.required
        if isinstance(objective, ComparisonObjective)
    }
    for objective in stage.objectives:
        if isinstance(objective, TriggerObjective):
            limit = limits.get(objective.indicator)
            if limit is not None and objective.over < limit:
                over = f"{objective.name} rolls back at a ratio over {100 * objective.over:g} %"
                yield (
                    f"{over}, and the limit to advance is {100 * limit:g} %: a release could "
                    "advance and then be rolled back; raise `over` to at least the limit"
                )


def _missing(stage: Stage) -> Iterator[str]:
    """Yield the objectives that a stage with traffic lacks; advisory objectives do not count."""
    limited = [
        BUCKET_LABEL in parse_selector(objective.indicator.selected).asks_for
        for objective in stage.required
        if isinstance(objective, ComparisonObjective) and not objective.relative
    ]
    if True not in limited:
        yield "a comparison of latency"
    if False not in limited:
        yield "a comparison of errors"
    both = _of_both_colours(stage)
    for kind, requirement in NEEDS.items():
        if both and kind is AvailabilityObjective:
            continue  # the processes are those of a balancer
        if not any(isinstance(objective, kind) for objective in stage.required):
            yield requirement


def _of_both_colours(stage: Stage) -> bool:
    """Return whether the processes count events of both colours, like those of a balancer."""
    return any(
        objective.processes.of_both_colours
        for objective in stage.objectives
        if isinstance(objective, LiveObjective | AvailabilityObjective)
    )


def _of_a_balancer(stage: Stage) -> Iterator[str]:
    """Yield a sentence for each objective that would judge the balancer's processes as green's."""
    if not _of_both_colours(stage):
        return
    for objective in stage.objectives:
        if isinstance(objective, AvailabilityObjective | RestartsObjective):
            yield (
                f"{objective.name}: the processes of the policy serve both colours, so this "
                "objective judges the balancer and not green; remove the objective"
            )


def _in_a_bake(objective: Objective, bake: timedelta) -> Iterator[str]:
    """Yield a sentence if an objective cannot be met, or cannot fail, within the bake time."""
    seconds = bake.total_seconds()
    match objective:
        case TrafficObjective():
            yield from too_many(objective.minimum_events, seconds)
        case ComparisonObjective():
            yield from too_many(objective.minimum_events, seconds)
            if objective.terms.warm_up >= seconds:
                yield "warm_up_seconds is at least as long as the bake time; set a shorter time"
        case RestartsObjective():
            limit = MAX_RESTARTS_PER_MINUTE * seconds / 60
            if objective.max_restarts > limit:
                yield (
                    f"max_restarts: {objective.max_restarts} restarts in a bake of {seconds:.0f} s "
                    f"are a crash loop; set at most {limit:.0f}"
                )
        case TriggerObjective():
            if objective.lasting >= bake:
                yield (
                    "the trigger cannot fire within a bake time; set lasting_seconds to less than "
                    "the bake time"
                )
        case ShareObjective():
            if objective.longest < objective.bake * 10:
                yield (
                    "longest_seconds is shorter than ten bake times, so the query may miss the "
                    f"start of the ramp; set at least {10 * seconds:.0f}"
                )
        case _:
            return
