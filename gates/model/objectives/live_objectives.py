"""The objectives that are judged after every scrape of the metrics, from the start of a ramp."""

from dataclasses import dataclass
from datetime import timedelta

from gates.model.indicators import EventIndicator, ProcessIndicator


@dataclass(frozen=True, slots=True)
class Terms:
    """The parameters of the statistical comparison of green with blue; durations in seconds.

    The comparison bets on green's ratio of bad events in each batch of time. The capital of the
    bets grows while green's ratio is higher than the limit that is derived from blue's ratio.

    Args:
        limit: the ratio of bad events that green must stay under, 0 to 1.
        fast: the length of a short batch.
        slow: the length of a long batch.
        history: how long an event of blue counts; older events of blue are forgotten.
        recent: the lengths of the shorter windows that detect an incident of blue.
        ramp: the planned length of the ramp. The comparison pays money into the capital of the
            bets; some of these payments are spread over this time.
        steps: the number of steps of the ramp.
        warm_up: the time after a change of the traffic weight in which the comparison uses
            ``limit`` in place of blue's ratio, if blue's ratio is lower.
        patience: how long the comparison waits, after the capital reached ``stop_at``, for the
            first bad event of blue; without such an event, green is then stopped.
        alike: the limit of a p-value, 0 to 1. The p-value is the probability that green has at
            least its measured number of bad events if green's ratio is 1.5 times blue's ratio.
            Green is stopped if the capital reached ``stop_at`` and the p-value is under the limit.
        stop_at: the capital from which green may be stopped.
        worry_at: while the capital is over this number, the ramp does not go to the next step.
    """

    limit: float
    fast: float
    slow: float
    history: float
    recent: tuple[float, ...]
    ramp: float
    steps: int
    warm_up: float
    patience: float
    alike: float
    stop_at: float
    worry_at: float


@dataclass(frozen=True, slots=True)
class ComparisonObjective:
    """Requires that green's ratio of bad events is under a limit, and near blue's ratio.

    Near blue's ratio means that green's ratio is not over a second limit, which is derived from
    blue's ratio.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the bad or the good events, and all events.
        processes: the indicator that lists the instances of each colour.
        relative: whether green has no limit of its own, and is compared only with blue's ratio plus
            a margin; then a missing time series of bad events counts as zero bad events.
        terms: the parameters of the comparison.
        rollback_over: a stop is a rollback if green's ratio in the last minute is over this number,
            0 to 1; None where a stop is never a rollback.
        minimum_events: the number of events of green that a step needs before the ramp goes on; 0
            where too few events do not hold the ramp.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    relative: bool
    terms: Terms
    rollback_over: float | None
    minimum_events: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class ThroughputObjective:
    """Requires that green has about as many events, such as orders, per request as blue.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the events, and the requests; a missing time series of the events means that no
            event has occurred.
        processes: the indicator that lists the instances of each colour.
        terms: the parameters of the comparison.
        least_ratio: the part of blue's events per request, 0 to 1, that green must have; green is
            stopped when enough events show that green has less.
        hold_ratio: a part of blue's events per request, 0 to 1. The gate computes the
            probability that green has at most its measured number of events if green's true ratio
            is this part; the ramp waits if this probability is too small.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    terms: Terms
    least_ratio: float
    hold_ratio: float
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class TriggerObjective:
    """A rollback trigger: it fires when green's ratio of bad events is over a limit for some time.

    Blue's ratio does not matter.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the bad or the good events, and all events.
        processes: the indicator that lists the instances of each colour.
        over: the ratio that must not be exceeded, 0 to 1.
        window: the length of the window of each evaluation; the window ends at a scrape.
        lasting: how long every evaluation must be over the limit before the trigger fires; zero
            where one evaluation is enough.
        minimum_events: an evaluation with fewer events in its window does not count.
        max_sample_age: the maximum age of the newest sample; a longer gap between two scrapes does
            not count as time over the limit.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    over: float
    window: timedelta
    lasting: timedelta
    minimum_events: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class TrafficObjective:
    """Requires that green served about its intended share of the events counted in the step.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the indicator whose total events are counted for each colour.
        processes: the indicator that lists the instances of each colour.
        tolerance: how far the measured share of the traffic may differ from the intended share, as
            a part of the smaller share of the two colours, 0 to 1.
        minimum_events: the share is judged only if both colours together have at least this number
            of events.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    tolerance: float
    minimum_events: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class RestartsObjective:
    """Requires that green's processes did not restart again and again in the step.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: an indicator whose counters of total events every instance exports.
        processes: the indicator that lists the instances of each colour.
        max_restarts: the largest accepted number of restarts of one instance.
        max_sample_age: the maximum age of the newest sample.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    max_restarts: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class AvailabilityObjective:
    """Requires that green's instances were up for most of the step, without long scrape gaps.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        reads: the measured condition in words: ``whether green is up``.
        processes: the indicator that lists the instances of each colour.
        least: the part of the step, 0 to 1, in which the instances must be up.
        bake: the bake time; if the step is shorter than the bake time, ``least`` is a part of the
            bake time. A gap in the scrapes holds the ramp until the bake time has passed since the
            end of the gap.
        max_sample_age: the maximum age of the newest sample; a gap in the scrapes that is longer
            than this age holds the ramp.
    """

    name: str
    guide: str
    reads: str
    processes: ProcessIndicator
    least: float
    bake: timedelta
    max_sample_age: timedelta
