"""The sequential test of *green has fewer events per request than blue*."""

from math import exp, log, sqrt

from gates.model import Terms
from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_most
from gates.statistics.comparison import EARLY, PATIENCE
from gates.statistics.tally import Recent, Tally

# The alternatives: green's rate as a part of blue's, each with its part of the capital.
ALTERNATIVES = ((0.01, 0.7), (0.1, 0.2), (0.3, 0.1))
# How fresh capital is paid in: at the start, over the later steps, over the time. Orders are few in
# the first steps, where a release that takes none must be stopped.
AT_START, FOR_STEPS, FOR_TIME = 0.7, 0.2, 0.1
# No batch may multiply the capital by more: one customer's burst of orders is no trend.
MAX_FACTOR = 2.0
# A past with fewer events does not tell a rate.
MIN_PAST_EVENTS = 10
# The rate of the past is read so many standard deviations low.
DEVIATIONS = 2.0


class FewerEvents:
    """Bets that green's events per request are fewer than a part of blue's.

    In each batch both colours have events and requests. Given how many events both had together,
    green's number is binomial. Under the hypothesis that green's rate is at least ``least_ratio``
    times blue's, the likelihood ratio of a lower rate has an expectation of at most 1, so the
    capital is a supermartingale (Ville's inequality). Where blue has no traffic, blue's rate is
    the one of its last half hour with traffic, read cautiously low.

    Args:
        terms: batch length, history, fresh capital and the capital at which green is stopped.
        least_ratio: the part of blue's rate, 0 to 1, that green must have.

    Source: Przyborowski and Wilenski, Homogeneity of results in testing samples from Poisson
    series, Biometrika 31 (1940): the conditional distribution; Wald, Sequential tests of
    statistical hypotheses (1945): the likelihood ratio as a sequential test.
    """

    def __init__(self, terms: Terms, least_ratio: float) -> None:
        self._terms = terms
        self._least = least_ratio
        self._bets = [(ratio, weight, Capital(weight)) for ratio, weight in ALTERNATIVES]
        self._green, self._blue = Tally(), Tally()
        self._past = Recent(terms.history)
        self._step_at: float | None = None
        self._closed_at: float | None = None
        self._blue_at: float | None = None

    @property
    def capital(self) -> float:
        """The capital of all alternatives together."""
        return sum(capital.amount for _, _, capital in self._bets)

    @property
    def past_rate(self) -> float | None:
        """Blue's events per request lately, read low; None where there were too few."""
        events, requests = self._past.tally.part, self._past.tally.whole
        if events < MIN_PAST_EVENTS or requests <= 0:
            return None
        return (events - DEVIATIONS * sqrt(events)) / requests

    def step(self, at: float) -> None:
        """Green gets another share of the traffic from this moment on."""
        first = self._step_at is None
        self._pay_in(AT_START if first else FOR_STEPS / max(1, self._terms.steps - 1))
        if first:
            self._green, self._blue = Tally(), Tally()
            self._closed_at = at
        self._step_at = at

    def _pay_in(self, fresh: float) -> None:
        for _, weight, capital in self._bets:
            capital.pay_in(fresh * weight)

    def baseline(self, at: float, events: float, requests: float) -> None:
        """What blue counted since the scrape before; an idle blue keeps its past."""
        self._blue.add(events, requests)
        if requests > 0:
            self._blue_at = at
            self._past.count(at, events, requests)

    def canary(self, at: float, events: float, requests: float) -> None:
        """What green counted since the scrape before; nothing is compared before the ramp."""
        if self._step_at is None or self._closed_at is None:
            return
        self._green.add(events, requests)
        passed = at - self._closed_at
        if passed < self._terms.fast * (1 - EARLY) or self._green.whole <= 0:
            return
        if self._blue.whole <= 0 and self._is_awaited(at):
            return
        self._pay_in(FOR_TIME * max(1.0, passed / self._terms.fast) * self._terms.fast
                     / self._terms.ramp)  # fmt: skip
        for ratio, _, capital in self._bets:
            capital.multiply(min(MAX_FACTOR, self._factor(ratio)))
        self._closed_at = at
        self._green, self._blue = Tally(), Tally()

    def _is_awaited(self, at: float) -> bool:
        """Whether blue had traffic a moment ago, so that its scrape is only late."""
        return self._blue_at is not None and at - self._blue_at < PATIENCE * self._terms.fast

    def _factor(self, ratio: float) -> float:
        """The likelihood ratio of one alternative in the batch."""
        green, blue = self._green, self._blue
        if blue.whole > 0:
            null = share_of_events(self._least, green.whole, blue.whole)
            alternative = share_of_events(ratio, green.whole, blue.whole)
            return exp(
                green.part * log(alternative / null)
                + blue.part * log((1 - alternative) / (1 - null))
            )
        rate = self.past_rate
        if rate is None:
            return 1.0
        expected = rate * green.whole
        return exp(expected * (self._least - ratio) + green.part * log(ratio / self._least))

    def stops(self) -> bool:
        """Whether green has fewer events than chance explains."""
        return self.capital >= self._terms.stop_at

    def chance(self, green: Tally, blue: Tally, ratio: float) -> float | None:
        """The chance of so few events on green, at most, if it had a part of blue's rate.

        Args:
            green: its events and requests.
            blue: the same at the same time; where it has no requests, its past stands in.
            ratio: green's rate as a part of blue's, 0 to 1.

        Returns:
            0 to 1; None where nothing can be compared.
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
    """Green's part of all events, if it has ``ratio`` times blue's rate.

    Args:
        ratio: green's events per request as a part of blue's, over 0.
        green: green's requests.
        blue: blue's requests.
    """
    return ratio * green / (ratio * green + blue)
