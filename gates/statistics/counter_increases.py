"""The increase of an instance's counters from scrape to scrape, with restarts."""

from collections.abc import Mapping, Sequence
from math import inf

from gates.model import Scrape
from gates.model.selector import Selector, labels_of

# As in ``counters``.
CLOCK_NOISE_SECONDS = 1.0
CLOCK_SKEW_SECONDS = 5.0


class CounterIncreases:
    """The counters of one instance.

    Between two scrapes, a counter increases by the difference. After a restart (a counter of the
    instance fell, or its process has another start time), every counter increases by its whole
    value. A counter that appears after the first scrape increases by its whole value.

    Args:
        selectors: the indicators; the increases of all counters that match a selector are added.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._selectors = selectors
        self._roles: dict[str, tuple[int, ...]] = {}
        self.matched_roles: set[int] = set()
        self.label_names: set[str] = set()
        self._last: dict[str, float] = {}
        self._started: float | None = None
        self._has_scrape = False
        self._at: float | None = None
        self.restarted = False

    def add_scrape(self, scrape: Scrape, *, counts_from_zero: bool) -> list[float] | None:
        """The increases since the scrape before.

        Args:
            scrape: the next scrape.
            counts_from_zero: whether the counters of a new instance started at 0 in the ramp.

        Returns:
            The increase for each selector; None for a first scrape, which has no scrape before.

        Raises:
            ValueError: a counter is negative or not finite, or a start time moved without a
                restart.
        """
        values, first = scrape.values, not self._has_scrape
        before = {} if first and counts_from_zero else self._last
        try:
            restarted = self._has_restarted(scrape)
        finally:
            self._started, self._at = scrape.started, scrape.at
        sums = None if restarted else self._increases(values, before, scrape)
        self.restarted = sums is None
        if sums is None:
            sums = self._increases(values, {}, scrape)
            self._last = {}
        self._last.update(values)
        self._has_scrape = True
        return None if first and not counts_from_zero else sums

    def lacks(self, values: Mapping[str, float], needed: set[int]) -> bool:
        """Whether a scrape has no counter of a needed indicator that earlier scrapes had.

        Args:
            values: the scrape's counters.
            needed: numbers of the selectors that must have counters.
        """
        if len(values) >= len(self._last):
            return False
        known = self._roles
        shown = {
            role
            for identity in values
            for role in (known[identity] if identity in known else self._learn(identity))
        }
        return not needed & self.matched_roles <= shown

    def _increases(
        self, values: Mapping[str, float], before: Mapping[str, float], scrape: Scrape
    ) -> list[float] | None:
        """The increases since another scrape; None where a counter fell."""
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

    def _has_restarted(self, scrape: Scrape) -> bool:
        """Whether the start time says that the process restarted since the scrape before.

        Raises:
            ValueError: the start time moved to a moment at which no restart can have been: two
                processes share an address, or a clock was set.
        """
        before, now = self._started, scrape.started
        if not self._has_scrape or before is None or now is None or self._at is None:
            return False
        if abs(now - before) <= CLOCK_NOISE_SECONDS:
            return False
        if not self._at - CLOCK_SKEW_SECONDS <= now <= scrape.at + CLOCK_SKEW_SECONDS:
            raise ValueError(
                f"the start time of {scrape.instance} moved without a restart: two processes "
                "share an address, or a clock was set"
            )
        return True

    def _learn(self, identity: str) -> tuple[int, ...]:
        """The numbers of the selectors that match a series; kept for later scrapes."""
        labels = labels_of(identity)
        roles = tuple(
            number for number, selector in enumerate(self._selectors) if selector.matches(labels)
        )
        self._roles[identity] = roles
        self.matched_roles.update(roles)
        if roles:
            self.label_names.update(name for name, value in labels.items() if value)
        return roles
