"""What each scrape of an instance added to the sums that are judged; reset-aware, push-style."""

from collections.abc import Mapping, Sequence
from math import inf

from gates.model import Scrape
from gates.model.selector import Selector, labels_of

CLOCK_NOISE_SECONDS = 1.0
CLOCK_SKEW_SECONDS = 5.0


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
        self.matched: set[int] = set()
        self.labels: set[str] = set()
        self._last: dict[str, float] = {}
        self._started: float | None = None
        self._seen = False
        self._at: float | None = None
        self.restarted = False

    def feed(self, scrape: Scrape, *, young: bool) -> list[float] | None:
        """What rose since the scrape before.

        Args:
            scrape: the next one.
            young: whether an instance that is new counts from zero.

        Returns:
            A sum for each selector; None for the first scrape, which only begins to count.

        Raises:
            ValueError: a counter is negative or not a finite number, or a start time moved
                without a restart.
        """
        values, first = scrape.values, not self._seen
        before = {} if first and young else self._last
        try:
            anew = self._started_anew(scrape)
        finally:
            self._started, self._at = scrape.started, scrape.at
        sums = None if anew else self._above(values, before, scrape)
        self.restarted = sums is None
        if sums is None:
            sums = self._above(values, {}, scrape)
            self._last = {}
        self._last.update(values)
        self._seen = True
        return None if first and not young else sums

    def lacks(self, values: Mapping[str, float], needed: set[int]) -> bool:
        """Whether a scrape has nothing of a sum that is needed and that earlier ones had."""
        if len(values) >= len(self._last):
            return False
        known = self._roles
        shown = {
            role for one in values for role in (known[one] if one in known else self._learn(one))
        }
        return not needed & self.matched <= shown

    def _above(
        self, values: Mapping[str, float], before: Mapping[str, float], scrape: Scrape
    ) -> list[float] | None:
        """How much the counters are above those of before; None where one fell."""
        sums, known = [0.0] * len(self._selectors), self._roles
        for identity, value in values.items():
            roles = known.get(identity)
            if roles is None:
                roles = self._learn(identity)
            if not 0.0 <= value < inf:
                if roles:
                    where = f"{identity[:120]} of {scrape.instance}"
                    raise ValueError(f"{where} is not a count: {value}")
                continue
            rise = value - before.get(identity, 0.0)
            if rise < 0.0:
                return None
            if rise:
                for role in roles:
                    sums[role] += rise
        return sums

    def _started_anew(self, scrape: Scrape) -> bool:
        """Whether the process says it is another one than at the scrape before.

        Raises:
            ValueError: its start time moved to where no restart can have been: two processes
                behind one address, or a clock that was set.
        """
        before, now = self._started, scrape.started
        if not self._seen or before is None or now is None or self._at is None:
            return False
        if abs(now - before) <= CLOCK_NOISE_SECONDS:
            return False
        if not self._at - CLOCK_SKEW_SECONDS <= now <= scrape.at + CLOCK_SKEW_SECONDS:
            raise ValueError(
                f"the start time of {scrape.instance} moved without a restart: two processes "
                "behind one address, or a clock that was set"
            )
        return True

    def _learn(self, identity: str) -> tuple[int, ...]:
        labels = labels_of(identity)
        roles = tuple(number for number, one in enumerate(self._selectors) if one.matches(labels))
        self._roles[identity] = roles
        self.matched.update(roles)
        if roles:
            self.labels.update(name for name, value in labels.items() if value)
        return roles
