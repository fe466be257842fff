"""Feeds a live judge from the evidence: the balancer's moves and what Prometheus kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, assert_never

from gates.judging import answers as reading
from gates.judging.live import availability, timeline
from gates.judging.live import doubled_series as doubling
from gates.judging.live.findings import Rests, conclude
from gates.judging.live.live_judge import Live
from gates.judging.live.scrapes import scrapes
from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    Evidence,
    Finding,
    LiveObjective,
    Measured,
    Move,
    RestartsObjective,
    SampleSet,
    Scrape,
    ShareObjective,
    Target,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import by_instance, is_within

if TYPE_CHECKING:
    from gates.model import Measurement


@dataclass(frozen=True, slots=True)
class Reads:
    """The selectors some objectives read of a colour.

    Args:
        required: each must have series.
        optional: counters that appear with their first event.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def _reads_of(objective: LiveObjective) -> Reads:
    match objective:
        case ComparisonObjective(relative=True):
            return Reads((objective.whole,))  # the series of its bad events are among them
        case ComparisonObjective() | TriggerObjective():
            return Reads((objective.part, objective.whole))
        case ThroughputObjective():
            return Reads((objective.whole,), (objective.events,))
        case TrafficObjective() | RestartsObjective():
            return Reads((objective.whole,))
        case _:
            assert_never(objective)


