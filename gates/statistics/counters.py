"""What counters counted in a window, across restarts, late series and missing scrapes."""

from collections.abc import Iterable, Sequence
from math import isfinite

from gates.model import Series

CLOCK_NOISE_SECONDS = 1.0
CLOCK_SKEW_SECONDS = 5.0


def newest_sample(series: Iterable[Series]) -> float | None:
    """The time of the newest sample, seconds since the epoch; None without samples."""
    times = [one.samples[-1].at for one in series if one.samples]
    return max(times, default=None)


def increments(counters: Sequence[Series], starts: Sequence[Series], window_start: float) -> float:
    """How much a set of counters rose within the samples given.

    Per instance: between two scrapes a counter rose by the difference; after a restart (any
    counter of the instance fell, or its process started between the scrapes) every counter rose
    by all it shows; a counter that appears after the instance's first scrape, or whose process
    started within the window, rose by all it shows.

    Args:
        counters: the raw samples of the counters.
        starts: the raw samples of ``process_start_time_seconds`` of the same instances.
        window_start: the beginning of the window, seconds since the epoch.

    Returns:
        The number of events; 0.0 for counters with a single scrape of an older process.

    Raises:
        ValueError: a sample is negative or not a finite number, a series names no instance, or
            a start time moved to where no restart can have been.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """
    for one in counters:
        if any(not isfinite(sample.value) or sample.value < 0 for sample in one.samples):
            raise ValueError(f"a counter of {one.labels.get('instance', '?')} is not a count")
    if any(not isfinite(sample.value) for one in starts for sample in one.samples):
        raise ValueError("a process start time is not a number")
    started = by_instance(starts)
    return sum(
        _of_instance(group, started.get(instance, []), window_start)
        for instance, group in by_instance(counters).items()
    )


def by_instance(series: Iterable[Series]) -> dict[str, list[Series]]:
    """Series by their ``instance`` label.

    Raises:
        ValueError: a series without the label, or an instance scraped by several jobs.
    """
    groups: dict[str, list[Series]] = {}
    for one in series:
        if not one.labels.get("instance"):
            raise ValueError("a series does not say of which instance it is")
        groups.setdefault(one.labels["instance"], []).append(one)
    for instance, group in groups.items():
        if len({one.labels.get("job", "") for one in group}) > 1:
            raise ValueError(f"{instance} is scraped by several jobs and would count twice")
    return groups


def _of_instance(
    counters: Sequence[Series], starts: Sequence[Series], window_start: float
) -> float:
    """The rise of one instance's counters."""
    start_at = {sample.at: sample.value for one in starts for sample in one.samples}
    values = [{sample.at: sample.value for sample in one.samples} for one in counters]
    times = sorted(start_at.keys() | {at for value in values for at in value})
    last: list[float | None] = [None] * len(values)
    last_start, last_time, total = None, None, 0.0
    for time in times:
        start = start_at.get(time, last_start)
        now = [value.get(time) for value in values]
        if last_time is None:
            young = start is not None and start >= window_start
            last = [0.0 if young else value for value in now]
        elif _fell(last, now) or _moved(last_start, start, last_time, time):
            last = [0.0] * len(values)
        for index, value in enumerate(now):
            if value is not None:
                before = last[index]
                total += value - (0.0 if before is None else before)
                last[index] = value
        last_start, last_time = start, time
    return total


def _fell(last: Sequence[float | None], now: Sequence[float | None]) -> bool:
    return any(
        before is not None and value is not None and value < before
        for before, value in zip(last, now, strict=True)
    )


def _moved(before: float | None, start: float | None, earlier: float, time: float) -> bool:
    """Whether the process started anew between two scrapes.

    Raises:
        ValueError: its start time moved to another moment: two processes behind one address, or
            a clock that was set.
    """
    if before is None or start is None or abs(start - before) <= CLOCK_NOISE_SECONDS:
        return False
    if not earlier - CLOCK_SKEW_SECONDS <= start <= time + CLOCK_SKEW_SECONDS:
        raise ValueError("a process start time moved without a restart")
    return True
