"""How high the baseline's ratio is just now, from what it counted lately."""

from collections import deque
from dataclasses import dataclass
from math import sqrt

# Before a short time speaks for itself, a failure and half a deviation are put down to chance.
CHANCE, DEVIATIONS = 1.0, 0.5


@dataclass(slots=True)
class _Window:
    """The events of the last so many seconds."""

    seconds: float
    part: float = 0.0
    whole: float = 0.0
    counted: int = 0


class Level:
    """The baseline's ratio, read cautiously upwards: an incident that hits both is not green's.

    Args:
        history_seconds: how long its past counts.
        windows_seconds: shorter windows in which an incident may show.
        pseudo: so many events of the past's ratio are added to a batch.
    """

    def __init__(
        self, history_seconds: float, windows_seconds: tuple[float, ...], pseudo: float
    ) -> None:
        self._pseudo = pseudo
        self._counts: deque[tuple[float, float, float]] = deque()
        self._long = _Window(history_seconds)
        self._windows = [_Window(seconds) for seconds in windows_seconds]
        self._first = 0  # how many counts were dropped from the left

    def count(self, at: float, part: float, whole: float) -> None:
        """What the baseline counted up to a moment since the one before; moments ascend."""
        if whole <= 0:
            return
        self._counts.append((at, part, whole))
        for window in (self._long, *self._windows):
            window.part += part
            window.whole += whole
        self._forget(at)

    def _forget(self, now: float) -> None:
        """Drop what is no longer in each window."""
        for window in (*self._windows, self._long):
            until = now - window.seconds
            index = window.counted - self._first
            while self._counts[index][0] <= until:
                _, part, whole = self._counts[index]
                window.part -= part
                window.whole -= whole
                window.counted += 1
                index += 1
        while self._first < self._long.counted:
            self._counts.popleft()
            self._first += 1

    @property
    def past(self) -> float | None:
        """The ratio over the whole past; None without events."""
        return self._long.part / self._long.whole if self._long.whole > 0 else None

    def now(self, part: float, whole: float) -> float:
        """The level while a batch was counted.

        Args:
            part: the baseline's failures in the batch.
            whole: its events in the batch.
        """
        past = self.past or 0.0
        shrunk = (part + self._pseudo * past) / (whole + self._pseudo)
        lately = (surely(window.part, window.whole) for window in self._windows)
        return max(past, shrunk, surely(part, whole), *lately)


def surely(part: float, whole: float) -> float:
    """What is left of a ratio when its chance part is taken off; 0 for too few events."""
    left = part - CHANCE - DEVIATIONS * sqrt(max(0.0, part))
    return left / whole if left > 0 else 0.0
