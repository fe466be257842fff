"""The kinds of objectives: what a stage may require."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ChecksObjective:
    """Every named check passed on the served build, not longer ago than max_age.

    Args:
        name: the objective's name.
        guide: the guide's section.
        checks: the ids.
        limits: SHA-256 of the policy's limits, which the runs must have judged by.
        max_age: how old a pass may be.
    """

    name: str
    guide: str
    checks: tuple[str, ...]
    limits: str
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class ListedChecksObjective:
    """No run within max_age reports a check that is not known."""

    name: str
    guide: str
    known: frozenset[str]
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class ServedBuildObjective:
    """The target answers, and serves the build its target file expects."""

    name: str
    guide: str


@dataclass(frozen=True, slots=True)
class LiveBuildObjective:
    """Every sample in the window comes from the expected build.

    Args:
        name: the objective's name.
        guide: the guide's section.
        selector: the info series whose labels name the build.
        window: how far back.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    selector: str
    window: timedelta
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class RatioObjective:
    """Of the events in the window, the share that are of a kind is below or above a limit.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: how to read the share: ``requests failed``, ``requests took under 1 s``.
        part: selector of the counters of that kind.
        whole: selector of the counters of all events.
        limit: the share, 0 to 1, that must not be reached.
        below: whether the share must stay below the limit, else above it.
        at_least: how many events make it worth judging.
        window: how far back.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    reads: str
    part: str
    whole: str
    limit: float
    below: bool
    at_least: int
    window: timedelta
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class ShareObjective:
    """The balancer has given the target its intended share for the whole bake time.

    Args:
        name: the objective's name.
        guide: the guide's section.
        selector: the balancer's weights of all servers.
        server_label: the label that names the server.
        share: intended share of the target, 0 to 1.
        bake: how long the share must have been in force.
        longest: how far back the beginning of a ramp is looked for.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    selector: str
    server_label: str
    share: float
    bake: timedelta
    longest: timedelta
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class LoadObjective:
    """The newest load run of a profile, large enough and not too old, met every limit.

    Args:
        name: the objective's name.
        guide: the guide's section.
        profile: the profile's name.
        at_least_users: how many users a run needs to count.
        at_least_seconds: how long its judged phases need to be.
        limits: the limits that apply, by name.
        p95: what P95 of an operation must stay under, seconds by operation; ``total`` is all.
        finds_knee: whether it tells how many users it takes to break a limit.
        digest: SHA-256 of the policy's limits, which the run must have known.
        max_age: how old the run may be.
    """

    name: str
    guide: str
    profile: str
    at_least_users: int
    at_least_seconds: float
    limits: Mapping[str, float]
    p95: Mapping[str, float]
    finds_knee: bool
    digest: str
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """What green is compared with blue by; durations in seconds.

    Args:
        limit: the ratio a release must stay under, 0 to 1.
        fast: length of a batch of the fast lane.
        slow: the same of the slow lane.
        history: how long the baseline's past counts.
        recent: windows in which an incident of the baseline may show.
        ramp: how long a ramp takes by its schedule; fresh capital is spread over it.
        steps: how many steps it has.
        warm_up: how long after a change of weight the baseline counts as at the limit.
        patience: how long a stop waits for the baseline to show whether it fails as well.
        alike: how unlikely it must be that a green no worse than blue looks so bad, 0 to 1.
        stop_at: the capital at which the release is stopped.
        worry_at: the capital over which it does not go on.
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
    """Green's ratio of bad events stays within what blue's allows, since the ramp began.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what the bad events are: ``requests failed``.
        part: selector of the bad events, or of the good ones.
        whole: selector of all events.
        part_is_good: whether part counts the good events.
        relative: whether there is no limit to advance, only blue's level and a margin; then the
            part is a selection of the whole's series, and no such series means no such event.
        terms: what the comparison is made by.
        rollback_over: the ratio of the last minute at which a stop is a rollback; None for never.
        at_least: events in the step before it may go on; 0 where too few do not block.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    reads: str
    part: str
    whole: str
    part_is_good: bool
    relative: bool
    terms: Terms
    rollback_over: float | None
    at_least: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class ThroughputObjective:
    """Green has about as many events per request as blue: orders, captured payments.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what the events are: ``orders``.
        events: selector of the events; where no series of it is there, no event has occurred.
        whole: selector of the requests.
        terms: what the comparison is made by.
        least_ratio: the part of blue's rate, 0 to 1, under which green is stopped in the end.
        hold_ratio: the part of blue's rate, 0 to 1, under which a step does not go on.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    reads: str
    events: str
    whole: str
    terms: Terms
    least_ratio: float
    hold_ratio: float
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class TriggerObjective:
    """A rollback trigger: the ratio of bad events is over a limit for a time, whatever blue does.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what the bad events are.
        part: selector of the bad events, or of the good ones.
        whole: selector of all events.
        part_is_good: whether part counts the good events.
        over: the ratio that must not be passed, 0 to 1.
        window: how far back each look reaches.
        lasting: for how long every look must be over it; zero for one look.
        at_least: events in the window that make a look count.
        max_sample_age: how old the newest sample may be; a longer gap does not count.
    """

    name: str
    guide: str
    reads: str
    part: str
    whole: str
    part_is_good: bool
    over: float
    window: timedelta
    lasting: timedelta
    at_least: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class TrafficObjective:
    """Of the requests counted in the step, green answered about its share.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what is counted.
        whole: selector of the counters.
        tolerance: how far the measured share may be from the intended one, as a part of the
            smaller of the two colours' shares.
        at_least: how many of both colours make it worth judging.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    reads: str
    whole: str
    tolerance: float
    at_least: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class RestartsObjective:
    """Green's processes did not start anew again and again in the step.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what is counted.
        whole: selector of any counter that every instance exports.
        at_most: how many restarts are let pass.
        max_sample_age: how old the newest sample may be.
    """

    name: str
    guide: str
    reads: str
    whole: str
    at_most: int
    max_sample_age: timedelta


@dataclass(frozen=True, slots=True)
class AvailabilityObjective:
    """Green's instances were up for most of the step, and were seen all the time.

    Args:
        name: the objective's name.
        guide: the guide's section.
        reads: what is looked at: ``whether green is up``.
        least: the part of the step, 0 to 1, that they must be up.
        bake: the shortest time that part is taken of, and how long a gap is remembered.
        max_sample_age: how old the newest sample may be; a longer gap is a hold.
    """

    name: str
    guide: str
    reads: str
    least: float
    bake: timedelta
    max_sample_age: timedelta


LiveObjective = (
    ComparisonObjective
    | ThroughputObjective
    | TriggerObjective
    | TrafficObjective
    | RestartsObjective
)

Objective = (
    LiveObjective
    | AvailabilityObjective
    | ChecksObjective
    | ListedChecksObjective
    | ServedBuildObjective
    | LoadObjective
    | LiveBuildObjective
    | RatioObjective
    | ShareObjective
)
