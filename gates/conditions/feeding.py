"""Feeds a live judge from the evidence: the balancer's moves and what Prometheus kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from gates.conditions import reading, timeline
from gates.conditions.live import Live
from gates.conditions.live_findings import Rests, conclude
from gates.conditions.scraped import scrapes
from gates.model import (
    Evidence,
    Finding,
    LiveObjective,
    Measured,
    Move,
    SampleSet,
    Scrape,
    ShareObjective,
    Target,
    Terms,
    TriggerObjective,
)
from gates.statistics import by_instance

if TYPE_CHECKING:
    from gates.model import (
        Measurement,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stage asks of live metrics: its live objectives, its share, and its terms."""

    objectives: tuple[LiveObjective, ...]
    share: ShareObjective
    terms: Terms

    def groups(self) -> list[list[LiveObjective]]:
        """The objectives by the counters they read; triggers apart, for they need no blue."""
        found: dict[tuple[str, bool], list[LiveObjective]] = {}
        for one in self.objectives:
            found.setdefault((one.whole, isinstance(one, TriggerObjective)), []).append(one)
        return list(found.values())


def selectors(
    asked: Asked, moves: Sequence[Move], target: Target, now: float
) -> list[tuple[str, float]]:
    """What to ask Prometheus for, each with its window in seconds; nothing without a ramp."""
    if not moves:
        return []
    window = float(ceil(now - moves[0].at + asked.terms.history))
    texts = dict.fromkeys(
        text
        for one in asked.objectives
        for text in (*_parts(one), one.whole, reading.STARTS, reading.UP)
    )
    return [
        (reading.for_slot(text, target, baseline=baseline), window)
        for text in texts
        for baseline in (False, True)
    ]


def _parts(objective: LiveObjective) -> tuple[str, ...]:
    part = getattr(objective, "part", None)
    return (part,) if part else ()


def findings(asked: Asked, evidence: Evidence, now: float) -> tuple[Finding, ...]:
    """Feed judges everything, and conclude.

    Objectives that read the same counters share a judge; others have one of their own, so that
    what one cannot see blinds no other.
    """
    moves, problem = timeline.moves(asked.share, evidence)
    wanted = selectors(asked, moves, evidence.target, now)
    answers = {one: evidence.samples[reading.key(*one)] for one in wanted}
    found: dict[str, Finding] = {}
    for group in asked.groups():
        live = Live.of(group, evidence.target)
        if moves:
            theirs = {
                slot: [
                    answer
                    for (selector, _), answer in answers.items()
                    if selector in _texts(group, evidence.target, baseline=baseline)
                ]
                for baseline, slot in enumerate(live.slots)
            }
            blind = fed(live, moves, theirs, now)
        else:
            blind = Measured.NO_DATA, problem or "no ramp is under way"
        rests_on = _rests_on(asked, group, evidence, answers)
        found |= {one.objective: one for one in conclude(live, now, blind, rests_on)}
    return tuple(found[one.name] for one in asked.objectives)


def _rests_on(
    asked: Asked,
    group: Sequence[LiveObjective],
    evidence: Evidence,
    answers: dict[tuple[str, float], SampleSet],
) -> Rests:
    """What the findings of a group rest on; without a ramp, the weights that show none."""
    share = asked.share
    weights = reading.sample_set(evidence, share.selector, share.longest.total_seconds())
    measured: dict[str, tuple[Measurement, ...]] = {}
    again: dict[str, str] = {}
    for one in group:
        theirs = _of(one, evidence.target, answers) or [weights]
        measured[one.name] = tuple(
            reading.measurement(answer, f"{len(answer.series)} series") for answer in theirs
        )
        again[one.name] = reading.look_again(theirs[0])
    return Rests(measured, again)


def _texts(group: Sequence[LiveObjective], target: Target, *, baseline: int) -> set[str]:
    """The selectors a group reads of a colour."""
    texts = {text for one in group for text in (*_parts(one), one.whole)}
    return {
        reading.for_slot(text, target, baseline=bool(baseline))
        for text in (*texts, reading.STARTS, reading.UP)
    }


