"""The second witness of a move of traffic: Prometheus. The first witness is the control endpoint.

The control endpoint of the balancer may respond with 200 and move nothing. So the gate reads two
more values from Prometheus: the weights that Prometheus scrapes from the balancer, and the number
of customer requests that each colour counts.
"""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from itertools import pairwise

from gates.ledger import WitnessRecord
from gates.model import (
    NO_LOGIN,
    SAME_SHARE,
    SHARE_TOLERANCE,
    Access,
    Measured,
    Policy,
    SampleSet,
    Series,
    ShareObjective,
    Target,
    TrafficObjective,
    is_same_share,
)
from gates.model.figures import significant
from gates.model.selector import of_colour
from gates.ramp.request_counts import (
    ConfirmedMove,
    RequestCount,
    RequestCounts,
    requests_since,
)
from gates.sources import source_named

WINDOW_SECONDS = 300.0
# Requests are read from this long before the move on.
BEFORE_SECONDS = 60.0
# Chance does not explain this excess over the intended share in this number of requests.
MAX_EXCESS = 0.35
MIN_REQUESTS = 100
# A share of requests may differ from the intended share by chance: by this much, or by a quarter.
REQUEST_SHARE_TOLERANCE = 0.05
MIN_ASYMMETRY = 0.1
MIN_TURNED_REQUESTS = 20
# A contradiction counts when two scrapes in a row show it.
SCRAPES = 2
Points = list[tuple[float, float]]


