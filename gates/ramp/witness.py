"""What Prometheus says of a move of traffic: the second witness, beside the balancer's own answer.

The balancer's control endpoint may answer 200 and move nothing. The weights that Prometheus scrapes
from the balancer, and the customers' requests that each colour counts, do not depend on it.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import pairwise

from gates.model import Measured, Policy, SampleSet, Series, ShareObjective, TrafficObjective
from gates.sources import source_named

SAME = 0.005
TOLERANCE = 0.01
WINDOW_SECONDS = 300.0
# Requests are read from this long before the move on.
BEFORE_SECONDS = 60.0
# Requests that were under way when the traffic moved are answered within this time.
DRAIN_SECONDS = 3.0
# A measured share this far over the intended share, in so many requests, is not chance.
FAR_OVER = 0.35
MIN_REQUESTS = 100
MIN_ASYMMETRY = 0.1
MIN_TURNED_REQUESTS = 20
# A contradiction is believed when two scrapes in a row show it.
SCRAPES = 2
WEIGHTS = 'haproxy_server_weight{proxy="store"}'
SERVER_LABEL = "server"
REQUESTS = 'http_requests_total{slot="$slot",traffic!="synthetic",route!~"/metrics|/api/health"}'
Points = list[tuple[float, float]]


class Opinion(Enum):
    """What a witness says of a move."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    NOT_YET = "not yet seen"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Statement:
    """An opinion, and the figures it rests on."""

    opinion: Opinion
    sentence: str


