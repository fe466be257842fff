"""Counts of bad events and total events: over all time, and in a sliding window."""

from collections import deque
from dataclasses import dataclass

from gates.model.figures import significant


@dataclass(slots=True)
class Tally:
    """A count of events.

    Args:
        part: the bad events; orders, where orders per request are compared.
        whole: the total events; requests, where orders per request are compared.
    """

    part: float = 0.0
    whole: float = 0.0

    def add(self, part: float, whole: float) -> None:
        """Count more events.

        Args:
            part: the number of bad events.
            whole: the number of all events.
        """
        self.part += part
        self.whole += whole

    @property
    def ratio(self) -> float | None:
        """The share of bad events, from 0 to 1; None without events."""
        return self.part / self.whole if self.whole > 0 else None

    def __str__(self) -> str:
        if self.ratio is None:
            return "none"
        return f"{self.part:,.0f} of {self.whole:,.0f} ({significant(100 * self.ratio)} %)"


class SlidingWindow:
    """The events of the last seconds.

    Args:
        seconds: the length of the window.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tally = Tally()
        self._counts: deque[tuple[float, float, float]] = deque()

    def count(self, at: float, part: float, whole: float) -> None:
        """Count events, and drop those that are no longer in the window.

        Args:
            at: the moment until which they were counted, in seconds; moments ascend.
            part: the bad events.
            whole: the total events.
        """
        if whole:
            self._counts.append((at, part, whole))
            self.tally.add(part, whole)
        while self._counts and self._counts[0][0] <= at - self.seconds:
            _, old_part, old_whole = self._counts.popleft()
            self.tally.add(-old_part, -old_whole)
