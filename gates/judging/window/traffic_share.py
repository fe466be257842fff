"""Condition: the target has had its intended share of the traffic for the whole bake time."""

from collections.abc import Sequence

from gates.judging import answers
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.judging.timeline import Share, Timeline
from gates.model import SHARE_TOLERANCE, Evidence, Finding, Measured, ShareObjective, Verdict
from gates.model.figures import significant


def conclude(objective: ShareObjective, evidence: Evidence, timeline: Timeline) -> Finding:
    """Judge for how long every balancer has given the target the intended share of the traffic.

    Args:
        objective: the objective with the intended share and the bake time.
        evidence: the evidence about the target.
        timeline: the target's shares of the traffic over time.
    """
    answer, slot = timeline.answer, evidence.target.slot
    measured, problem = timeline.measured, timeline.problem
    max_age = objective.max_sample_age.total_seconds()
    newest = [shares[-1] for shares in timeline.balancers if shares]
    oldest = min((share.at for share in newest), default=answer.evaluated_at)
    if measured is Measured.OK and abs(answer.evaluated_at - oldest) > max_age:
        age = answer.evaluated_at - oldest
        measured, problem = Measured.STALE, f"the newest traffic weights are {age:.0f} s old"
    if measured is Measured.OK:
        verdict, sentence = _judged(objective, slot, timeline)
        sentence = f"according to the ledger, {sentence}" if timeline.by_ledger else sentence
        conclusion = Conclusion(measured, verdict, sentence)
    else:
        reads = f"{slot}'s share of traffic"
        conclusion = cannot_measure(measured, reads, f"{answer.query}: {problem}")
    known = ", ".join(f"{share.share:.4f}" for share in newest) or "unknown"
    measurement = answers.measurement(answer, known)
    return finding_of(objective, conclusion, [measurement], answers.command(answer))


def _judged(objective: ShareObjective, slot: str, timeline: Timeline) -> tuple[Verdict, str]:
    intended, bake = f"{100 * objective.share:g} %", objective.bake.total_seconds()
    for shares in timeline.balancers:
        if not _is_intended(shares[-1].share, objective.share):
            present = f"{slot} has {significant(100 * shares[-1].share)} % of the traffic"
            return Verdict.INCONCLUSIVE, f"{present}; this stage requires {intended}"
    max_age = None if timeline.by_ledger else objective.max_sample_age.total_seconds()
    begins = [_since(shares, objective.share, max_age) for shares in timeline.balancers]
    since = timeline.answer.evaluated_at - max(begins)
    sentence = (
        f"{slot} has had {intended} of the traffic for {since:.0f} s; the bake time is {bake:.0f} s"
    )
    if since >= bake:
        return Verdict.PASS, sentence
    return Verdict.INCONCLUSIVE, f"{sentence}; wait for {bake - since:.0f} s more"


def _is_intended(share: float, intended: float) -> bool:
    return abs(share - intended) <= min(SHARE_TOLERANCE, intended / 10)


def _since(shares: Sequence[Share], intended: float, max_age: float | None) -> float:
    """The moment from which the target has had the intended share without interruption until now.

    Args:
        shares: the shares, in order of time.
        intended: the intended share, from 0 to 1.
        max_age: the maximum time between two samples, in seconds; a longer time is an interruption.
            None for the shares of a ledger, which has an entry for each move only.
    """
    begin = shares[-1].at
    for share in reversed(shares):
        gap = max_age is not None and begin - share.at > max_age
        if gap or not _is_intended(share.share, intended):
            break
        begin = share.at
    return begin
