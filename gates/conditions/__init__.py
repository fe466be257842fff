"""What one objective concludes from the evidence: one module a kind of objective; pure."""

from datetime import datetime
from typing import assert_never

from gates.conditions import checks, listed_checks, live_build, load, ratio, served_build, share
from gates.model import (
    ChecksObjective,
    Evidence,
    Finding,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    Objective,
    RatioObjective,
    ServedBuildObjective,
    ShareObjective,
    Target,
)


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
        case _:
            assert_never(objective)
    return found


def selectors(objective: Objective, target: Target) -> tuple[tuple[str, float], ...]:
    """The selectors an objective reads, each with its window in seconds."""
    match objective:
        case ChecksObjective() | ListedChecksObjective() | ServedBuildObjective() | LoadObjective():
            return ()
        case LiveBuildObjective():
            return live_build.selectors(objective, target)
        case RatioObjective():
            return ratio.selectors(objective, target)
        case ShareObjective():
            return share.selectors(objective)
        case _:
            assert_never(objective)
