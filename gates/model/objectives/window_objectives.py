"""Objectives over one window of samples."""

from dataclasses import dataclass
from datetime import timedelta

from gates.model.indicators import BuildIndicator, EventIndicator, ProcessIndicator, WeightIndicator


@dataclass(frozen=True, slots=True)
class LiveBuildObjective:
    """Every sample in the window comes from the expected build.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the info series whose labels name the build.
        processes: which instances there are.
        window: how far back.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    indicator: BuildIndicator
    processes: ProcessIndicator
    window: timedelta
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class RatioObjective:
    """The ratio of bad events in the window is below a limit, or that of good events above it.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the events; the limit is for those that ``selected`` counts.
        processes: which instances there are.
        limit: the ratio, 0 to 1, that must not be reached.
        below: whether the ratio must stay below the limit; otherwise it must stay above.
        minimum_events: how many events are needed for a judgement.
        window: how far back.
        max_sample_age: how old the newest sample may be.
        since_rollback: whether the window does not begin before the last rollback.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    limit: float
    below: bool
    minimum_events: int
    window: timedelta
    max_sample_age: timedelta
    since_rollback: bool = False

    @property
    def reads(self) -> str:
        """The events that the ratio is of, in words."""
        return self.indicator.reads if self.below else self.indicator.good_reads


@dataclass(frozen=True, slots=True)
class ShareObjective:
    """The balancer has given the target its intended share for the whole bake time.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the weights of the balancer's servers.
        share: intended share of the target, 0 to 1.
        bake: the bake time: how long the balancer must have given this share.
        longest: how far back the weights are queried to find the start of the ramp.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: WeightIndicator
    share: float
    bake: timedelta
    longest: timedelta
    max_sample_age: timedelta
