"""The sequential comparison of canary (green) and baseline (blue), with one bet for each batch."""

from collections import deque

from gates.model import Terms
from gates.statistics.baseline_level import BaselineLevel, ratio_beyond_chance
from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_least

# The payments into the capital: at the start, over the later steps, over the time.
AT_START, FOR_STEPS, FOR_TIME = 0.5, 0.25, 0.25
# A scrape may close a batch that lacks so large a part of its length.
MAX_MISSING_PART = 0.2
# The number of fast batches to wait for a scrape of the baseline that is late.
MAX_LATE_BATCHES = 4
# Green's ratio counts as like blue's up to this factor.
MAX_SIMILAR_FACTOR = 1.5


class _Lane:
    """A series of batches of the same length, with one bet for each batch.

    Args:
        seconds: the length of a batch, in seconds.
        fresh: the money that is paid into the capital for a batch of this length; more is paid for
            a batch that lasts longer.
    """

    def __init__(self, seconds: float, fresh: float) -> None:
        self.seconds = seconds
        self.capital = Capital()
        self.closed_at: float | None = None
        self.green = [0.0, 0.0]
        self.blue = [0.0, 0.0]
        self._fresh = fresh
        self._own = [0.0, 0.0]
        self._own_closed: float | None = None
        self._worst: deque[tuple[float, float]] = deque()  # descending: the first is the largest

    def count_baseline(self, at: float, part: float, whole: float, history: float) -> None:
        """Count events of blue, and remember blue's batch with the highest ratio of bad events.

        Args:
            at: the end of the time in which the events occurred, in seconds.
            part: the number of bad events.
            whole: the number of total events.
            history: how long a batch is remembered, in seconds.
        """
        for tally in (self.blue, self._own):
            tally[0] += part
            tally[1] += whole
        closed = self._own_closed
        if closed is not None and at - closed < self.seconds * (1 - MAX_MISSING_PART):
            return
        ratio, worst = ratio_beyond_chance(*self._own), self._worst
        self._own_closed, self._own = at, [0.0, 0.0]
        while worst and worst[-1][1] <= ratio:
            worst.pop()
        worst.append((at, ratio))
        while worst[0][0] <= at - history:
            worst.popleft()

    @property
    def worst(self) -> float:
        """Blue's highest ratio of bad events in a batch, minus the part that chance explains."""
        return self._worst[0][1] if self._worst else 0.0

    def is_due(self, at: float) -> bool:
        """Whether the batch is the first batch, or has lasted for at least 80 % of its length."""
        return self.closed_at is None or at - self.closed_at >= self.seconds * (
            1 - MAX_MISSING_PART
        )

    def bet(self, at: float, allowed: float) -> None:
        """Close the batch with one bet, and begin the next batch.

        Args:
            at: the end of the batch, in seconds.
            allowed: the largest ratio of bad events that green may have, more than 0.
        """
        before = self.closed_at
        passed = 1.0 if before is None else max(1.0, (at - before) / self.seconds)
        self.capital.pay_in(self._fresh * passed)
        part, whole = self.green
        self.capital.bet(min(1.0, part / whole), allowed)
        self.reset(at)

    def reset(self, at: float | None) -> None:
        """Begin an empty batch at the moment ``at``, in seconds; None for the first batch."""
        self.closed_at = at
        self.green, self.blue = [0.0, 0.0], [0.0, 0.0]


class Comparison:
    """Tests again and again whether green's ratio of bad events is over a limit.

    The limit is derived from blue's ratio. The test is a bet with a capital: the capital grows with
    each batch of counts in which green is over the limit, and a large capital stops green. A batch
    has all counts of some seconds.

    Every count is an increase since the previous scrape of the same instance. Every moment is in
    seconds, and is never earlier than the moment of the previous call.

    Args:
        terms: the parameters of the comparison, such as the lengths of the batches in seconds, the
            limit, and the capital at which green is stopped.

    Source: design of the live judge; Waudby-Smith and Ramdas, arXiv 2010.09686; Lindon et al.,
    Rapid regression detection in software deployments, arXiv 2205.14762.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._level = BaselineLevel(terms.history, terms.recent, 1.0 / terms.limit)
        self.fast = _Lane(terms.fast, FOR_TIME * terms.fast / terms.ramp)
        self.slow = _Lane(terms.slow, FOR_TIME * terms.slow / terms.ramp)
        self._step_at: float | None = None
        self._blue_at: float | None = None
        self._green_since = [0.0, 0.0]
        self._blue_since = [0.0, 0.0]
        self._waiting_since: float | None = None

    @property
    def capital(self) -> float:
        """The larger capital of two tests: one of short batches, one of long batches."""
        return max(self.fast.capital.amount, self.slow.capital.amount)

    def begin_step(self, at: float) -> None:
        """Begin a ramp step.

        Args:
            at: the moment at which green's share of the traffic changed.
        """
        first = self._step_at is None
        fresh = AT_START if first else FOR_STEPS / max(1, self._terms.steps - 1)
        for lane in (self.fast, self.slow):
            lane.capital.pay_in(fresh)
            if first:
                lane.reset(None)
        self._step_at = at

    def count_baseline(self, at: float, part: float, whole: float) -> None:
        """Add an increase of blue's total events and bad events.

        Args:
            at: the end of the time in which the events occurred.
            part: the number of bad events.
            whole: the number of total events.
        """
        self._level.count(at, part, whole)
        if whole > 0:
            self._blue_at = at
        self._blue_since[0] += part
        self._blue_since[1] += whole
        for lane in (self.fast, self.slow):
            lane.count_baseline(at, part, whole, self._terms.history)

    def count_canary(self, at: float, part: float, whole: float) -> None:
        """Count events of green; ignore events from before the ramp's first step.

        Args:
            at: the moment of the scrape with these events, in seconds.
            part: the number of bad events.
            whole: the number of total events.
        """
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
        """Close the batch with a bet, or without a bet where green had no events in the batch.

        While a scrape of blue is late, the batch stays open.
        """
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

    def should_stop(self, at: float, *, alone: bool) -> bool:
        """Whether to stop green, because green's ratio is too high and blue's ratio is lower.

        The capital must reach ``stop_at`` of the terms. Then the exact conditional test of two
        binomials compares the events that green and blue have had since the capital rose over 1.
        Where blue has no bad event, or no event at all, green is stopped after the waiting time
        ``patience`` of the terms at the latest.

        Args:
            at: the current moment.
            alone: whether green has all traffic, so that blue will have no more events. Then
                green is stopped without waiting where blue has no events to compare.

        Source: Przyborowski and Wilenski, Homogeneity of results in testing samples from Poisson
        series, Biometrika 31 (1940): the conditional test of two rates.
        """
        if self.capital < self._terms.stop_at:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = at
        (green, green_all), (blue, blue_all) = self._green_since, self._blue_since
        waited = at - self._waiting_since >= self._terms.patience
        if blue_all <= 0:
            return alone or waited
        share = MAX_SIMILAR_FACTOR * green_all / (MAX_SIMILAR_FACTOR * green_all + blue_all)
        if chance_of_at_least(round(green), round(green + blue), share) < self._terms.alike:
            return True
        return blue == 0 and waited

    def _is_awaited(self, at: float) -> bool:
        """Whether blue had events a short time ago, so that blue's next scrape is only late."""
        newest = self._blue_at
        return newest is not None and at - newest < MAX_LATE_BATCHES * self._terms.fast
