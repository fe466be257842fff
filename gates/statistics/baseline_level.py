"""Estimates the baseline's current ratio of bad events from the baseline's recent counts."""

from collections import deque
from dataclasses import dataclass
from math import sqrt

# In a short window, one failure and half a standard deviation are attributed to chance.
CHANCE_EVENTS, CHANCE_DEVIATIONS = 1.0, 0.5


@dataclass(slots=True)
class _Window:
    """The sums of the counts in a time window, and the number of counts that have left it."""

    seconds: float
    part: float = 0.0
    whole: float = 0.0
    dropped: int = 0


class BaselineLevel:
    """An upper estimate of the baseline's ratio of bad events.

    The estimate rises during an incident of both colours. So the incident does not count against
    the canary.

    Args:
        history_seconds: how long the baseline's events count, in seconds.
        windows_seconds: the lengths of the shorter windows that detect an incident, in seconds.
        pseudo: the number of assumed events that smooth the ratio of a batch. Their ratio of bad
            events is the ratio of the whole history.
    """

    def __init__(
        self, history_seconds: float, windows_seconds: tuple[float, ...], pseudo: float
    ) -> None:
        self._pseudo = pseudo
        self._counts: deque[tuple[float, float, float]] = deque()
        self._long = _Window(history_seconds)
        self._windows = [_Window(seconds) for seconds in windows_seconds]
        self._first = 0  # the number of counts that were removed from the left

    def count(self, at: float, part: float, whole: float) -> None:
        """Count events of the baseline.

        Args:
            at: the end of the time in which the events occurred, in seconds; it never decreases
                from call to call.
            part: the number of new bad events.
            whole: the number of all new events.
        """
        if whole <= 0:
            return
        self._counts.append((at, part, whole))
        for window in (self._long, *self._windows):
            window.part += part
            window.whole += whole
        self._forget(at)

    def _forget(self, now: float) -> None:
        """Remove from each window the counts that are older than the window."""
        for window in (*self._windows, self._long):
            until = now - window.seconds
            index = window.dropped - self._first
            while self._counts[index][0] <= until:
                _, part, whole = self._counts[index]
                window.part -= part
                window.whole -= whole
                window.dropped += 1
                index += 1
        while self._first < self._long.dropped:
            self._counts.popleft()
            self._first += 1

    @property
    def past(self) -> float | None:
        """The ratio of bad events over the whole history; None without events."""
        return self._long.part / self._long.whole if self._long.whole > 0 else None

    def now(self, part: float, whole: float) -> float:
        """Return the highest of several estimates of the ratio of bad events during a batch.

        Args:
            part: the number of the baseline's bad events in the batch.
            whole: the number of the baseline's total events in the batch.
        """
        past = self.past or 0.0
        smoothed = (part + self._pseudo * past) / (whole + self._pseudo)
        recent = (ratio_beyond_chance(window.part, window.whole) for window in self._windows)
        return max(past, smoothed, ratio_beyond_chance(part, whole), *recent)


def ratio_beyond_chance(part: float, whole: float) -> float:
    """Return the part of a ratio of bad events that chance does not explain.

    Args:
        part: the number of bad events.
        whole: the number of total events; more than 0 where there are bad events.

    Returns:
        The ratio without the part that chance explains; 0 for too few bad events.
    """
    unexplained = part - CHANCE_EVENTS - CHANCE_DEVIATIONS * sqrt(max(0.0, part))
    return unexplained / whole if unexplained > 0 else 0.0
