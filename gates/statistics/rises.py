"""What each scrape of an instance added to the sums that are judged; reset-aware, push-style."""

from collections.abc import Sequence
from math import isfinite

from gates.model import Scrape
from gates.statistics.selector import Selector, labels_of

CLOCK_NOISE_SECONDS = 1.0


class Rises:
    """Follows the counters of one instance.

    Between two scrapes a counter rose by the difference; after a restart (any counter of the
    instance fell, or its process has another start time) every counter rose by all it shows; a
    counter that appears after the first scrape rose by all it shows.

    Args:
        selectors: what is summed up, one sum each.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._selectors = selectors
        self._roles: dict[str, tuple[int, ...]] = {}
        self._last: dict[str, float] = {}
        self._started: float | None = None
        self._seen = False
        self.restarted = False

    def feed(self, scrape: Scrape, *, young: bool) -> list[float] | None:
        """What rose since the scrape before.

        Args:
            scrape: the next one.
            young: whether an instance that is new counts from zero.

        Returns:
            A sum for each selector; None for the first scrape, which only begins to count.

        Raises:
            ValueError: a counter is negative or not a finite number.
        """
        values, last = scrape.values, self._last
        self.restarted = self._seen and self._is_anew(scrape)
        fresh = self.restarted if self._seen else young
        first = not self._seen and not young
        sums = [0.0] * len(self._selectors)
        for identity, value in values.items():
            roles = self._roles.get(identity)
            if roles is None:
                roles = self._learn(identity)
            if not roles:
                continue
            if not isfinite(value) or value < 0:
                raise ValueError(f"{identity[:120]} of {scrape.instance} is not a count: {value}")
            before = 0.0 if fresh else last.get(identity, 0.0)
            rise = value - before
            if rise:
                for role in roles:
                    sums[role] += rise
        if fresh:
            last.clear()
        last.update(values)
        self._seen, self._started = True, scrape.started
        return None if first else sums

    def _is_anew(self, scrape: Scrape) -> bool:
        """Whether the process is another one than at the scrape before."""
        if (
            scrape.started is not None
            and self._started is not None
            and abs(scrape.started - self._started) > CLOCK_NOISE_SECONDS
        ):
            return True
        last = self._last
        return any(value < last.get(identity, 0.0) for identity, value in scrape.values.items())

    def _learn(self, identity: str) -> tuple[int, ...]:
        labels = labels_of(identity)
        roles = tuple(number for number, one in enumerate(self._selectors) if one.matches(labels))
        self._roles[identity] = roles
        return roles
