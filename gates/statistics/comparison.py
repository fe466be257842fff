"""The sequential comparison of green with blue: two lanes of bets on ratios in batches."""

from collections import deque

from gates.model import Terms
from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_least
from gates.statistics.level import Level, surely

# How fresh capital is paid in: at the start, over the later steps, over the time.
AT_START, FOR_STEPS, FOR_TIME = 0.5, 0.25, 0.25
# A batch may be closed by a scrape that comes a little early.
EARLY = 0.2
# So many fast batches are waited for a baseline that was seen before and is missing now.
PATIENCE = 4
# Green may have so many times blue's ratio.
ALIKE = 1.5


class _Lane:
    """One lane: events gathered into batches, each batch one bet."""

    def __init__(self, seconds: float, fresh: float) -> None:
        self.seconds = seconds
        self.capital = Capital()
        self.closed_at: float | None = None
        self.green = [0.0, 0.0]
        self.blue = [0.0, 0.0]
        self._fresh = fresh
        self._own = [0.0, 0.0]
        self._own_closed: float | None = None
        self._worst: deque[tuple[float, float]] = deque()  # falling, so the first is the largest

    def baseline(self, at: float, part: float, whole: float, history: float) -> None:
        """What blue counted; its worst batch of so many seconds is remembered."""
        for tally in (self.blue, self._own):
            tally[0] += part
            tally[1] += whole
        closed = self._own_closed
        if closed is not None and at - closed < self.seconds * (1 - EARLY):
            return
        ratio, worst = surely(*self._own), self._worst
        self._own_closed, self._own = at, [0.0, 0.0]
        while worst and worst[-1][1] <= ratio:
            worst.pop()
        worst.append((at, ratio))
        while worst[0][0] <= at - history:
            worst.popleft()

    @property
    def worst(self) -> float:
        """Blue's worst batch of this length."""
        return self._worst[0][1] if self._worst else 0.0

    def is_due(self, at: float) -> bool:
        return self.closed_at is None or at - self.closed_at >= self.seconds * (1 - EARLY)

    def bet(self, at: float, allowed: float) -> None:
        """Close the batch: one observation, however many events it holds."""
        before = self.closed_at
        passed = 1.0 if before is None else max(1.0, (at - before) / self.seconds)
        self.capital.pay_in(self._fresh * passed)
        part, whole = self.green
        self.capital.bet(min(1.0, part / whole), allowed)
        self.reset(at)

    def reset(self, at: float | None) -> None:
        self.closed_at = at
        self.green, self.blue = [0.0, 0.0], [0.0, 0.0]


class Comparison:
    """Bets that green's ratio is over what blue's allows, since the ramp began.

    Every count is *what rose since the scrape before*; moments are seconds and ascend.

    Args:
        terms: what it is made by.

    Source: design of the live judge; Waudby-Smith and Ramdas, arXiv 2010.09686; Lindon et al.,
    Rapid regression detection in software deployments, arXiv 2205.14762.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._level = Level(terms.history, terms.recent, 1.0 / terms.limit)
        self.fast = _Lane(terms.fast, FOR_TIME * terms.fast / terms.ramp)
        self.slow = _Lane(terms.slow, FOR_TIME * terms.slow / terms.ramp)
        self._step_at: float | None = None
        self._blue_seen: float | None = None
        self._green_since = [0.0, 0.0]
        self._blue_since = [0.0, 0.0]
        self._waits_since: float | None = None

    @property
    def capital(self) -> float:
        """The larger of the two lanes' capitals."""
        return max(self.fast.capital.amount, self.slow.capital.amount)

    def step(self, at: float) -> None:
        """Green gets another share of the traffic from this moment on."""
        first = self._step_at is None
        fresh = AT_START if first else FOR_STEPS / max(1, self._terms.steps - 1)
        for lane in (self.fast, self.slow):
            lane.capital.pay_in(fresh)
            if first:
                lane.reset(None)
        self._step_at = at

    def baseline(self, at: float, part: float, whole: float) -> None:
        """What blue counted."""
        self._level.count(at, part, whole)
        if whole > 0:
            self._blue_seen = at
        self._blue_since[0] += part
        self._blue_since[1] += whole
        for lane in (self.fast, self.slow):
            lane.baseline(at, part, whole, self._terms.history)

    def canary(self, at: float, part: float, whole: float) -> None:
        """What green counted; before the first step it is not compared."""
        if self._step_at is None:
            return
        self._green_since[0] += part
        self._green_since[1] += whole
        for lane in (self.fast, self.slow):
            lane.green[0] += part
            lane.green[1] += whole
            if lane.is_due(at):
                self._close(lane, at)

    def _close(self, lane: _Lane, at: float) -> None:
        if lane.green[1] <= 0:
            lane.reset(at)
            return
        if lane.blue[1] <= 0 and self._is_awaited(at):
            return
        level = self._level.now(*lane.blue)
        if self._step_at is not None and at - self._step_at < self._terms.warm_up:
            level = max(level, self._terms.limit)
        allowed = level + max(self._terms.limit, level) / 2
        lane.bet(at, max(allowed, lane.worst))
        if self.capital < 1:
            self._green_since, self._blue_since = [0.0, 0.0], [0.0, 0.0]

    def stops(self, at: float, *, alone: bool) -> bool:
        """Whether green is to blame, and no incident of both.

        Since the capital rose over 1, blue must have failed less than green's ratio would make it
        (exact conditional test of two binomials); where it has too few events to tell, they are
        waited for, but not for long.

        Args:
            at: now.
            alone: whether green has all the traffic, so that there is nothing to wait for.

        Source: Przyborowski and Wilenski, Homogeneity of results in testing samples from Poisson
        series, Biometrika 31 (1940): the conditional test of two rates.
        """
        if self.capital < self._terms.stop_at:
            self._waits_since = None
            return False
        if self._waits_since is None:
            self._waits_since = at
        (green, green_all), (blue, blue_all) = self._green_since, self._blue_since
        waited = at - self._waits_since >= self._terms.patience
        if blue_all <= 0:
            return alone or waited
        share = ALIKE * green_all / (ALIKE * green_all + blue_all)
        if chance_of_at_least(round(green), round(green + blue), share) < self._terms.alike:
            return True
        return blue == 0 and waited

    def _is_awaited(self, at: float) -> bool:
        """Whether blue was there a moment ago, and is only late."""
        seen = self._blue_seen
        return seen is not None and at - seen < PATIENCE * self._terms.fast
