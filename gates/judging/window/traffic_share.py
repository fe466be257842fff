"""Condition: the balancer has given the target its intended share for the whole bake time."""

from dataclasses import dataclass
from math import isfinite

from gates.judging import answers as reading
from gates.model import Evidence, Finding, Measured, Series, ShareObjective, Target, Verdict

TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Share:
    """The target's share of traffic, 0 to 1, at a moment in seconds since the epoch."""

    at: float
    share: float


def selectors(objective: ShareObjective) -> tuple[tuple[str, float], ...]:
    """The balancer's weights, back to before a long ramp began."""
    return ((objective.selector, objective.longest.total_seconds()),)


def conclude(objective: ShareObjective, evidence: Evidence) -> Finding:
    """Find out since when the share has been as intended, at every balancer."""
    answer = reading.sample_set(evidence, objective.selector, objective.longest.total_seconds())
    slot = evidence.target.slot
    max_age = objective.max_sample_age.total_seconds()
    measured, problem = answer.measured, answer.problem
    shares: list[list[Share]] = []
    by_ledger = measured is Measured.NO_DATA and bool(evidence.moves)
    if by_ledger:
        # Nobody scrapes the balancer: what the ramp command wrote down stands in for it, and the
        # traffic that each colour answered shows whether it is so.
        measured, given = Measured.OK, [Share(one.at, one.share) for one in evidence.moves]
        shares = [[*given, Share(answer.evaluated_at, given[-1].share)]]
    elif measured is Measured.OK:
        try:
            shares = shares_by_balancer(answer.series, objective.server_label, evidence.target)
        except ValueError as error:
            measured, problem = Measured.ERROR, str(error)
    if measured is Measured.OK and not all(shares):
        measured, problem = Measured.NO_DATA, "no moment at which all servers' weights are known"
    oldest = min((one[-1].at for one in shares if one), default=answer.evaluated_at)
    if measured is Measured.OK and abs(answer.evaluated_at - oldest) > max_age:
        age = answer.evaluated_at - oldest
        measured, problem = Measured.STALE, f"the newest weights are {age:.0f} s old"
    if measured is Measured.OK and shares:
        verdict, sentence = _judged(
            objective, slot, shares, answer.evaluated_at, by_ledger=by_ledger
        )
        sentence = f"by the ledger, {sentence}" if by_ledger else sentence
    else:
        verdict = Verdict.INCONCLUSIVE
        sentence = f"cannot see {slot}'s share of traffic: {answer.query}: {problem}"
    newest = [f"{one[-1].share:.4f}" for one in shares if one]
    return Finding(
        objective=objective.name,
        guide=objective.guide,
        measured=measured,
        verdict=verdict,
        sentence=sentence,
        next_step="" if verdict is Verdict.PASS else reading.look_again(answer),
        measurements=(reading.measurement(answer, ", ".join(newest) or "unknown"),),
    )


def _judged(
    objective: ShareObjective,
    slot: str,
    shares: list[list[Share]],
    now: float,
    *,
    by_ledger: bool,
) -> tuple[Verdict, str]:
    intended, bake = f"{100 * objective.share:g} %", objective.bake.total_seconds()
    for one in shares:
        if not _is_intended(one[-1].share, objective.share):
            seen = f"{slot} has {100 * one[-1].share:.3g} % of traffic"
            return Verdict.INCONCLUSIVE, f"{seen}, this stage asks at {intended}"
    max_age = None if by_ledger else objective.max_sample_age.total_seconds()
    since = now - max(_since(one, objective.share, max_age) for one in shares)
    sentence = f"{slot} has had {intended} of traffic for {since:.0f} s, bake {bake:.0f} s"
    if since >= bake:
        return Verdict.PASS, sentence
    return Verdict.INCONCLUSIVE, f"{sentence}; {bake - since:.0f} s to go"


def shares_by_balancer(
    series: tuple[Series, ...], server_label: str, target: Target
) -> list[list[Share]]:
    """Each balancer's share for the target at each moment when all its servers are known.

    Raises:
        ValueError: a weight is not a finite number.
    """
    balancers: dict[tuple[tuple[str, str], ...], dict[str, dict[float, float]]] = {}
    for one in series:
        if any(not isfinite(sample.value) for sample in one.samples):
            raise ValueError("a weight is not a number")
        rest = tuple(sorted((k, v) for k, v in one.labels.items() if k != server_label))
        server = one.labels.get(server_label, "")
        balancers.setdefault(rest, {})[server] = {at.at: at.value for at in one.samples}
    return [_shares(weights, target.servers) for weights in balancers.values()]


def _shares(weights: dict[str, dict[float, float]], servers: tuple[str, ...]) -> list[Share]:
    """The part of all weights that some servers have, when every server's weight is known."""
    moments = set.intersection(*(set(known) for known in weights.values()))
    totals = {at: sum(known[at] for known in weights.values()) for at in moments}
    if not set(servers) <= weights.keys():
        return []
    own = {at: sum(weights[server][at] for server in servers) for at in moments}
    return [Share(at, own[at] / totals[at]) for at in sorted(moments) if totals[at] > 0]


def _is_intended(share: float, intended: float) -> bool:
    return abs(share - intended) <= min(TOLERANCE, intended / 10)


def _since(shares: list[Share], intended: float, max_age: float | None) -> float:
    """The beginning of the unbroken stretch at the intended share that lasts until now.

    Args:
        shares: in order of time.
        intended: the share that is asked for.
        max_age: seconds between two samples after which nobody knows the share; None where the
            shares are those of a ledger, which has an entry for each move only.
    """
    begin = shares[-1].at
    for one in reversed(shares):
        hole = max_age is not None and begin - one.at > max_age
        if hole or not _is_intended(one.share, intended):
            break
        begin = one.at
    return begin
