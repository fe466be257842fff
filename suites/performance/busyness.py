"""Finds out whether this machine was too busy for a measurement of latencies.

A thread sleeps again and again for 5 ms, and measures how late it wakes up.
"""

import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

from suites.problem import Problem

PAUSE_SECONDS = 0.005
P95 = 0.95
# A response passes through some ten threads and processes. With a delay of this part of the limit
# in each of them, half of the limit is used before anything is computed.
MAX_PART_OF_LIMIT = 0.05


class WakeUpDelays:
    """Measures how late a sleeping thread wakes up while the ``with`` block is executed."""

    def __init__(self) -> None:
        self._delays: list[float] = []
        self._end = Event()
        self._thread = Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._end.is_set():
            began = time.perf_counter()
            self._end.wait(PAUSE_SECONDS)
            self._delays.append(max(0.0, time.perf_counter() - began - PAUSE_SECONDS))

    @property
    def p95_seconds(self) -> float:
        """The delay that 95 % of the wake-ups did not exceed, in seconds; 0 without a wake-up."""
        delays = sorted(self._delays)
        return delays[int(P95 * (len(delays) - 1))] if delays else 0.0


def excuse(problem: Problem, fastest_half: float, delay: float, limit: float) -> Problem:
    """Return the problem of a latency; it is inconclusive if this machine may be the cause.

    Args:
        problem: the reason why the latency may be over its limit.
        fastest_half: the median of the latency samples, in seconds. If the median is over the
            limit, the problem is returned unchanged.
        delay: the P95 of the delays of wake-ups, in seconds.
        limit: the limit of the latency, in seconds.
    """
    was_busy = delay > MAX_PART_OF_LIMIT * limit
    if problem.is_inconclusive or not was_busy or fastest_half >= limit:
        return problem
    return problem.excused(
        "this machine was busy (5 % of the wake-ups of a sleeping thread were "
        f"at least {delay:.3f} s late)"
    )
