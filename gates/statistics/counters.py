"""Counts how much counters increase in a window, across restarts and missing scrapes."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import isfinite

from gates.model import Scrape, Series
from gates.model.selector import Selector
from gates.statistics.counter_increases import CounterIncreases

EVERY_SERIES = Selector(())
# A process may run without an event for this multiple of the freshness limit.
MAX_QUIET_AGES = 2


def newest_sample_time(series: Iterable[Series]) -> float | None:
    """Return the time of the newest sample, in seconds since the epoch; None without samples."""
    times = [line.samples[-1].at for line in series if line.samples]
    return max(times, default=None)


def total_increase(
    counters: Sequence[Series],
    starts: Sequence[Series],
    window_start: float,
    instance_label: str = "instance",
) -> float:
    """Add up the increases of counters between their first and last samples in the window.

    ``CounterIncreases`` counts the increases of each instance. Where an instance has no start time,
    the fall of a counter is a restart. The counters of a process that started in the window count
    from zero.

    Args:
        counters: the raw samples of the counters.
        starts: the raw samples of the process start times of the same instances.
        window_start: the start of the window, in seconds since the epoch.
        instance_label: the name of the label whose value is the instance.

    Returns:
        The number of events; 0 for counters with a single scrape, where their process started
        before the window.

    Raises:
        ValueError: a sample is negative or not finite; a series names no instance; or the number
            of events is unknown, because a start time changed without a restart, or because a
            counter fell far without a restart.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """
    if any(not isfinite(sample.value) for start in starts for sample in start.samples):
        raise ValueError("a process start time is not a finite number; correct the exporter")
    started = by_instance(starts, instance_label)
    return sum(
        _of_instance(instance, group, started.get(instance, []), window_start)
        for instance, group in by_instance(counters, instance_label).items()
    )


def by_instance(series: Iterable[Series], label: str = "instance") -> dict[str, list[Series]]:
    """Group time series by instance.

    Args:
        series: the time series.
        label: the name of the label whose value is the instance.

    Returns:
        The time series of each instance, keyed by the value of the label.

    Raises:
        ValueError: a time series does not have the label, or several jobs scrape the same
            instance at once.
    """
    groups: dict[str, list[Series]] = {}
    for line in series:
        instance = line.labels.get(label)
        if not instance:
            raise ValueError(f"a time series has no label {label!r} with the name of the instance")
        groups.setdefault(instance, []).append(line)
    for instance, group in groups.items():
        if len({line.labels.get("job", "") for line in group}) > 1 and _jobs_overlap(group):
            raise ValueError(
                f"several jobs scrape {instance}, so every event would count twice; scrape the "
                "instance by one job"
            )
    return groups


def overlap(first: Series, second: Series) -> bool:
    """Whether the times of two time series overlap; also true where one of them has no samples."""
    if not first.samples or not second.samples:
        return True
    return (
        first.samples[0].at <= second.samples[-1].at
        and second.samples[0].at <= first.samples[-1].at
    )


def _jobs_overlap(group: Sequence[Series]) -> bool:
    """Whether two jobs scrape an instance at the same time; a job may follow another job."""
    return any(
        left.labels.get("job", "") != right.labels.get("job", "") and overlap(left, right)
        for left, right in combinations(group, 2)
    )


def _of_instance(
    instance: str, counters: Sequence[Series], starts: Sequence[Series], window_start: float
) -> float:
    """The increase of one instance's counters.

    Raises:
        ValueError: a counter is negative or not finite, or the number of events is unknown.
    """
    start_at = {sample.at: sample.value for start in starts for sample in start.samples}
    moments: dict[float, dict[str, float]] = {at: {} for at in start_at}
    for number, counter in enumerate(counters):
        for at, value in counter.samples:
            moments.setdefault(at, {})[f"counter_{number}"] = value
    increases = CounterIncreases([EVERY_SERIES], fall_is_restart=not starts)
    total, started = 0.0, None
    for at in sorted(moments):
        first, started = started is None, start_at.get(at, started)
        young = first and started is not None and started >= window_start
        scrape = Scrape(at, "", instance, started, moments[at])
        sums = increases.add_scrape(scrape, counts_from_zero=young)
        if increases.problem:
            raise ValueError(increases.problem)
        total += 0.0 if sums is None else sums[0]
    return total