class Opinion(Enum):
    """Whether the metrics in Prometheus confirm a move of traffic."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    NOT_YET = "not yet seen"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Statement:
    """An opinion about a move, and a sentence with the numbers behind this opinion."""

    opinion: Opinion
    sentence: str


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """The statements of Prometheus, the second witness, about one move.

    Args:
        weights: the statement based on the weights that Prometheus scraped from the balancer.
        requests: the statement based on the customer requests that each colour counted.
        weights_scraped: whether Prometheus has samples of the weights.
        mirrored: whether the control endpoint swaps the shares of the two colours.
        scrape_seconds: the time between two scrapes, in seconds; 0 where the time is unknown.
    """

    weights: Statement
    requests: Statement
    weights_scraped: bool
    mirrored: bool = False
    scrape_seconds: float = 0.0

    @property
    def opinion(self) -> Opinion:
        """Return CONTRADICTS if the weights or the requests contradict the move.

        Otherwise return the opinion of the weights, or of the requests where there are no weights.
        """
        opinions = (self.weights.opinion, self.requests.opinion)
        if Opinion.CONTRADICTS in opinions:
            return Opinion.CONTRADICTS
        return self.weights.opinion if self.weights_scraped else self.requests.opinion

    @property
    def sentence(self) -> str:
        """Return the sentences about weights and about requests; only one if both are equal."""
        if self.weights == self.requests:
            return self.weights.sentence
        return f"{self.weights.sentence}; {self.requests.sentence}"

    def as_record(self) -> WitnessRecord:
        """Return the report in the form in which the ledger stores it."""
        return WitnessRecord(
            weights=f"{self.weights.opinion.value}: {self.weights.sentence}",
            requests=f"{self.requests.opinion.value}: {self.requests.sentence}",
        )


NO_ADDRESS = Statement(Opinion.NOT_SEEN, "no address of Prometheus is known")
NO_WITNESS = WitnessReport(NO_ADDRESS, NO_ADDRESS, weights_scraped=False)
NO_SERIES = Statement(Opinion.NOT_SEEN, "no policy names the time series of weights and requests")
NO_POLICY = WitnessReport(NO_SERIES, NO_SERIES, weights_scraped=False)


@dataclass(frozen=True, slots=True)
class Witness:
    """The address of Prometheus, and the selectors of the time series that verify a move.

    Args:
        prometheus: the address of Prometheus, without a trailing slash; empty where unknown.
        green: the name of green's slot.
        blue: the name of blue's slot.
        servers: the names of green's servers at the balancer; empty where no target file is known.
            If empty, servers named like the slot, such as ``green`` and ``green-2``, are green's.
        weights: the selector of the weights of all servers of the balancer; empty without a policy.
        server_label: the label with the name of the server.
        requests: the selector of the customer requests of a colour, with ``$slot``; empty without a
            policy.
        access: the log-in, headers and time limit of queries to Prometheus.
        colour_label: the label of the colour; empty where the label in the selector is used.
    """

    prometheus: str
    green: str
    blue: str
    servers: tuple[str, ...] = ()
    weights: str = ""
    server_label: str = ""
    requests: str = ""
    colour_label: str = ""
    access: Access = NO_LOGIN.prometheus

    @classmethod
    def of_target(cls, policy: Policy, target: Target) -> "Witness":
        """Return the witness that verifies the moves of a target.

        Args:
            policy: the policy that names the time series.
            target: the target that is green.
        """
        witness = cls(
            target.addresses.prometheus,
            target.slot,
            target.baseline_slot,
            target.servers,
            access=target.access.prometheus,
            colour_label=target.colour_label,
        )
        return witness.with_policy(policy)

    def with_policy(self, policy: Policy) -> "Witness":
        """Return a copy of this witness with the selectors of a policy.

        Where the policy has no selector of weights or requests, the copy keeps the selector
        of this witness.
        """
        objectives = [objective for stage in policy.stages for objective in stage.required]
        shares = [each for each in objectives if isinstance(each, ShareObjective)]
        traffic = [each for each in objectives if isinstance(each, TrafficObjective)]
        return replace(
            self,
            weights=shares[0].indicator.selector if shares else self.weights,
            server_label=shares[0].indicator.server_label if shares else self.server_label,
            requests=traffic[0].indicator.total if traffic else self.requests,
            access=self.access,
        )

    def look(self, move: ConfirmedMove) -> WitnessReport:
        """Query Prometheus, and return whether its metrics confirm a move.

        After a failed query the opinion is ``NOT_SEEN``.

        Args:
            move: the last move.
        """
        if not self.prometheus:
            return NO_WITNESS
        if not self.weights or not self.requests:
            return NO_POLICY
        window = min(WINDOW_SECONDS, BEFORE_SECONDS + max(0.0, time.time() - move.at))
        weights = self._samples(self.weights, WINDOW_SECONDS)
        green = self._samples(of_colour(self.requests, self.green, self.colour_label), window)
        blue = self._samples(of_colour(self.requests, self.blue, self.colour_label), window)
        shares = self._shares(weights)
        counts = requests_since(move, green, blue)
        return WitnessReport(
            weights=_weights_statement(move, weights, shares, self),
            requests=_requests_statement(move, counts, self),
            weights_scraped=weights.measured is not Measured.NO_DATA,
            mirrored=_is_mirrored(move, shares, counts),
            scrape_seconds=_scrape_interval((*weights.series, *green.series, *blue.series)),
        )

    def _samples(self, selector: str, window: float) -> SampleSet:
        source = source_named("prometheus", self.prometheus, self.access)
        return source.samples(selector, timedelta(seconds=round(window)), time.time())

    def _shares(self, answer: SampleSet) -> list[Points]:
        """Return green's share at each balancer, at the times at which all weights are known."""
        balancers: dict[tuple[tuple[str, str], ...], dict[str, dict[float, float]]] = {}
        for series in answer.series:
            rest = tuple(sorted((k, v) for k, v in series.labels.items() if k != self.server_label))
            server = series.labels.get(self.server_label, "")
            points = {sample.at: sample.value for sample in series.samples}
            balancers.setdefault(rest, {})[server] = points
        return [self._share(weights) for weights in balancers.values()]

    def _share(self, weights: dict[str, dict[float, float]]) -> Points:
        if not set(self.servers) <= weights.keys():
            return []
        moments = set.intersection(*(set(points) for points in weights.values()))
        own = [points for server, points in weights.items() if self._is_green(server)]
        totals = {at: sum(points[at] for points in weights.values()) for at in moments}
        return [
            (at, sum(points[at] for points in own) / totals[at])
            for at in sorted(moments)
            if own and totals[at] > 0
        ]

    def _is_green(self, server: str) -> bool:
        """Whether a server of the balancer belongs to green."""
        if self.servers:
            return server in self.servers
        rest = server.removeprefix(self.green)
        return server.startswith(self.green) and (not rest or rest.lstrip("-_.").isdigit())


def _weights_statement(
    move: ConfirmedMove, answer: SampleSet, shares: list[Points], witness: Witness
) -> Statement:
    if answer.measured is not Measured.OK:
        return Statement(Opinion.NOT_SEEN, f"Prometheus returned no weights: {answer.problem}")
    fresh = [[share for at, share in points if at > move.at] for points in shares]
    if not fresh or not all(fresh):
        return Statement(Opinion.NOT_YET, _missing_weights(witness))
    worst = max(fresh, key=lambda balancer: abs(balancer[-1] - move.share))
    sentence = (
        f"Prometheus shows that {witness.green} has {significant(100 * worst[-1])} % of the weights"
    )
    if _is_intended(worst[-1], move.share):
        return Statement(Opinion.AGREES, f"{sentence}, as intended")
    sentence += f"; {100 * move.share:g} % were intended"
    is_persistent = len(worst) >= SCRAPES and not _is_intended(worst[-SCRAPES], move.share)
    return Statement(Opinion.CONTRADICTS if is_persistent else Opinion.NOT_YET, sentence)


