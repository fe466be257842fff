"""Feeds the live judges the samples of Prometheus, scrape by scrape, and collects the findings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gates.judging import answers
from gates.judging.live import availability, doubled_series
from gates.judging.live.findings import FindingBasis, conclude
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.queries import (
    Colour,
    LivePlan,
    LiveQueries,
    LiveQuery,
    QueryGroup,
    Role,
    is_of_customers,
)
from gates.judging.live.scrapes import scrapes
from gates.judging.timeline import Timeline
from gates.model import Evidence, Finding, Measured, Move, SampleSet, Scrape
from gates.statistics import by_instance

UP = 1.0


@dataclass(frozen=True, slots=True)
class ColourAnswers:
    """The answers of Prometheus about one colour.

    Args:
        counters: the counters; every counter must have series of the same instances.
        late_counters: counters whose series appear with their first event.
        starts: when the processes started.
        up: whether Prometheus reaches each instance.
    """

    counters: tuple[SampleSet, ...]
    late_counters: tuple[SampleSet, ...]
    starts: SampleSet
    up: SampleSet

    @classmethod
    def of(cls, group: QueryGroup, colour: Colour, evidence: Evidence) -> "ColourAnswers":
        """The answers about one colour; each answer is in the field of its query's role."""

        def by_role(role: Role) -> tuple[SampleSet, ...]:
            return tuple(query.answer(evidence) for query in group.select(colour, role))

        return cls(
            by_role(Role.COUNTERS),
            by_role(Role.LATE_COUNTERS),
            by_role(Role.START_TIME)[0],
            by_role(Role.UP)[0],
        )

    @property
    def needed(self) -> tuple[SampleSet, ...]:
        """The answers without which no objective can be judged."""
        return (*self.counters, self.starts, self.up)


def findings(
    plan: LivePlan, queries: LiveQueries, timeline: Timeline, evidence: Evidence, now: float
) -> tuple[Finding, ...]:
    """Judge the live objectives of a stage.

    Objectives that read the same counters share a judge. Objectives that read other counters have
    another judge, so that missing samples of one judge do not affect the others.

    Args:
        plan: the stage's live objectives.
        queries: the queries of these objectives, whose answers are in the evidence.
        timeline: the balancer's moves.
        evidence: the evidence with the answers.
        now: seconds since the epoch.
    """
    by_name: dict[str, Finding] = {}
    for group in queries.groups:
        for finding in _of_group(group, timeline, evidence, now):
            by_name[finding.objective] = finding
    up = _instances(queries.processes, timeline, evidence, now)
    for objective in plan.availability:
        by_name[objective.name] = availability.conclude(
            objective, evidence.target, up, timeline.answer
        )
    return tuple(by_name[objective.name] for objective in (*plan.objectives, *plan.availability))


def _of_group(
    group: QueryGroup, timeline: Timeline, evidence: Evidence, now: float
) -> tuple[Finding, ...]:
    judge = LiveJudge.of(group.objectives, evidence.target)
    basis = _basis(group, timeline, evidence)
    if not group.queries:
        no_ramp = timeline.no_ramp or "no ramp is under way"
        return conclude(judge, now, (Measured.NO_DATA, no_ramp), basis)
    colours = {colour: ColourAnswers.of(group, colour, evidence) for colour in Colour}
    if is_of_customers(group.objectives[0]) and not _is_exported(colours.values()):
        _feed(judge, timeline.moves, [])  # no colour exports it, and no event is judged
        return conclude(judge, now, (Measured.OK, ""), basis)
    by_slot = dict(zip(judge.slots, (colours[Colour.GREEN], colours[Colour.BLUE]), strict=True))
    return conclude(judge, now, fed(judge, timeline.moves, by_slot, now), basis)


def _instances(
    queries: Sequence[LiveQuery], timeline: Timeline, evidence: Evidence, now: float
) -> availability.InstanceSamples | None:
    """What is known of green's instances; None where no ramp is under way."""
    of_green = {query.role: query for query in queries if query.colour is Colour.GREEN}
    if not of_green:
        return None
    return availability.InstanceSamples(
        timeline.moves,
        of_green[Role.UP].answer(evidence),
        of_green[Role.START_TIME].answer(evidence),
        now,
    )


def _is_exported(colours: Iterable[ColourAnswers]) -> bool:
    """Whether a colour has any series of the counters."""
    return any(
        answer.measured is not Measured.NO_DATA for colour in colours for answer in colour.counters
    )


def _basis(group: QueryGroup, timeline: Timeline, evidence: Evidence) -> FindingBasis:
    """The answers that the findings of a group are based on; without a ramp, the weights."""
    basis = FindingBasis({}, {})
    for objective in group.objectives:
        queries = group.of_objective.get(objective.name, ())
        known = [query.answer(evidence) for query in queries] or [timeline.answer]
        basis.measurements[objective.name] = tuple(
            answers.measurement(answer, f"{len(answer.series)} series") for answer in known
        )
        basis.commands[objective.name] = answers.command(known[0])
    return basis


