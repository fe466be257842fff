"""Objectives about the release itself: the served build, a rollback, and what people signed."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ServedBuildObjective:
    """The target answers, and serves the build that its target file expects."""

    name: str
    guide: str


@dataclass(frozen=True, slots=True)
class RollbackObjective:
    """The ledger has a rollback that gave the target all traffic, and no later move of traffic.

    Args:
        name: the objective's name.
        guide: the guide's section.
        max_age: the maximum age of the rollback.
    """

    name: str
    guide: str
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class SignOffObjective:
    """People signed an item that no machine can verify, for exactly this release and stage.

    Args:
        name: the objective's name.
        guide: the guide's section.
        item: the statement that people sign: a sentence.
        reason: why a machine cannot verify the item.
        max_age: the maximum age of a sign-off.
        people: how many different people must sign.
    """

    name: str
    guide: str
    item: str
    reason: str
    max_age: timedelta
    people: int = 1
