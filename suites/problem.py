"""Defines the problem of a check: a reason to fail, or a reason why the check is inconclusive."""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that a check found; a check that found none has None in its place.

    Args:
        text: what was expected, and what was seen.
        is_inconclusive: whether the check can neither pass nor fail; then the gate holds.
    """

    text: str
    is_inconclusive: bool = False

    def excused(self, cause: str) -> "Problem":
        """Return this problem as inconclusive.

        Args:
            cause: what may have caused the problem instead of the target.
        """
        return replace(self, text=f"{cause}: {self.text}", is_inconclusive=True)


# Ends a check with its problem, or without one.
Conclude = Callable[[Problem | None], None]