def fed(
    judge: LiveJudge, moves: Sequence[Move], by_slot: Mapping[str, ColourAnswers], now: float
) -> tuple[Measured, str]:
    """Feed a judge the answers of Prometheus in the order of time.

    After a problem of one scrape the later scrapes are fed, too, so that the problem does not hide
    a later stop. A problem of a colour that the judge does not need is not reported.

    Args:
        judge: the judge.
        moves: the moves of the ramp that is under way.
        by_slot: the answers about each colour.
        now: seconds since the epoch.

    Returns:
        Why the objectives of the judge cannot be judged: a status and a sentence; ``(OK, "")``
        where the objectives can be judged.
    """
    every: list[Scrape] = []
    blind = Measured.OK, ""
    for slot, colour in by_slot.items():
        problem = _unusable(colour, judge.max_age, now)
        if problem[0] in (Measured.OK, Measured.STALE):  # samples before a gap still count
            every.extend(_scrapes(colour))
        if problem[0] is not Measured.OK and slot in judge.needs and blind[0] is Measured.OK:
            blind = problem
    if blind[0] not in (Measured.OK, Measured.STALE):
        return blind
    every.sort(key=lambda scrape: scrape.at)
    first_problem = _feed(judge, moves, every)
    if blind[0] is not Measured.OK:
        return blind
    return (Measured.ERROR, first_problem) if first_problem else judge.blindness(now)


def _unusable(colour: ColourAnswers, max_age: float, now: float) -> tuple[Measured, str]:
    """Why the answers of a colour cannot be fed to a judge; (OK, "") where the answers can."""
    for answer in colour.needed:
        if answer.measured is not Measured.OK:
            return answer.measured, f"{answer.query}: {answer.problem}"
    for answer in colour.late_counters:
        if answer.measured not in (Measured.OK, Measured.NO_DATA):
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
    """Why the events would be counted wrongly; empty where the count is right.

    Raises:
        ValueError: the answers are of different instances, or a series has no instance.
    """
    _require_same_instances((*colour.counters, colour.starts))
    for answer in (*colour.counters, *colour.late_counters):
        if spellings := answers.spelled_twice(answer.series):
            return f"a bucket is spelled {spellings[0]} and {spellings[1]} in {answer.query}"
    return doubled_series.problem(colour.starts, colour.counters)


def _scrapes(colour: ColourAnswers) -> list[Scrape]:
    """The scrapes that the answers of one colour hold."""
    return scrapes(
        [answer.series for answer in (*colour.counters, colour.starts)],
        colour.starts.series,
        optional=[answer.series for answer in colour.late_counters],
    )


def _feed(judge: LiveJudge, moves: Sequence[Move], every: Sequence[Scrape]) -> str:
    """Feed moves and scrapes to a judge.

    Returns:
        The first problem, or an empty text.
    """
    left, first = list(moves), ""
    for scrape in every:
        while left and left[0].at <= scrape.at:
            judge.move(left.pop(0))
        try:
            judge.scraped(scrape)
        except ValueError as error:
            first = first or (str(error) if scrape.slot in judge.needs else "")
    for move in left:
        judge.move(move)
    return first


def _down(up: SampleSet, max_age: float, now: float) -> str:
    """Which instance Prometheus knows and cannot reach; empty where all instances are reached."""
    for series in up.series:
        at, value = series.samples[-1]
        if now - at <= max_age and value != UP:
            return f"{series.labels.get('instance', '?')} is down: Prometheus cannot scrape it"
    return ""


def _behind(known: Sequence[SampleSet], max_age: float) -> str:
    """Compare the newest samples of each instance between the answers.

    Args:
        known: the answers.
        max_age: how many seconds an answer may be older than another answer.

    Returns:
        A sentence about the first answer that is too old; an empty text where no answer is.
    """
    latest: dict[tuple[str, str], float] = {}
    newest: dict[tuple[str, tuple[str, str]], float] = {}
    for answer in known:
        for series in answer.series:
            instance = (series.labels.get("slot", ""), series.labels.get("instance", ""))
            at = series.samples[-1].at
            latest[instance] = max(latest.get(instance, at), at)
            key = (answer.query, instance)
            newest[key] = max(newest.get(key, at), at)
    for (query, instance), at in newest.items():
        if latest[instance] - at > max_age:
            return f"{query}: nothing of {instance[1]} for {latest[instance] - at:.0f} s"
    return ""


def _require_same_instances(known: Sequence[SampleSet]) -> None:
    """Every answer of a colour must be of the same instances.

    Raises:
        ValueError: an answer is of other instances.
    """
    first: dict[str, tuple[str, set[str]]] = {}
    for answer in known:
        slots = {series.labels.get("slot", "") for series in answer.series}
        if len(slots) != 1:
            raise ValueError(f"{answer.query} is of several slots")
        instances, slot = set(by_instance(answer.series)), slots.pop()
        query, before = first.setdefault(slot, (answer.query, instances))
        if before != instances:
            raise ValueError(
                f"{query} is of {len(before)} instances, {answer.query} of {len(instances)}"
            )
