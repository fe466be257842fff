"""Objectives that follow a ramp, scrape by scrape."""

from dataclasses import dataclass
from datetime import timedelta

from gates.model.indicators import EventIndicator, ProcessIndicator


@dataclass(frozen=True, slots=True)
class Terms:
    """The parameters of a comparison of green with blue; durations in seconds.

    Args:
        limit: the ratio a release must stay under, 0 to 1.
        fast: length of a batch of the fast lane.
        slow: length of a batch of the slow lane.
        history: how long the baseline's past counts.
        recent: windows in which an incident of the baseline may show.
        ramp: how long a ramp takes by its schedule; fresh capital is spread over it.
        steps: the number of steps of the ramp.
        warm_up: how long after a change of weight the baseline counts as at the limit.
        patience: how long a stop waits for the baseline to show whether it fails as well.
        alike: how unlikely it must be that a green no worse than blue looks so bad, 0 to 1.
        stop_at: the capital at which the release is stopped.
        worry_at: the capital over which the ramp does not go on.
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
    """Green's ratio of bad events is under the limit, and not over the limit derived from blue.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the bad or the good events, and all events.
        processes: which instances there are.
        relative: whether the objective has no limit of its own, only blue's ratio and a margin;
            then a missing series of bad events counts as zero bad events.
        terms: the parameters of the comparison.
        rollback_over: over this ratio in the last minute, a stop is a rollback; None: a stop is
            never a rollback.
        minimum_events: events in the step before it may go on; 0 where too few do not block.
        max_sample_age: how old the newest sample may be.
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
    """Green has about as many events per request as blue: orders, captured payments.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the events, and the requests; where no series of the events exists, no event
            has occurred.
        processes: which instances there are.
        terms: the parameters of the comparison.
        least_ratio: the part of blue's rate, 0 to 1, under which green is stopped in the end.
        hold_ratio: the part of blue's rate, 0 to 1, under which a step does not go on.
        max_sample_age: how old the newest sample may be.
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
    """A rollback trigger: green's bad ratio is over a limit for a time; blue does not count.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the bad or the good events, and all events.
        processes: which instances there are.
        over: the ratio that must not be exceeded, 0 to 1.
        window: how far back each evaluation reaches.
        lasting: for how long every evaluation must be over the limit; zero for one evaluation.
        minimum_events: events in the window without which an evaluation does not count.
        max_sample_age: how old the newest sample may be; a longer gap does not count.
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
    """Green answered about its share of the events that were counted in the step.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: the events; their total is counted.
        processes: which instances there are.
        tolerance: how far the measured share may be from the intended share, as a part of the
            smaller of the two colours' shares.
        minimum_events: events of both colours that are needed for a judgement.
        max_sample_age: how old the newest sample may be.
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
    """Green's processes did not restart again and again in the step.

    Args:
        name: the objective's name.
        guide: the guide's section.
        indicator: events whose total every instance exports.
        processes: which instances there are.
        max_restarts: how many restarts of one instance are accepted.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    indicator: EventIndicator
    processes: ProcessIndicator
    max_restarts: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class AvailabilityObjective:
    """Green's instances were up for most of the step, and were scraped all the time.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what is measured, in words: ``whether green is up``.
        processes: which instances there are.
        least: the part of the step, 0 to 1, in which the instances must be up.
        bake: the shortest time of which that part is taken, and how long a gap counts.
        max_sample_age: how old the newest sample may be; a longer gap is a hold.
    """

    name: str
    guide: str
    reads: str
    processes: ProcessIndicator
    least: float
    bake: timedelta
    max_sample_age: timedelta
