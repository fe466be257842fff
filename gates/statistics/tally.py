"""Counts bad events and total events, over the whole time or in a sliding window."""

from collections import deque
from dataclasses import dataclass

from gates.model.figures import significant


@dataclass(slots=True)
class Tally:
    """A count of bad events and of total events, or of orders and of requests.

    Args:
        part: the number of bad events; the number of orders where orders per request are compared.
        whole: the number of total events; the number of requests where orders per request are
            compared.
    """

    part: float = 0.0
    whole: float = 0.0

    def add(self, part: float, whole: float) -> None:
        """Count more events.

        Args:
            part: the number of new bad events.
            whole: the number of all new events.
        """
        self.part += part
        self.whole += whole

    @property
    def ratio(self) -> float | None:
        """The part divided by the whole; None where the whole is 0."""
        return self.part / self.whole if self.whole > 0 else None

    def __str__(self) -> str:
        if self.ratio is None:
            return "none"
        return f"{self.part:,.0f} of {self.whole:,.0f} ({significant(100 * self.ratio)} %)"


class SlidingWindow:
    """Counts the events of the last ``seconds`` seconds; older events are removed from the count.

    Args:
        seconds: the length of the window, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tally = Tally()
        self._counts: deque[tuple[float, float, float]] = deque()

    def count(self, at: float, part: float, whole: float) -> None:
        """Count new events, and remove the events that are older than the window.

        Args:
            at: the end of the time in which the new events occurred, in seconds; it never
                decreases from call to call.
            part: the number of new bad events.
            whole: the number of all new events.
        """
        if whole:
            self._counts.append((at, part, whole))
            self.tally.add(part, whole)
        while self._counts and self._counts[0][0] <= at - self.seconds:
            _, old_part, old_whole = self._counts.popleft()
            self.tally.add(-old_part, -old_whole)