def _missing_weights(witness: Witness) -> str:
    sentence = "Prometheus scraped no weights after the move"
    if not witness.servers:
        return sentence
    servers = ", ".join(witness.servers)
    return f"{sentence}; the weights of all servers of {witness.green} are needed: {servers}"


def _requests_statement(
    move: ConfirmedMove, counts: RequestCounts | str, witness: Witness
) -> Statement:
    if isinstance(counts, str):
        return Statement(Opinion.NOT_SEEN, counts)
    green, blue = counts.green, counts.blue
    if green.latest is None or blue.latest is None:
        return Statement(
            Opinion.NOT_YET, "Prometheus has not yet scraped the requests twice after the move"
        )
    if is_same_share(move.share, 0.0):
        return _stop_statement(green, blue, witness)
    total = green.total + blue.total
    if total < MIN_REQUESTS or not (green.is_counted and blue.is_counted):
        needed = f"at least {MIN_REQUESTS} are needed to judge the share"
        sentence = f"{total:.0f} customer requests after the move; {needed}"
        if total >= MIN_REQUESTS:
            sentence = "so far, Prometheus has scraped only one colour often enough after the move"
        return Statement(Opinion.NOT_YET, sentence)
    share = green.total / total
    sentence = (
        f"{witness.green} answered {significant(100 * share)} % of {total:.0f} customer requests"
    )
    sentence += f"; {100 * move.share:g} % were intended"
    if share - move.share >= MAX_EXCESS:
        return Statement(Opinion.CONTRADICTS, sentence)
    is_close = abs(share - move.share) <= max(REQUEST_SHARE_TOLERANCE, move.share / 4)
    return Statement(Opinion.AGREES if is_close else Opinion.NOT_YET, sentence)


def _stop_statement(green: RequestCount, blue: RequestCount, witness: Witness) -> Statement:
    """State whether green answers no customer any more, and blue answers customers."""
    if green.latest:
        sentence = (
            f"{witness.green} still answers customers: {green.latest:.0f} requests between the "
            "last two scrapes"
        )
        return Statement(Opinion.CONTRADICTS, sentence)
    if not blue.latest and not blue.total:
        return Statement(Opinion.NOT_SEEN, "neither colour has answered a customer since the move")
    return Statement(Opinion.AGREES, f"{witness.green} answers no customer any more")


def _is_mirrored(move: ConfirmedMove, shares: list[Points], counts: RequestCounts | str) -> bool:
    """Whether green now has blue's intended share, and blue has green's intended share.

    The labels of green and blue may be exchanged in the scraped weights. So the requests must
    show the exchange, too. With too few requests, the weights must have agreed with the control
    endpoint before the move.
    """
    opposite = 1 - move.share
    if abs(opposite - move.share) < MIN_ASYMMETRY:
        return False
    requests_turned = _requests_turned(move, counts)
    if not shares:
        return requests_turned is True
    earlier = [[share for at, share in points if at < move.at - 1] for points in shares]
    fresh = [[share for at, share in points if at > move.at] for points in shares]
    for past, present in zip(earlier, fresh, strict=True):
        if not past or _is_intended(past[-1], opposite) or len(present) < SCRAPES:
            return False
        if not all(_is_intended(share, opposite) for share in present[-SCRAPES:]):
            return False
    before = move.before
    if requests_turned is not None or before is None:
        return requests_turned is not False
    is_symmetric = abs(1 - 2 * before) < MIN_ASYMMETRY
    return is_symmetric or all(_is_intended(past[-1], before) for past in earlier)


def _requests_turned(move: ConfirmedMove, counts: RequestCounts | str) -> bool | None:
    """Whether the move gave green blue's intended share of requests; None with too few requests."""
    if isinstance(counts, str) or counts.green.latest is None or counts.blue.latest is None:
        return None
    after = counts.green.latest + counts.blue.latest
    before = counts.green.before + counts.blue.before
    if min(after, before) < MIN_TURNED_REQUESTS:
        return None
    opposite = 1 - move.share
    is_opposite_now = abs(counts.green.latest / after - opposite) <= MIN_ASYMMETRY
    return is_opposite_now and abs(counts.green.before / before - opposite) > MIN_ASYMMETRY


def _scrape_interval(several: tuple[Series, ...]) -> float:
    """Return the longest median time between two scrapes of a series, in seconds; 0 if unknown."""
    intervals = []
    for series in several:
        gaps = sorted(later.at - earlier.at for earlier, later in pairwise(series.samples))
        if gaps:
            intervals.append(gaps[len(gaps) // 2])
    return max(intervals, default=0.0)


def _is_intended(share: float, intended: float) -> bool:
    """Return whether a measured share is the intended share; an intended 0 has no tolerance."""
    is_nothing = is_same_share(intended, 0.0)
    return abs(share - intended) <= (SAME_SHARE if is_nothing else SHARE_TOLERANCE)
