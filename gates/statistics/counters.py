"""What counters counted in a window, across restarts, late series and missing scrapes."""

from collections.abc import Iterable, Sequence
from math import isfinite

from gates.model import Sample, Series

CLOCK_NOISE_SECONDS = 1.0


def newest_sample(series: Iterable[Series]) -> float | None:
    """The time of the newest sample, seconds since the epoch; None without samples."""
    times = [one.samples[-1].at for one in series if one.samples]
    return max(times, default=None)


def increments(counters: Sequence[Series], starts: Sequence[Series]) -> float:
    """How much a set of counters rose within the samples given.

    Per instance: between two scrapes a counter rose by the difference; after a restart (any
    counter of the instance fell, or its process start time changed) every counter rose by all it
    shows; a counter that appears after the instance's first scrape rose by all it shows.

    Args:
        counters: the raw samples of the counters.
        starts: the raw samples of ``process_start_time_seconds`` of the same instances.

    Returns:
        The number of events; 0.0 for counters with a single scrape.

    Raises:
        ValueError: a sample is negative or not a finite number.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """
    by_instance: dict[str, list[Series]] = {}
    for one in counters:
        if any(not isfinite(sample.value) or sample.value < 0 for sample in one.samples):
            raise ValueError(f"a counter of {one.labels.get('instance', '?')} is not a count")
        by_instance.setdefault(one.labels.get("instance", ""), []).append(one)
    started = {one.labels.get("instance", ""): one.samples for one in starts}
    return sum(
        _of_instance(group, started.get(instance, ())) for instance, group in by_instance.items()
    )


def _of_instance(counters: Sequence[Series], starts: Sequence[Sample]) -> float:
    """The rise of one instance's counters."""
    times = sorted({sample.at for one in counters for sample in one.samples}
                   | {sample.at for sample in starts})  # fmt: skip
    values = [{sample.at: sample.value for sample in one.samples} for one in counters]
    start_at = {sample.at: sample.value for sample in starts}
    last: list[float | None] = [None] * len(values)
    last_start: float | None = None
    total = 0.0
    for position, time in enumerate(times):
        start = start_at.get(time, last_start)
        now = [value.get(time) for value in values]
        if _restarted(last, now, last_start, start):
            last = [0.0] * len(values)
        for index, value in enumerate(now):
            if value is None:
                continue
            before = last[index]
            if before is None:
                # Seen for the first time: at the first scrape nobody knows since when it counts.
                before = value if position == 0 else 0.0
            total += value - before
            last[index] = value
        last_start = start
    return total


def _restarted(
    last: Sequence[float | None],
    now: Sequence[float | None],
    last_start: float | None,
    start: float | None,
) -> bool:
    fell = any(
        before is not None and value is not None and value < before
        for before, value in zip(last, now, strict=True)
    )
    moved = (
        last_start is not None
        and start is not None
        and abs(start - last_start) > CLOCK_NOISE_SECONDS
    )
    return fell or moved
