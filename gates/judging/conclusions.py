"""What one objective concludes from the evidence: one module a kind of objective; pure."""

from datetime import datetime
from typing import assert_never

from gates.judging import served_build
from gates.judging.checks import listed as listed_checks
from gates.judging.checks import required as checks
from gates.judging.live import queries as feeding
from gates.judging.live.findings import Rests
from gates.judging.live.findings import conclude as conclude_live
from gates.judging.live.live_judge import Live
from gates.judging.load import load_objective as load
from gates.judging.window import ratio
from gates.judging.window import sample_build as live_build
from gates.judging.window import traffic_share as share
from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    Evidence,
    Finding,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Objective,
    RatioObjective,
    RestartsObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
    Target,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)

__all__ = [
    "Live", "Rests", "conclude", "conclude_all", "conclude_live", "live_asked", "selectors",
]  # fmt: skip


def conclude_all(stage: Stage, evidence: Evidence, now: datetime) -> list[Finding]:
    """The findings of every objective of a stage; live ones are fed together."""
    found: list[Finding] = []
    for objective in stage.objectives:
        if not isinstance(objective, LiveObjective | AvailabilityObjective):
            found.extend(conclude(objective, evidence, now))
    if asked := live_asked(stage):
        found.extend(feeding.findings(asked, evidence, now.timestamp()))
    return found


def live_asked(stage: Stage) -> feeding.Asked | None:
    """What the stage asks of live metrics; None where it has no live objective."""
    live = tuple(one for one in stage.objectives if isinstance(one, LiveObjective))
    shares = [one for one in stage.objectives if isinstance(one, ShareObjective)]
    terms = [one.terms for one in live if isinstance(one, ComparisonObjective)]
    if not live or not shares or not terms:
        return None
    available = tuple(one for one in stage.objectives if isinstance(one, AvailabilityObjective))
    return feeding.Asked(live, shares[0], terms[0], available)


def conclude(objective: Objective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """The findings of one objective; at least one, unless the objective asks for nothing."""
    match objective:
        case ChecksObjective():
            found = checks.conclude(objective, evidence, now)
        case ListedChecksObjective():
            found = (listed_checks.conclude(objective, evidence, now),)
        case ServedBuildObjective():
            found = (served_build.conclude(objective, evidence),)
        case LiveBuildObjective():
            found = (live_build.conclude(objective, evidence),)
        case RatioObjective():
            found = (ratio.conclude(objective, evidence),)
        case ShareObjective():
            found = (share.conclude(objective, evidence),)
        case LoadObjective():
            found = load.conclude(objective, evidence, now)
        case (
            ComparisonObjective() | ThroughputObjective() | TriggerObjective()
            | TrafficObjective() | RestartsObjective() | AvailabilityObjective()
        ):  # fmt: skip
            raise TypeError(f"{objective.name} is concluded with the other live objectives")
        case _:
            assert_never(objective)
    return found


def selectors(objective: Objective, target: Target) -> tuple[tuple[str, float], ...]:
    """The selectors an objective reads, each with its window in seconds."""
    match objective:
        case ChecksObjective() | ListedChecksObjective() | ServedBuildObjective() | LoadObjective():
            return ()
        case (
            ComparisonObjective() | ThroughputObjective() | TriggerObjective()
            | TrafficObjective() | RestartsObjective() | AvailabilityObjective()
        ):  # fmt: skip
            return ()  # asked for when it is known when the ramp began
        case LiveBuildObjective():
            return live_build.selectors(objective, target)
        case RatioObjective():
            return ratio.selectors(objective, target)
        case ShareObjective():
            return share.selectors(objective)
        case _:
            assert_never(objective)
