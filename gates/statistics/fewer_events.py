"""The sequential test whether the canary (green) has fewer events per request than blue."""

from math import exp, log, sqrt

from gates.model import Terms
from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_most
from gates.statistics.comparison import MAX_LATE_BATCHES, MAX_MISSING_PART
from gates.statistics.tally import SlidingWindow, Tally

# The alternatives: green's rate as a share of blue's rate, and the share of the capital on it.
ALTERNATIVES = ((0.01, 0.7), (0.1, 0.2), (0.3, 0.1))
# The payments into the capital: at the start, over the later steps, over the time. The first steps
# have few orders, and a release that takes no orders must be stopped there.
AT_START, FOR_STEPS, FOR_TIME = 0.7, 0.2, 0.1
# One batch multiplies the capital by at most this factor: a burst of orders is not a trend.
MAX_FACTOR = 2.0
# A past with fewer events gives no rate.
MIN_PAST_EVENTS = 10
# The estimate of the past rate is low by this number of standard deviations.
DEVIATIONS = 2.0


class FewerEvents:
    """Bets that green has fewer events per request than a minimum part of blue's rate.

    The rate of a colour is the number of its events per request. Given the number of events of both
    colours together in a batch, green's number of events is binomial. The hypothesis is that
    green's rate is at least ``min_ratio`` times blue's rate. When the hypothesis is true, the
    likelihood ratio of a lower rate has an expectation of at most 1. So the capital is a
    supermartingale (Ville's inequality). While blue has no traffic, a low estimate of blue's past
    rate replaces blue's rate.

    Args:
        terms: the parameters of the test, such as the length of a batch, the length of the
            history, and the capital at which green is stopped.
        min_ratio: green's smallest accepted rate as a part of blue's rate, from 0 to 1.

    Source: Przyborowski and Wilenski, Homogeneity of results in testing samples from Poisson
    series, Biometrika 31 (1940): the conditional distribution; Wald, Sequential tests of
    statistical hypotheses (1945): the likelihood ratio as a sequential test.
    """

    def __init__(self, terms: Terms, min_ratio: float) -> None:
        self._terms = terms
        self._min_ratio = min_ratio
        self._bets = [(ratio, weight, Capital(weight)) for ratio, weight in ALTERNATIVES]
        self._green, self._blue = Tally(), Tally()
        self._past = SlidingWindow(terms.history)
        self._step_at: float | None = None
        self._closed_at: float | None = None
        self._blue_at: float | None = None

    @property
    def capital(self) -> float:
        """The sum of the capital of the bets on the three alternative rates."""
        return sum(capital.amount for _, _, capital in self._bets)

    @property
    def past_rate(self) -> float | None:
        """A low estimate of blue's events per request in the history; None below 10 events."""
        events, requests = self._past.tally.part, self._past.tally.whole
        if events < MIN_PAST_EVENTS or requests <= 0:
            return None
        return (events - DEVIATIONS * sqrt(events)) / requests

    def begin_step(self, at: float) -> None:
        """Begin a ramp step.

        Args:
            at: the moment at which green's share of the traffic changed, in seconds.
        """
        first = self._step_at is None
        self._pay_in(AT_START if first else FOR_STEPS / max(1, self._terms.steps - 1))
        if first:
            self._green, self._blue = Tally(), Tally()
            self._closed_at = at
        self._step_at = at

    def _pay_in(self, fresh: float) -> None:
        for _, weight, capital in self._bets:
            capital.pay_in(fresh * weight)

    def count_baseline(self, at: float, events: float, requests: float) -> None:
        """Count events of blue; while blue has no requests, blue's history does not change.

        Args:
            at: the end of the time in which the events occurred, in seconds.
            events: the number of events since the previous scrape.
            requests: the number of requests since the previous scrape.
        """
        self._blue.add(events, requests)
        if requests > 0:
            self._blue_at = at
            self._past.count(at, events, requests)

    def count_canary(self, at: float, events: float, requests: float) -> None:
        """Count events of green; events before the first step are ignored.

        Args:
            at: the end of the time in which the events occurred, in seconds.
            events: the number of events since the previous scrape.
            requests: the number of requests since the previous scrape.
        """
        if self._step_at is None or self._closed_at is None:
            return
        self._green.add(events, requests)
        passed = at - self._closed_at
        if passed < self._terms.fast * (1 - MAX_MISSING_PART) or self._green.whole <= 0:
            return
        if self._blue.whole <= 0 and self._is_awaited(at):
            return
        self._pay_in(FOR_TIME * max(passed, self._terms.fast) / self._terms.ramp)
        for ratio, _, capital in self._bets:
            capital.multiply(min(MAX_FACTOR, self._factor(ratio)))
        self._closed_at = at
        self._green, self._blue = Tally(), Tally()

    def _is_awaited(self, at: float) -> bool:
        """Whether blue had traffic a short time ago, so that blue's next scrape is only late."""
        return (
            self._blue_at is not None and at - self._blue_at < MAX_LATE_BATCHES * self._terms.fast
        )

    def _factor(self, ratio: float) -> float:
        """Return the likelihood ratio of an alternative rate in the batch.

        Args:
            ratio: green's rate as a part of blue's rate, when the alternative is true.
        """
        green, blue = self._green, self._blue
        if blue.whole > 0:
            null = share_of_events(self._min_ratio, green.whole, blue.whole)
            alternative = share_of_events(ratio, green.whole, blue.whole)
            return exp(
                green.part * log(alternative / null)
                + blue.part * log((1 - alternative) / (1 - null))
            )
        rate = self.past_rate
        if rate is None:
            return 1.0
        expected = rate * green.whole
        return exp(expected * (self._min_ratio - ratio) + green.part * log(ratio / self._min_ratio))

    def should_stop(self) -> bool:
        """Whether to stop green, because chance does not explain green's small number of events."""
        return self.capital >= self._terms.stop_at

    def p_value(self, green: Tally, blue: Tally, ratio: float) -> float | None:
        """Return the probability that green has so few events when a hypothesis is true.

        Args:
            green: green's events and requests.
            blue: blue's events and requests in the same time. Where blue has no requests, blue's
                history is used.
            ratio: the hypothesis: green's rate as a part of blue's rate, from 0 to 1.

        Returns:
            The p-value, from 0 to 1; None without events or requests to compare.
        """
        if green.whole <= 0:
            return None
        if blue.whole <= 0:
            blue = self._past.tally
        events = round(green.part + blue.part)
        if blue.whole <= 0 or not events:
            return None
        share = share_of_events(ratio, green.whole, blue.whole)
        return chance_of_at_most(round(green.part), events, share)


def share_of_events(ratio: float, green: float, blue: float) -> float:
    """Return green's part of all events when green's rate is ``ratio`` times blue's rate.

    Args:
        ratio: green's events per request divided by blue's events per request, more than 0.
        green: the number of green's requests.
        blue: the number of blue's requests.
    """
    return ratio * green / (ratio * green + blue)
