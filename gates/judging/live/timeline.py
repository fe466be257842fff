"""When the ramp and its step began, from the balancer's weights as Prometheus saw them."""

from collections.abc import Sequence

from gates.judging import answers as reading
from gates.judging.window.traffic_share import shares_by_balancer
from gates.model import Evidence, Measured, Move, SampleSet, ShareObjective, Target

SAME = 0.005


def moves(objective: ShareObjective, evidence: Evidence) -> tuple[list[Move], str]:
    """The moves of the ramp that is under way, and why there are none: empty when there are.

    Args:
        objective: whose selector the weights were asked for by.
        evidence: with those weights; where nobody scrapes them, with the moves written down.
    """
    answer = reading.sample_set(evidence, objective.selector, objective.longest.total_seconds())
    if answer.measured is Measured.NO_DATA:
        found = _current(list(evidence.moves))
        return found, "" if found else "no weights in Prometheus, and no ramp in the ledger"
    if answer.measured is not Measured.OK:
        return [], answer.problem
    return of_weights(answer, objective.server_label, evidence.target)


def not_scraped(objective: ShareObjective, evidence: Evidence) -> bool:
    """Whether Prometheus knows no weights at all."""
    answer = reading.sample_set(evidence, objective.selector, objective.longest.total_seconds())
    return answer.measured is Measured.NO_DATA


def of_weights(answer: SampleSet, server_label: str, target: Target) -> tuple[list[Move], str]:
    """The moves of the ramp that is under way, from an answer with weights."""
    try:
        balancers = shares_by_balancer(answer.series, server_label, target)
    except ValueError as error:
        return [], str(error)
    if not balancers or not all(balancers):
        return [], "no moment at which all servers' weights are known"
    found = []
    for one in balancers:
        known = [Move(one[0].at, one[0].share)]
        for share in one[1:]:
            if abs(share.share - known[-1].share) > SAME:
                known.append(Move(share.at, share.share))
        found.append(_current(known))
    return max(found, key=lambda one: one[0].at if one else 0.0), ""


def _current(known: Sequence[Move]) -> list[Move]:
    """From the first move after the target last had no traffic."""
    ramp: list[Move] = []
    for move in known:
        ramp = [*ramp, move] if move.share > 0 else []
    return ramp
