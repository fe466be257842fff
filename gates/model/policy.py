"""What is required: the policy, and its stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gates.model.objectives import Objective


class OnCrash(Enum):
    """What a ramp that cannot go on does with the traffic."""

    ROLLBACK = "rollback"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Stage:
    """A point of the release at which the gate is asked.

    Args:
        name: the stage's name.
        title: what holds when it is passed.
        guide: the guide's section.
        share: the target's share of traffic it asks at, 0 to 1; None where there is none.
        objectives: what is required.
    """

    name: str
    title: str
    guide: str
    share: float | None
    objectives: tuple[Objective, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file.

    Args:
        name: the policy's name.
        digest: SHA-256 of the file.
        security_limits: the numbers of the security checklist, by name.
        nightly_limits: how much slower a release may get, as shares.
        limits_digest: SHA-256 of the tables of limits.
        latency_limits: what P95 of an operation must stay under, seconds by operation.
        hold_seconds: how long a ramp waits on a hold before it hands it to a person.
        no_go_rolls_back: whether a no_go during a ramp gives the traffic back.
        stages: the stages in the release's order.
        on_crash: what a ramp that cannot go on does with the traffic.
    """

    name: str
    digest: str
    limits_digest: str
    latency_limits: Mapping[str, float]
    security_limits: Mapping[str, float]
    nightly_limits: Mapping[str, float]
    hold_seconds: float
    no_go_rolls_back: bool
    stages: tuple[Stage, ...]
    on_crash: OnCrash = OnCrash.ROLLBACK