def _is_of_customers(objective: LiveObjective) -> bool:
    """Whether an objective compares what customers meet with blue's alone, without a limit."""
    return isinstance(objective, ThroughputObjective) or (
        isinstance(objective, ComparisonObjective) and objective.relative
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stage asks of live metrics: its live objectives, its share, and its terms.

    Args:
        objectives: fed scrape by scrape.
        share: whose weights tell when the ramp began.
        terms: of the first comparison.
        availability: the objectives that are judged by ``up``.
    """

    objectives: tuple[LiveObjective, ...]
    share: ShareObjective
    terms: Terms
    availability: tuple[AvailabilityObjective, ...] = ()

    def groups(self) -> list[list[LiveObjective]]:
        """The objectives by the counters they read.

        Triggers are apart, for they need no blue; so are the customers' comparisons, so that what
        these cannot see blinds no other.
        """
        found: dict[tuple[str, bool, bool], list[LiveObjective]] = {}
        for one in self.objectives:
            key = (self.source(one), isinstance(one, TriggerObjective), _is_of_customers(one))
            found.setdefault(key, []).append(one)
        return list(found.values())

    def source(self, objective: LiveObjective) -> str:
        """The selector that is asked for an objective's whole.

        A customers' comparison is answered from a selector that is asked anyway and has all of
        its series, where there is one.
        """
        if not _is_of_customers(objective):
            return objective.whole
        others = (one.whole for one in self.objectives if not _is_of_customers(one))
        return next((wide for wide in others if is_within(objective.whole, wide)), objective.whole)

    def reads(self, objectives: Sequence[LiveObjective]) -> Reads:
        """What some objectives read, each selector once."""
        required: dict[str, None] = {}
        optional: dict[str, None] = {}
        for one in objectives:
            reads = _reads_of(one)
            for text in reads.required:
                required[self.source(one) if text == one.whole else text] = None
            optional |= dict.fromkeys(reads.optional)
        return Reads(tuple(required), tuple(optional))


@dataclass(frozen=True, slots=True)
class ColourAnswers:
    """The answers of Prometheus about one colour.

    Args:
        counters: each must be there, for the same instances.
        optional: counters whose series appear with their first event.
        starts: when the processes started.
        up: whether Prometheus reaches each instance.
    """

    counters: tuple[SampleSet, ...]
    optional: tuple[SampleSet, ...]
    starts: SampleSet
    up: SampleSet

    @property
    def needed(self) -> tuple[SampleSet, ...]:
        """Those without which nothing can be judged."""
        return (*self.counters, self.starts, self.up)


def selectors(
    asked: Asked, moves: Sequence[Move], target: Target, now: float
) -> list[tuple[str, float]]:
    """What to ask Prometheus for, each with its window in seconds; nothing without a ramp."""
    if not moves:
        return []
    reads, window = asked.reads(asked.objectives), _window(asked, moves, now)
    return [
        (reading.for_slot(text, target, baseline=baseline), window)
        for text in (*reads.required, *reads.optional, reading.STARTS, reading.UP)
        for baseline in (False, True)
    ]


def _window(asked: Asked, moves: Sequence[Move], now: float) -> float:
    return float(ceil(now - moves[0].at + asked.terms.history))


def findings(asked: Asked, evidence: Evidence, now: float) -> tuple[Finding, ...]:
    """Feed judges everything, and conclude.

    Objectives that read the same counters share a judge; others have one of their own, so that
    what one cannot see blinds no other.
    """
    moves, problem = timeline.moves(asked.share, evidence)
    blind = Measured.NO_DATA, problem or "no ramp is under way"
    found: dict[str, Finding] = {}
    for group in asked.groups():
        live = Live.of(group, evidence.target)
        both = _both(asked, group, evidence, moves, now)
        if both:
            if _is_of_customers(group[0]) and not _exported(both):
                _feed(live, moves, [])  # no colour exports it, and no event is judged
                blind = Measured.OK, ""
            else:
                blind = fed(live, moves, dict(zip(live.slots, both, strict=True)), now)
        rests_on = _rests_on(asked, group, evidence, both)
        found |= {one.objective: one for one in conclude(live, now, blind, rests_on)}
    for one in asked.availability:
        both = _both(asked, (), evidence, moves, now)
        up = availability.InstanceSamples(moves, both[0].up, both[0].starts, now) if both else None
        weights = _weights(asked, evidence)
        found[one.name] = availability.conclude(one, evidence.target, up, weights)
    return tuple(found[one.name] for one in (*asked.objectives, *asked.availability))


def _both(
    asked: Asked,
    group: Sequence[LiveObjective],
    evidence: Evidence,
    moves: Sequence[Move],
    now: float,
) -> tuple[ColourAnswers, ...]:
    """The answers a group reads, of green and of blue; none without a ramp."""
    if not moves:
        return ()
    reads, window = asked.reads(group), _window(asked, moves, now)

    def of(text: str, *, baseline: bool) -> SampleSet:
        named = reading.for_slot(text, evidence.target, baseline=baseline)
        return reading.sample_set(evidence, named, window)

    return tuple(
        ColourAnswers(
            counters=tuple(of(text, baseline=baseline) for text in reads.required),
            optional=tuple(of(text, baseline=baseline) for text in reads.optional),
            starts=of(reading.STARTS, baseline=baseline),
            up=of(reading.UP, baseline=baseline),
        )
        for baseline in (False, True)
    )


def _exported(both: Sequence[ColourAnswers]) -> bool:
    """Whether a colour has any series of the counters."""
    return any(answer.measured is not Measured.NO_DATA for one in both for answer in one.counters)


def _weights(asked: Asked, evidence: Evidence) -> SampleSet:
    share = asked.share
    return reading.sample_set(evidence, share.selector, share.longest.total_seconds())


def _rests_on(
    asked: Asked,
    group: Sequence[LiveObjective],
    evidence: Evidence,
    both: Sequence[ColourAnswers],
) -> Rests:
    """What the findings of a group rest on; without a ramp, the weights that show none."""
    measured: dict[str, tuple[Measurement, ...]] = {}
    again: dict[str, str] = {}
    for one in group:
        reads = asked.reads([one])
        wanted = {
            reading.for_slot(text, evidence.target, baseline=baseline)
            for text in (*reads.required, *reads.optional)
            for baseline in (False, True)
        }
        answers = [
            answer
            for colour in both
            for answer in (*colour.counters, *colour.optional)
            if _selector_of(answer) in wanted
        ] or [_weights(asked, evidence)]
        measured[one.name] = tuple(
            reading.measurement(answer, f"{len(answer.series)} series") for answer in answers
        )
        again[one.name] = reading.look_again(answers[0])
    return Rests(measured, again)


def _selector_of(answer: SampleSet) -> str:
    return answer.query.rpartition("[")[0]


def fed(
    live: Live, moves: Sequence[Move], answers: Mapping[str, ColourAnswers], now: float
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
    for slot, colour in answers.items():
        found = _unusable(colour, live.max_age, now)
        if found[0] in (Measured.OK, Measured.STALE):  # old or down now: what was before counts
            made.extend(_scrapes(colour))
        if found[0] is not Measured.OK and slot in live.needs and blind[0] is Measured.OK:
            blind = found
    if blind[0] not in (Measured.OK, Measured.STALE):
        return blind
    made.sort(key=lambda one: one.at)
    problem = _feed(live, moves, made)
    if blind[0] is not Measured.OK:
        return blind
    return (Measured.ERROR, problem) if problem else live.blindness(now)


def _unusable(colour: ColourAnswers, max_age: float, now: float) -> tuple[Measured, str]:
    """Why the answers of a colour cannot be fed; (OK, "") when they can."""
    for answer in (*colour.needed, *colour.optional):
        is_missing = answer in colour.optional and answer.measured is Measured.NO_DATA
        if answer.measured is not Measured.OK and not is_missing:
            return answer.measured, f"{answer.query}: {answer.problem}"
    counted = (*colour.counters, colour.starts)
    try:
        problem = _wrong_series(colour)
        _scrapes(colour)
    except ValueError as error:
        problem = str(error)
    if problem:
        return Measured.ERROR, problem
    if problem := _behind(counted, max_age) or _down(colour.up, max_age, now):
        return Measured.STALE, problem
    return Measured.OK, ""


def _wrong_series(colour: ColourAnswers) -> str:
    """Why events would be counted wrongly; empty when they are not.

    Raises:
        ValueError: the answers are of different instances, or one is without an instance.
    """
    _same_instances((*colour.counters, colour.starts))
    for one in (*colour.counters, *colour.optional):
        if two := reading.spelled_twice(one.series):
            return f"a bucket is spelled {two[0]} and {two[1]} in {one.query}"
    return doubling.problem(colour.starts, colour.counters)


def _scrapes(colour: ColourAnswers) -> list[Scrape]:
    """The scrapes that the answers of one colour hold."""
    return scrapes(
        [one.series for one in (*colour.counters, colour.starts)],
        colour.starts.series,
        optional=[one.series for one in colour.optional],
    )


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


def _down(up: SampleSet, max_age: float, now: float) -> str:
    """An instance that Prometheus knows and cannot reach; empty for none."""
    for one in up.series:
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
