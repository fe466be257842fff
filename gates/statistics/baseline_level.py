"""The current ratio of bad events on the baseline, from its recent counts."""

from collections import deque
from dataclasses import dataclass
from math import sqrt

# In a short window, one failure and half a standard deviation are attributed to chance.
CHANCE_EVENTS, CHANCE_DEVIATIONS = 1.0, 0.5


@dataclass(slots=True)
class _Window:
    """A window of the last seconds, and the number of counts that have left it."""

    seconds: float
    part: float = 0.0
    whole: float = 0.0
    dropped: int = 0


class BaselineLevel:
    """The baseline's ratio, estimated high, so that an incident of both colours does not count.

    Args:
        history_seconds: the length of the past.
        windows_seconds: the lengths of shorter windows in which an incident may show.
        pseudo: the number of events with the ratio of the past that are added to a batch.
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
            at: the moment until which they were counted, in seconds; moments ascend.
            part: the bad events since the moment before.
            whole: the total events since the moment before.
        """
        if whole <= 0:
            return
        self._counts.append((at, part, whole))
        for window in (self._long, *self._windows):
            window.part += part
            window.whole += whole
        self._forget(at)

    def _forget(self, now: float) -> None:
        """Remove the counts that are no longer in each window."""
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
        """The ratio over the past; None without events."""
        return self._long.part / self._long.whole if self._long.whole > 0 else None

    def now(self, part: float, whole: float) -> float:
        """The ratio during a batch: the highest of several estimates.

        Args:
            part: the baseline's bad events in the batch.
            whole: the baseline's total events in the batch.
        """
        past = self.past or 0.0
        smoothed = (part + self._pseudo * past) / (whole + self._pseudo)
        recent = (ratio_beyond_chance(window.part, window.whole) for window in self._windows)
        return max(past, smoothed, ratio_beyond_chance(part, whole), *recent)


def ratio_beyond_chance(part: float, whole: float) -> float:
    """The part of a ratio that chance does not explain; 0 for too few events.

    Args:
        part: the bad events.
        whole: the total events, more than 0 where there are bad ones.
    """
    unexplained = part - CHANCE_EVENTS - CHANCE_DEVIATIONS * sqrt(max(0.0, part))
    return unexplained / whole if unexplained > 0 else 0.0
