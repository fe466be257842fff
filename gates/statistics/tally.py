"""Counts of events out of all events, in all and over the last seconds."""

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Bad events, out of how many."""

    part: float = 0.0
    whole: float = 0.0

    def add(self, part: float, whole: float) -> None:
        """Count more."""
        self.part += part
        self.whole += whole

    @property
    def ratio(self) -> float | None:
        """The share that is bad; None without events."""
        return self.part / self.whole if self.whole > 0 else None

    def __str__(self) -> str:
        if self.ratio is None:
            return "none"
        return f"{self.part:,.0f} of {self.whole:,.0f} ({100 * self.ratio:.3g} %)"


class Recent:
    """The events of the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tally = Tally()
        self._counts: deque[tuple[float, float, float]] = deque()

    def count(self, at: float, part: float, whole: float) -> None:
        """What was counted up to a moment; moments ascend."""
        if whole:
            self._counts.append((at, part, whole))
            self.tally.add(part, whole)
        while self._counts and self._counts[0][0] <= at - self.seconds:
            _, old_part, old_whole = self._counts.popleft()
            self.tally.add(-old_part, -old_whole)
