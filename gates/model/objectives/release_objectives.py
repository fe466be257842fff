"""Objectives about the release itself: the served build, a rollback, and sign-offs of people."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ServedBuildObjective:
    """Requires that the target responds, and serves the build that the target file expects."""

    name: str
    guide: str


@dataclass(frozen=True, slots=True)
class RollbackObjective:
    """Requires that the last move of traffic in the ledger is a rollback to the target.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        max_age: the maximum age of the rollback.
    """

    name: str
    guide: str
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class SignOffObjective:
    """Requires that people signed an item, which no machine can verify, for this release and stage.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        item: the sentence that people sign.
        reason: why a machine cannot verify the item.
        max_age: the maximum age of a sign-off.
        people: the number of different people who must sign.
    """

    name: str
    guide: str
    item: str
    reason: str
    max_age: timedelta
    people: int = 1
