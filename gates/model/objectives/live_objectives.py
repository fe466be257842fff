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
        history: the length of the past in which events of blue count.
        recent: the lengths of shorter windows, in which an incident of blue is looked for.
        ramp: the planned length of the ramp; payments into the capital are spread over this time.
        steps: the number of steps of the ramp.
        warm_up: the time after a change of the traffic weight in which blue's ratio is taken as the
            limit, where blue's measured ratio is lower.
        patience: how long a stop waits for enough events of blue to show whether blue fails, too.
        alike: the limit of a p-value, 0 to 1: green is stopped only if, for a green with blue's
            ratio, the probability of at least this number of bad events is under the limit.
        stop_at: the capital at which the release is stopped.
        worry_at: the capital over which the ramp does not go to the next step.
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

    The ratio must not be over the limit that is derived from blue's ratio.

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
    """Requires that green has about as many events per request as blue, such as orders.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        indicator: the events, and the requests; a missing time series of the events means that no
            event has occurred.
        processes: the indicator that lists the instances of each colour.
        terms: the parameters of the comparison.
        least_ratio: the part of blue's events per request, 0 to 1, that green must have; green is
            stopped when enough events show that green has less.
        hold_ratio: a part of blue's events per request, 0 to 1; the ramp waits if, for a green with
            this part, the probability of at most green's number of events is too small.
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
    """Requires that green's instances were up for most of the step, and scraped without long gaps.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        reads: the measured condition in words: ``whether green is up``.
        processes: the indicator that lists the instances of each colour.
        least: the part of the step, 0 to 1, in which the instances must be up.
        bake: the bake time; while the step is shorter, ``least`` is a part of the bake time. A gap
            in the scrapes counts until the bake time has passed after the gap.
        max_sample_age: the maximum age of the newest sample; a longer gap in the scrapes is a
            hold.
    """

    name: str
    guide: str
    reads: str
    processes: ProcessIndicator
    least: float
    bake: timedelta
    max_sample_age: timedelta
