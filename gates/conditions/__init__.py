"""What one objective concludes from the evidence: one module a kind of objective; pure."""

from datetime import datetime
from typing import assert_never

from gates.conditions import checks, listed_checks, live_build, ratio, served_build, share
from gates.model import (
    ChecksObjective,
    Evidence,
    Finding,
    ListedChecksObjective,
    LiveBuildObjective,
    Objective,
    RatioObjective,
    ServedBuildObjective,
    ShareObjective,
    Target,
)


def conclude(objective: Objective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """The findings of one objective; at least one."""
    match objective:
        case ChecksObjective():
            return checks.conclude(objective, evidence, now)
        case ListedChecksObjective():
            return (listed_checks.conclude(objective, evidence, now),)
        case ServedBuildObjective():
            return (served_build.conclude(objective, evidence),)
        case LiveBuildObjective():
            return (live_build.conclude(objective, evidence),)
        case RatioObjective():
            return (ratio.conclude(objective, evidence),)
        case ShareObjective():
            return (share.conclude(objective, evidence),)
        case _:
            assert_never(objective)


def selectors(objective: Objective, target: Target) -> tuple[tuple[str, float], ...]:
    """The selectors an objective reads, each with its window in seconds."""
    match objective:
        case ChecksObjective() | ListedChecksObjective() | ServedBuildObjective():
            return ()
        case LiveBuildObjective():
            return live_build.selectors(objective, target)
        case RatioObjective():
            return ratio.selectors(objective, target)
        case ShareObjective():
            return share.selectors(objective)
        case _:
            assert_never(objective)
