"""Condition: the balancer has given the target its intended share for the whole bake time."""

from math import isfinite

from gates.conditions import reading
from gates.model import Evidence, Finding, Measured, Series, ShareObjective, Target, Verdict

TOLERANCE = 0.01


def selectors(objective: ShareObjective) -> tuple[tuple[str, float], ...]:
    """The balancer's weights, somewhat beyond the bake."""
    return ((objective.selector, window_seconds(objective)),)


def window_seconds(objective: ShareObjective) -> float:
    """The bake, and as much again as a sample may be old."""
    return objective.bake.total_seconds() + objective.max_sample_age.total_seconds()


def conclude(objective: ShareObjective, evidence: Evidence) -> Finding:
    """Find out since when the share has been as intended."""
    answer = reading.sample_set(evidence, objective.selector, window_seconds(objective))
    max_age = objective.max_sample_age.total_seconds()
    measured, problem = reading.blindness([answer], max_age)
    slot, bake = evidence.target.slot, objective.bake.total_seconds()
    intended = f"{100 * objective.share:g} %"
    shares = shares_by_time(answer.series, objective.server_label, evidence.target)
    if measured is not Measured.OK or not shares:
        said = problem or "no moment at which both colours' weights are known"
        verdict, sentence = Verdict.INCONCLUSIVE, f"cannot see {slot}'s share of traffic: {said}"
        measured = measured if measured is not Measured.OK else Measured.NO_DATA
    elif abs(shares[-1][1] - objective.share) > TOLERANCE:
        verdict = Verdict.INCONCLUSIVE
        sentence = (
            f"{slot} has {100 * shares[-1][1]:.3g} % of traffic, this stage asks at {intended}"
        )
    else:
        since = answer.evaluated_at - _since(shares, objective.share)
        verdict = Verdict.PASS if since >= bake - max_age else Verdict.INCONCLUSIVE
        sentence = f"{slot} has had {intended} of traffic for {since:.0f} s, bake {bake:.0f} s"
        if verdict is Verdict.INCONCLUSIVE:
            sentence += f"; {bake - since:.0f} s to go"
    return Finding(
        objective=objective.name,
        guide=objective.guide,
        measured=measured,
        verdict=verdict,
        sentence=sentence,
        next_step="" if verdict is Verdict.PASS else reading.look_again(answer),
        measurements=(
            reading.measurement(answer, f"{shares[-1][1]:.4f}" if shares else "unknown"),
        ),
    )


def shares_by_time(
    series: tuple[Series, ...], server_label: str, target: Target
) -> list[tuple[float, float]]:
    """(time, the target's share) at each moment when both colours' weights are known."""
    weights: dict[str, dict[float, float]] = {}
    for one in series:
        server = one.labels.get(server_label, "")
        known = weights.setdefault(server, {})
        known |= {sample.at: sample.value for sample in one.samples if isfinite(sample.value)}
    green, blue = weights.get(target.slot, {}), weights.get(target.baseline_slot, {})
    return [
        (time, green[time] / (green[time] + blue[time]))
        for time in sorted(green.keys() & blue.keys())
        if green[time] + blue[time] > 0
    ]


def _since(shares: list[tuple[float, float]], intended: float) -> float:
    """The beginning of the unbroken stretch at the intended share that lasts until now."""
    begin = shares[-1][0]
    for time, share in reversed(shares):
        if abs(share - intended) > TOLERANCE:
            break
        begin = time
    return begin