def fed(
    live: Live, moves: Sequence[Move], answers: Mapping[str, Sequence[SampleSet]], now: float
) -> tuple[Measured, str]:
    """Feed a judge answers of Prometheus in order of time; why it is blind, or (OK, "").

    What is wrong with one scrape is said, and the feeding goes on: it must not hide what comes
    after it. What is wrong with a colour the judge does not need is left out.

    Args:
        live: the judge.
        moves: of the ramp that is under way.
        answers: by slot.
        now: seconds since the epoch.
    """
    made: list[Scrape] = []
    blind = Measured.OK, ""
    for slot, theirs in answers.items():
        found = _unusable(theirs, live.max_age, now)
        if found[0] in (Measured.OK, Measured.STALE):  # old or down now: what was before counts
            made.extend(_scrapes(theirs))
        if found[0] is not Measured.OK and slot in live.needs and blind[0] is Measured.OK:
            blind = found
    if blind[0] not in (Measured.OK, Measured.STALE):
        return blind
    made.sort(key=lambda one: one.at)
    problem = _feed(live, moves, made)
    if blind[0] is not Measured.OK:
        return blind
    return (Measured.ERROR, problem) if problem else live.blindness(now)


def _unusable(answers: Sequence[SampleSet], max_age: float, now: float) -> tuple[Measured, str]:
    """Why the answers of a colour cannot be fed; (OK, "") when they can."""
    for answer in answers:
        if answer.measured is not Measured.OK:
            return answer.measured, f"{answer.query}: {answer.problem}"
    counters = [one for one in answers if not one.query.startswith("up{")]
    try:
        _same_instances(counters)
        for one in counters:
            if two := reading.spelled_twice(one.series):
                spelled = f"a bucket is spelled {two[0]} and {two[1]} in {one.query}"
                return Measured.ERROR, spelled
        _scrapes(answers)
    except ValueError as error:
        return Measured.ERROR, str(error)
    if problem := _behind(counters, max_age) or _down(answers, max_age, now):
        return Measured.STALE, problem
    return Measured.OK, ""


def _scrapes(answers: Sequence[SampleSet]) -> list[Scrape]:
    """The scrapes that answers of one colour hold."""
    starts = [one for one in answers if one.query.startswith("process_start_time_seconds")]
    ours = [one for one in answers if one not in starts and not one.query.startswith("up{")]
    return scrapes([one.series for one in ours], [s for one in starts for s in one.series])


def _feed(live: Live, moves: Sequence[Move], made: Sequence[Scrape]) -> str:
    """Feed moves and scrapes; the first problem, or an empty text."""
    left, first = list(moves), ""
    for scrape in made:
        while left and left[0].at <= scrape.at:
            live.move(left.pop(0))
        try:
            live.scraped(scrape)
        except ValueError as error:
            first = first or (str(error) if scrape.slot in live.needs else "")
    for move in left:
        live.move(move)
    return first


def _down(answers: Sequence[SampleSet], max_age: float, now: float) -> str:
    """An instance that Prometheus knows and cannot reach; empty for none."""
    for answer in answers:
        if not answer.query.startswith("up{"):
            continue
        for one in answer.series:
            at, value = one.samples[-1]
            if now - at <= max_age and value != 1:
                return f"{one.labels.get('instance', '?')} is down: Prometheus cannot scrape it"
    return ""


def _behind(answers: Sequence[SampleSet], max_age: float) -> str:
    """An answer that is old for an instance that is seen otherwise; empty for none."""
    seen: dict[tuple[str, str], float] = {}
    newest: dict[tuple[str, tuple[str, str]], float] = {}
    for answer in answers:
        for one in answer.series:
            instance = (one.labels.get("slot", ""), one.labels.get("instance", ""))
            at = one.samples[-1].at
            seen[instance] = max(seen.get(instance, at), at)
            key = (answer.query, instance)
            newest[key] = max(newest.get(key, at), at)
    for (query, instance), at in newest.items():
        if seen[instance] - at > max_age:
            return f"{query}: nothing of {instance[1]} for {seen[instance] - at:.0f} s"
    return ""


def _same_instances(answers: Sequence[SampleSet]) -> None:
    """Every answer of a colour must be of the same instances.

    Raises:
        ValueError: one is of others.
    """
    known: dict[str, tuple[str, set[str]]] = {}
    for answer in answers:
        slots = {one.labels.get("slot", "") for one in answer.series}
        if len(slots) != 1:
            raise ValueError(f"{answer.query} is of several slots")
        instances, slot = set(by_instance(answer.series)), slots.pop()
        query, before = known.setdefault(slot, (answer.query, instances))
        if before != instances:
            raise ValueError(
                f"{query} is of {len(before)} instances, {answer.query} of {len(instances)}"
            )


def _of(
    objective: LiveObjective, target: Target, answers: dict[tuple[str, float], SampleSet]
) -> list[SampleSet]:
    texts = [
        reading.for_slot(text, target, baseline=baseline)
        for baseline in (False, True)
        for text in (*_parts(objective), objective.whole)
    ]
    return [answer for (selector, _), answer in answers.items() if selector in texts]
