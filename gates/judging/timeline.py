"""Reads the target's share of the traffic over time, and when the ramp and its step began."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from gates.judging.metric_query import MetricQuery
from gates.model import (
    Evidence,
    Measured,
    Move,
    SampleSet,
    Series,
    ShareObjective,
    Target,
    is_same_share,
)


@dataclass(frozen=True, slots=True)
class Share:
    """The target's share of the traffic at one moment.

    Args:
        at: the moment, in seconds since the epoch.
        share: the target's part of all traffic weights, from 0 to 1.
    """

    at: float
    share: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The target's known shares of the traffic, in order of time.

    Args:
        answer: the query result with the traffic weights of the balancers.
        balancers: for each balancer, the target's shares that the balancer's weights give, in order
            of time.
        measured: whether the shares are known.
        problem: why the shares are not known; empty where the shares are known.
        by_ledger: whether the shares are from the ledger, because Prometheus has no weights.
        moves: the changes of the share in the ramp that is under way; empty without a ramp.
        no_ramp: why no ramp is known; empty where the shares are known from the weights, or where
            ``moves`` has moves.
    """

    answer: SampleSet
    balancers: tuple[tuple[Share, ...], ...]
    measured: Measured
    problem: str
    by_ledger: bool
    moves: tuple[Move, ...]
    no_ramp: str

    @property
    def is_unscraped(self) -> bool:
        """Whether Prometheus has no traffic weights, so that only the ledger has the moves."""
        return self.answer.measured is Measured.NO_DATA


def query_of(objective: ShareObjective) -> MetricQuery:
    """Return the query of the balancer's traffic weights.

    The window is longer than a ramp, so that the query result shows when the ramp began.

    Args:
        objective: the objective with the indicator of the traffic weights.
    """
    return MetricQuery(objective.indicator.selector, objective.longest.total_seconds())


def timeline_of(objective: ShareObjective, evidence: Evidence) -> Timeline:
    """Read the target's shares of the traffic from the traffic weights, or else from the ledger.

    Args:
        objective: the objective whose indicator selects the traffic weights.
        evidence: the evidence with the query result of the weights. Where the query result has no
            data, the moves of the ledger are used.
    """
    answer = query_of(objective).answer(evidence)
    if answer.measured is Measured.NO_DATA and evidence.moves:
        return _of_ledger(answer, evidence.moves)
    if answer.measured is not Measured.OK:
        unscraped = answer.measured is Measured.NO_DATA
        no_ramp = (
            "Prometheus has no traffic weights, and the ledger has no ramp" if unscraped else ""
        )
        return Timeline(
            answer,
            (),
            answer.measured,
            answer.problem,
            by_ledger=False,
            moves=(),
            no_ramp=no_ramp or answer.problem,
        )
    return of_weights(answer, objective.indicator.server_label, evidence.target)


def _of_ledger(answer: SampleSet, moves: Sequence[Move]) -> Timeline:
    """Create the timeline from the ledger's moves, which the weights do not confirm."""
    shares = [Share(move.at, move.share) for move in moves]
    last = Share(answer.evaluated_at, shares[-1].share)
    current = _current(moves)
    no_ramp = "" if current else "Prometheus has no traffic weights, and the ledger has no ramp"
    return Timeline(
        answer,
        ((*shares, last),),
        Measured.OK,
        "",
        by_ledger=True,
        moves=tuple(current),
        no_ramp=no_ramp,
    )


def of_weights(answer: SampleSet, server_label: str, target: Target) -> Timeline:
    """Create the timeline from a query result with traffic weights.

    Args:
        answer: the query result with the traffic weights.
        server_label: the name of the label whose value is the server.
        target: the target, which lists its servers.
    """
    unknown = (
        "Prometheus never has the traffic weights of all servers of a balancer at one moment, or "
        f"has no weights of the target's servers ({', '.join(target.servers)[:200]}), "
        "or all weights are 0"
    )
    balancers: tuple[tuple[Share, ...], ...] = ()
    measured, problem = Measured.OK, ""
    try:
        balancers = shares_by_balancer(answer.series, server_label, target)
    except ValueError as error:
        measured, problem = Measured.ERROR, str(error)
    if measured is Measured.OK and not (balancers and all(balancers)):
        measured, problem = Measured.NO_DATA, unknown
    moves: list[Move] = []
    if measured is Measured.OK:
        ramps = [_current(_moves(shares)) for shares in balancers]
        moves = max(ramps, key=lambda ramp: ramp[0].at if ramp else 0.0)
    return Timeline(
        answer, balancers, measured, problem, by_ledger=False, moves=tuple(moves), no_ramp=problem
    )


def shares_by_balancer(
    series: tuple[Series, ...], server_label: str, target: Target
) -> tuple[tuple[Share, ...], ...]:
    """Compute the target's shares of the traffic from the weights of each balancer.

    A share is known only at moments at which the weights of all servers of the balancer are known.

    Args:
        series: the time series of the traffic weights.
        server_label: the name of the label whose value is the server.
        target: the target, which lists its servers.

    Returns:
        The shares of each balancer, in order of time; empty for a balancer without the target's
        servers.

    Raises:
        ValueError: a traffic weight is not a finite number.
    """
    balancers: dict[tuple[tuple[str, str], ...], dict[str, dict[float, float]]] = {}
    for weights in series:
        if any(not isfinite(sample.value) for sample in weights.samples):
            raise ValueError("a traffic weight of the balancer is not a finite number")
        rest = tuple(sorted((k, v) for k, v in weights.labels.items() if k != server_label))
        server = weights.labels.get(server_label, "")
        values = {sample.at: sample.value for sample in weights.samples}
        balancers.setdefault(rest, {})[server] = values
    return tuple(_shares(weights, target.servers) for weights in balancers.values())


def _shares(weights: dict[str, dict[float, float]], servers: tuple[str, ...]) -> tuple[Share, ...]:
    """The part of all weights that ``servers`` have, at moments with the weights of all servers."""
    moments = set.intersection(*(set(known) for known in weights.values()))
    totals = {at: sum(known[at] for known in weights.values()) for at in moments}
    if not set(servers) <= weights.keys():
        return ()
    own = {at: sum(weights[server][at] for server in servers) for at in moments}
    return tuple(Share(at, own[at] / totals[at]) for at in sorted(moments) if totals[at] > 0)


def _moves(shares: Sequence[Share]) -> list[Move]:
    """The moments at which the share changed."""
    moves = [Move(shares[0].at, shares[0].share)]
    for share in shares[1:]:
        if not is_same_share(share.share, moves[-1].share):
            moves.append(Move(share.at, share.share))
    return moves


def _current(moves: Sequence[Move]) -> list[Move]:
    """The moves after the last move that left the target without traffic."""
    ramp: list[Move] = []
    for move in moves:
        ramp = [*ramp, move] if move.share > 0 else []
    return ramp