@dataclass(frozen=True, slots=True)
class ConfirmedMove:
    """A move of traffic that the control endpoint has confirmed.

    Args:
        share: the share that green was given, 0 to 1.
        at: when it was confirmed, seconds since the epoch.
        before: green's share before, as the control endpoint said; None where it is unknown.
    """

    share: float
    at: float
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What both series of the second witness say.

    Args:
        weights: of the weights as scraped.
        requests: of the requests as counted by each colour.
        weights_scraped: whether Prometheus has weights at all.
        mirrored: whether the control endpoint gives each colour the other colour's share.
        scrape_seconds: the time between two scrapes; 0 where that is unknown.
    """

    weights: Statement
    requests: Statement
    weights_scraped: bool
    mirrored: bool = False
    scrape_seconds: float = 0.0

    @property
    def opinion(self) -> Opinion:
        """Both together: one contradiction is enough; weights count before requests."""
        opinions = (self.weights.opinion, self.requests.opinion)
        if Opinion.CONTRADICTS in opinions:
            return Opinion.CONTRADICTS
        return self.weights.opinion if self.weights_scraped else self.requests.opinion

    @property
    def sentence(self) -> str:
        """Both sentences, or one where they are the same."""
        if self.weights == self.requests:
            return self.weights.sentence
        return f"{self.weights.sentence}; {self.requests.sentence}"

    def as_json(self) -> dict[str, str]:
        """What is kept in the ledger."""
        return {
            "weights": f"{self.weights.opinion.value}: {self.weights.sentence}",
            "requests": f"{self.requests.opinion.value}: {self.requests.sentence}",
        }


NOBODY = Statement(Opinion.NOT_SEEN, "no address of Prometheus is known")
NO_WITNESS = Report(NOBODY, NOBODY, weights_scraped=False)


@dataclass(frozen=True, slots=True)
class Witness:
    """Where and how Prometheus is asked.

    Args:
        prometheus: its address, without a trailing slash; empty where it is unknown.
        green: green's slot.
        blue: blue's slot.
        weights: selector of the balancer's weights of all servers.
        server_label: the label that names the server.
        requests: selector of a colour's customer requests, with ``$slot``.
    """

    prometheus: str
    green: str
    blue: str
    weights: str = WEIGHTS
    server_label: str = SERVER_LABEL
    requests: str = REQUESTS

    @classmethod
    def by(cls, policy: Policy, prometheus: str, green: str, blue: str) -> "Witness":
        """A witness that reads the series the policy names; the usual ones where it names none."""
        objectives = [one for stage in policy.stages for one in stage.objectives]
        shares = [one for one in objectives if isinstance(one, ShareObjective)]
        traffic = [one for one in objectives if isinstance(one, TrafficObjective)]
        return cls(
            prometheus, green, blue,
            weights=shares[0].selector if shares else WEIGHTS,
            server_label=shares[0].server_label if shares else SERVER_LABEL,
            requests=traffic[0].whole if traffic else REQUESTS,
        )  # fmt: skip

    def look(self, move: ConfirmedMove) -> Report:
        """Ask what became of a move; a query that fails is *not seen*."""
        if not self.prometheus:
            return NO_WITNESS
        window = min(WINDOW_SECONDS, BEFORE_SECONDS + max(0.0, time.time() - move.at))
        weights = self._samples(self.weights, WINDOW_SECONDS)
        green = self._samples(self.requests.replace("$slot", self.green), window)
        blue = self._samples(self.requests.replace("$slot", self.blue), window)
        shares = self._shares(weights)
        served = served_since(move, green, blue)
        return Report(
            weights=_weights(move, weights, shares, self.green),
            requests=_requests(move, served, self),
            weights_scraped=weights.measured is not Measured.NO_DATA,
            mirrored=_is_mirrored(move, shares, served),
            scrape_seconds=_interval((*weights.series, *green.series, *blue.series)),
        )

    def _samples(self, selector: str, window: float) -> SampleSet:
        source = source_named("prometheus", self.prometheus)
        return source.samples(selector, timedelta(seconds=round(window)), time.time())

    def _shares(self, answer: SampleSet) -> list[Points]:
        """Green's share by each balancer, at the moments when every server's weight is known."""
        balancers: dict[tuple[tuple[str, str], ...], dict[str, dict[float, float]]] = {}
        for one in answer.series:
            rest = tuple(sorted((k, v) for k, v in one.labels.items() if k != self.server_label))
            server = one.labels.get(self.server_label, "")
            balancers.setdefault(rest, {})[server] = {at.at: at.value for at in one.samples}
        return [self._share(weights) for weights in balancers.values()]

    def _share(self, weights: dict[str, dict[float, float]]) -> Points:
        moments = set.intersection(*(set(known) for known in weights.values()))
        own = [known for server, known in weights.items() if _is_of(server, self.green)]
        totals = {at: sum(known[at] for known in weights.values()) for at in moments}
        return [
            (at, sum(known[at] for known in own) / totals[at])
            for at in sorted(moments)
            if own and totals[at] > 0
        ]


@dataclass(frozen=True, slots=True)
class Count:
    """Customers' requests that a colour counted since a move.

    Args:
        total: since the requests that were under way had time to end.
        latest: between the last two scrapes; None where there are no two scrapes yet.
        before: in the minute before the move.
    """

    total: float
    latest: float | None
    before: float


@dataclass(frozen=True, slots=True)
class Served:
    """The requests of both colours."""

    green: Count
    blue: Count


def served_since(move: ConfirmedMove, green: SampleSet, blue: SampleSet) -> Served | str:
    """The requests of green and of blue, or why they are not known."""
    for answer in (green, blue):
        if answer.measured is not Measured.OK:
            return f"requests cannot be seen: {answer.problem}"
    return Served(_counted(move, green.series), _counted(move, blue.series))


def _counted(move: ConfirmedMove, series: tuple[Series, ...]) -> Count:
    total, before, latest, scraped = 0.0, 0.0, 0.0, False
    for one in series:
        earlier = [at.value for at in one.samples if at.at <= move.at]
        points = [(at.at, at.value) for at in one.samples if at.at > move.at]
        before += sum(_rise(first, second) for first, second in pairwise(earlier))
        rises = [(first[0], _rise(first[1], second[1])) for first, second in pairwise(points)]
        total += sum(rise for at, rise in rises if at >= move.at + DRAIN_SECONDS)
        if rises:
            latest, scraped = latest + rises[-1][1], True
    return Count(total, latest if scraped else None, before)


def _rise(earlier: float, later: float) -> float:
    """The increase of a counter; after a restart it counts from zero."""
    return later - earlier if later >= earlier else later


def _weights(move: ConfirmedMove, answer: SampleSet, shares: list[Points], green: str) -> Statement:
    if answer.measured is not Measured.OK:
        return Statement(Opinion.NOT_SEEN, f"weights cannot be seen: {answer.problem}")
    fresh = [[share for at, share in one if at > move.at] for one in shares]
    if not fresh or not all(fresh):
        return Statement(Opinion.NOT_YET, "no weights were scraped after the move")
    worst = max(fresh, key=lambda one: abs(one[-1] - move.share))
    sentence = f"Prometheus shows {green} with {100 * worst[-1]:.3g} % of the weights"
    if _is(worst[-1], move.share):
        return Statement(Opinion.AGREES, sentence)
    sentence += f", expected {100 * move.share:g} %"
    persistent = len(worst) >= SCRAPES and not _is(worst[-SCRAPES], move.share)
    return Statement(Opinion.CONTRADICTS if persistent else Opinion.NOT_YET, sentence)


def _requests(move: ConfirmedMove, served: Served | str, witness: Witness) -> Statement:
    if isinstance(served, str):
        return Statement(Opinion.NOT_SEEN, served)
    green, blue = served.green, served.blue
    if green.latest is None or blue.latest is None:
        return Statement(Opinion.NOT_YET, "requests were not scraped twice after the move")
    if move.share <= SAME:
        return _stopped(green, blue, witness)
    total = green.total + blue.total
    if total < MIN_REQUESTS:
        return Statement(Opinion.NOT_YET, f"{total:.0f} customer requests, too few to tell")
    share = green.total / total
    sentence = f"{witness.green} answered {100 * share:.3g} % of {total:.0f} customer requests"
    if share - move.share >= FAR_OVER:
        sentence += f", expected {100 * move.share:g} %"
        return Statement(Opinion.CONTRADICTS, sentence)
    close = abs(share - move.share) <= max(TOLERANCE * 5, move.share / 4)
    return Statement(Opinion.AGREES if close else Opinion.NOT_YET, sentence)


def _stopped(green: Count, blue: Count, witness: Witness) -> Statement:
    """Whether green answers no customer any more, while blue does."""
    if green.latest:
        sentence = f"{witness.green} still answers customers: {green.latest:.0f} in the last scrape"
        return Statement(Opinion.CONTRADICTS, sentence)
    if not blue.latest and not blue.total:
        return Statement(Opinion.NOT_SEEN, "neither colour has answered a customer since the move")
    return Statement(Opinion.AGREES, f"{witness.green} answers no customer any more")


def _is_mirrored(move: ConfirmedMove, shares: list[Points], served: Served | str) -> bool:
    """Whether the move gave green blue's share, and blue green's.

    The weights alone could be labelled the wrong way round. So they count where they agreed with
    the control endpoint before the move, and where no requests show the opposite.
    """
    opposite = 1 - move.share
    if abs(opposite - move.share) < MIN_ASYMMETRY:
        return False
    requests_turned = _requests_turned(move, served)
    if not shares:
        return requests_turned is True
    earlier = [[share for at, share in one if at < move.at - 1] for one in shares]
    fresh = [[share for at, share in one if at > move.at] for one in shares]
    for past, present in zip(earlier, fresh, strict=True):
        if not past or _is(past[-1], opposite) or len(present) < SCRAPES:
            return False
        if not all(_is(share, opposite) for share in present[-SCRAPES:]):
            return False
    if requests_turned is not None or move.before is None:
        return requests_turned is not False
    symmetric = abs(1 - 2 * move.before) < MIN_ASYMMETRY
    return symmetric or all(_is(past[-1], move.before) for past in earlier)


def _requests_turned(move: ConfirmedMove, served: Served | str) -> bool | None:
    """Whether green's share of the requests became the opposite; None where too few tell."""
    if isinstance(served, str) or served.green.latest is None or served.blue.latest is None:
        return None
    after = served.green.latest + served.blue.latest
    before = served.green.before + served.blue.before
    if min(after, before) < MIN_TURNED_REQUESTS:
        return None
    opposite = 1 - move.share
    turned = abs(served.green.latest / after - opposite) <= MIN_ASYMMETRY
    return turned and abs(served.green.before / before - opposite) > MIN_ASYMMETRY


def _interval(series: tuple[Series, ...]) -> float:
    """The longest of the usual times between two scrapes, seconds."""
    found = []
    for one in series:
        gaps = sorted(later.at - earlier.at for earlier, later in pairwise(one.samples))
        if gaps:
            found.append(gaps[len(gaps) // 2])
    return max(found, default=0.0)


def _is(share: float, wanted: float) -> bool:
    """Whether a share is the wanted one; nothing is exactly nothing."""
    return abs(share - wanted) <= (SAME if wanted <= SAME else TOLERANCE)


def _is_of(server: str, slot: str) -> bool:
    """Whether a server is of a colour: ``green``, ``green-2``, ``green3``."""
    rest = server.removeprefix(slot)
    return server.startswith(slot) and (not rest or rest.lstrip("-_.").isdigit())
