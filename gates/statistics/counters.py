"""The increase of counters in a window, across restarts, late series and missing scrapes."""

from collections.abc import Iterable, Sequence
from math import isfinite

from gates.model import Series

# A start time that differs by less is the same: clocks are not exact.
CLOCK_NOISE_SECONDS = 1.0
# So far may the clock of the process and the clock of Prometheus differ.
CLOCK_SKEW_SECONDS = 5.0


def newest_sample_time(series: Iterable[Series]) -> float | None:
    """The time of the newest sample, in seconds since the epoch; None without samples."""
    times = [line.samples[-1].at for line in series if line.samples]
    return max(times, default=None)


def total_increase(
    counters: Sequence[Series], starts: Sequence[Series], window_start: float
) -> float:
    """The increase of a set of counters within their samples.

    The counters of each instance are read together. Between two scrapes, a counter increases by
    the difference. After a restart (a counter of the instance fell, or its process started between
    the scrapes), every counter increases by its whole value. The same holds for a counter that
    appears after the first scrape of the instance, and for a process that started in the window.

    Args:
        counters: the raw samples of the counters.
        starts: the raw samples of ``process_start_time_seconds`` of the same instances.
        window_start: the start of the window, in seconds since the epoch.

    Returns:
        The number of events; 0 for counters with a single scrape of an older process.

    Raises:
        ValueError: a sample is negative or not finite, a series names no instance, or a start time
            moved to a moment at which no restart can have been.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """
    for counter in counters:
        if any(not isfinite(sample.value) or sample.value < 0 for sample in counter.samples):
            raise ValueError(f"a counter of {counter.labels.get('instance', '?')} is not a count")
    if any(not isfinite(sample.value) for start in starts for sample in start.samples):
        raise ValueError("a process start time is not a finite number")
    started = by_instance(starts)
    return sum(
        _of_instance(group, started.get(instance, []), window_start)
        for instance, group in by_instance(counters).items()
    )


def by_instance(series: Iterable[Series]) -> dict[str, list[Series]]:
    """Series, grouped by their ``instance`` label.

    Raises:
        ValueError: a series has no such label, or several jobs scrape the same instance.
    """
    groups: dict[str, list[Series]] = {}
    for line in series:
        instance = line.labels.get("instance")
        if not instance:
            raise ValueError("a series has no label that names its instance")
        groups.setdefault(instance, []).append(line)
    for instance, group in groups.items():
        if len({line.labels.get("job", "") for line in group}) > 1:
            raise ValueError(f"several jobs scrape {instance}, so its events would count twice")
    return groups


def _of_instance(
    counters: Sequence[Series], starts: Sequence[Series], window_start: float
) -> float:
    """The increase of one instance's counters."""
    start_at = {sample.at: sample.value for start in starts for sample in start.samples}
    values = [{sample.at: sample.value for sample in counter.samples} for counter in counters]
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
    """Whether the process restarted between two scrapes.

    Raises:
        ValueError: the start time moved to a moment that is not between the scrapes: two processes
            share an address, or a clock was set.
    """
    if before is None or start is None or abs(start - before) <= CLOCK_NOISE_SECONDS:
        return False
    if not earlier - CLOCK_SKEW_SECONDS <= start <= time + CLOCK_SKEW_SECONDS:
        raise ValueError("a process start time moved without a restart")
    return True
