"""Objectives that are judged with the samples of one window of time."""

from dataclasses import dataclass
from datetime import timedelta

from gates.model.indicators import BuildIndicator, EventIndicator, ProcessIndicator, WeightIndicator


@dataclass(frozen=True, slots=True)
class LiveBuildObjective:
    """Requires that every sample in the window comes from the expected build.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the info series whose labels name the build of each instance.
        processes: the indicator that lists the instances of each colour.
        window: the length of the window, which ends at the moment of the question.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: BuildIndicator
    processes: ProcessIndicator
    window: timedelta
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class RatioObjective:
    """Requires a ratio of bad events below a limit, or a ratio of good events above a limit.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: all events, and the bad or good events, which the selector ``selected`` counts.
        processes: the indicator that lists the instances of each colour.
        limit: the limit of the ratio, 0 to 1; the ratio must not reach the limit.
        below: whether the ratio must stay below the limit; otherwise the ratio must stay above.
        minimum_events: the ratio is judged only if there are at least this number of events.
        window: the length of the window, which ends at the moment of the question.
        max_sample_age: the maximum age of the newest sample.
        since_rollback: whether only events after the last rollback count, so that the window is
            shorter if the rollback was within the window.
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
        """The words for the events whose ratio is judged, such as ``requests failed``."""
        return self.indicator.reads if self.below else self.indicator.good_reads


@dataclass(frozen=True, slots=True)
class ShareObjective:
    """Requires that the target has had its intended share of the traffic for the whole bake time.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the indicator of the traffic weights of the balancer's servers.
        share: the intended share of the traffic for the target, 0 to 1.
        bake: the bake time: how long the balancer must have given the target this share.
        longest: the length of the window in which the gate looks for the start of the ramp.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: WeightIndicator
    share: float
    bake: timedelta
    longest: timedelta
    max_sample_age: timedelta
