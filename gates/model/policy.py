"""The policy of the gate, and the stages of the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from gates.model.decision import Advisory
from gates.model.indicators import Indicator
from gates.model.objectives import Objective
from gates.model.target import LATER


@dataclass(frozen=True, slots=True)
class AlertLimit:
    """The limit with which an alert rule must compare its value.

    Args:
        symbol: ``>`` or ``<``.
        number: the limit; a ratio is from 0 to 1, a duration is in seconds.
        percentile: the percentile that is compared, from 0 to 100; None for another value.
    """

    symbol: str
    number: float
    percentile: float | None = None

    def __str__(self) -> str:
        """The limit in the notation of a policy."""
        percentile = "" if self.percentile is None else f"P{self.percentile:g} "
        return f"{percentile}{self.symbol} {self.number:g}"


@dataclass(frozen=True, slots=True)
class AlertLevel:
    """The alerts of one severity, and who receives them.

    Args:
        severity: the value of the label ``severity``.
        receivers: the names of Alertmanager's receivers that must get these alerts.
        alerts: the names of the alert rules.
        limits: the limits of alert rules that the guide states, by the name of the rule.
    """

    severity: str
    receivers: tuple[str, ...]
    alerts: tuple[str, ...]
    limits: Mapping[str, AlertLimit] = field(default_factory=dict)


class OnCrash(Enum):
    """The action of a ramp that cannot continue: roll back, or leave the traffic as it is."""

    ROLLBACK = "rollback"
    LEAVE = "leave"


class StageRole(Enum):
    """The role of a stage in a release."""

    DAY_OF = "day_of"  # asked on the day of the deployment, before green gets ready
    READY = "ready"  # asked before the first move of traffic
    STEP = "step"  # a step of the ramp
    AFTER_ROLLBACK = "after_rollback"  # asked about the baseline after a rollback
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stage:
    """A point of the release at which the gate decides.

    Args:
        name: the stage's name.
        title: what is true when the stage is passed.
        guide: the section of the deployment guide that describes the stage.
        share: the target's share of the traffic at this stage, 0 to 1; None at a stage without
            traffic.
        objectives: the requirements of the stage.
        role: the role of the stage in a ramp.
        bake: the bake time: how long a ramp waits at this stage; None at a stage without traffic.
        advisories: the trials of the stage's advisory objectives, by the name of the objective.
    """

    name: str
    title: str
    guide: str
    share: float | None
    objectives: tuple[Objective, ...]
    role: StageRole = StageRole.OTHER
    bake: timedelta | None = None
    advisories: Mapping[str, Advisory] = field(default_factory=dict, metadata=LATER)

    @property
    def required(self) -> tuple[Objective, ...]:
        """The objectives of the stage without a trial; these objectives always count."""
        return tuple(
            objective for objective in self.objectives if objective.name not in self.advisories
        )

    @property
    def trials(self) -> tuple[Objective, ...]:
        """The objectives of the stage that have a trial, even if the trial has ended."""
        return tuple(
            objective for objective in self.objectives if objective.name in self.advisories
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The content of a policy file.

    Args:
        name: the policy's name.
        digest: SHA-256 of the file.
        security_limits: the numbers of the security checklist, by name.
        nightly_limits: how much slower a release may be in nightly runs, by the name of the limit:
            ratios (0.1 is 10 %) and seconds.
        limits_digest: SHA-256 of the tables of limits.
        latency_limits: the limit of the 95th percentile of the response times, in seconds by
            operation.
        hold_seconds: how long a ramp waits during a hold, before a person must decide.
        no_go_rolls_back: whether the decision no_go during a ramp moves all traffic to blue.
        stages: the stages, in the order of the release.
        on_crash: the action of a ramp that cannot go on: roll back, or leave the traffic.
        indicators: the indicators, by name.
        platform_limits: the numbers of the platform checks, by name; empty where the policy has
            no such limits.
        alert_levels: the alert rules that must exist, by severity.
        check_sets: the ids of the checks in each set, by the name of the set.
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
    indicators: Mapping[str, Indicator] = field(default_factory=dict)
    platform_limits: Mapping[str, float] = field(default_factory=dict)
    alert_levels: tuple[AlertLevel, ...] = ()
    check_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Stage, ...]:
        """The steps of the ramp, in order."""
        return tuple(stage for stage in self.stages if stage.role is StageRole.STEP)

    @property
    def ready(self) -> Stage:
        """The stage about which the gate decides before the first move of traffic.

        Raises:
            LookupError: the policy has no such stage.
        """
        return next(stage for stage in self.stages if stage.role is StageRole.READY)

    @property
    def after_rollback(self) -> Stage | None:
        """The stage that judges a baseline after a rollback; None without such a stage."""
        stages = (stage for stage in self.stages if stage.role is StageRole.AFTER_ROLLBACK)
        return next(stages, None)
