"""Gives the live judges the scrapes of Prometheus, one after the other, and collects findings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gates.judging import answers
from gates.judging.live import availability
from gates.judging.live.colour_answers import ColourAnswers, gone_instances, read_scrapes
from gates.judging.live.fed_judges import FedJudge, FedJudges
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
from gates.judging.live.scrapes import AT
from gates.judging.timeline import Timeline
from gates.model import (
    Evidence,
    Finding,
    Measured,
    Scrape,
    Verdict,
)

# Samples before a gap still count.
MAY_BE_FED = (Measured.OK, Measured.STALE)


@dataclass(frozen=True, slots=True)
class LiveView:
    """The data by which live objectives are judged, in addition to the evidence.

    Args:
        queries: the queries of the live objectives. The evidence has the query results.
        timeline: green's shares of the traffic over time.
        fed_judges: the live judges of earlier evaluations; None where this evaluation is the only
            one.
    """

    queries: LiveQueries
    timeline: Timeline
    fed_judges: FedJudges | None = None


def findings(plan: LivePlan, view: LiveView, evidence: Evidence, now: float) -> tuple[Finding, ...]:
    """Judge the live objectives of a stage, and return one finding for each objective.

    A live judge counts the events of some counters, scrape by scrape. Objectives that read the same
    counters share a live judge. Objectives that read different counters have different judges, so
    that missing samples of one counter do not affect objectives about other counters.

    Args:
        plan: the stage's live objectives.
        view: the queries, the moves of traffic, and the live judges of earlier evaluations.
        evidence: the evidence with the query results.
        now: the moment of the decision, in seconds since the epoch.
    """
    queries, timeline = view.queries, view.timeline
    by_name: dict[str, Finding] = {}
    for group in queries.groups:
        for finding in _of_group(group, timeline, evidence, now, view.fed_judges):
            by_name[finding.objective] = finding
    of_triggers = trigger_findings(queries, timeline, evidence, now)
    for finding in with_triggers(by_name.values(), of_triggers):
        by_name[finding.objective] = finding
    for finding in availability_findings(plan, queries, timeline, evidence, now):
        by_name[finding.objective] = finding
    return tuple(by_name[objective.name] for objective in (*plan.objectives, *plan.availability))


def with_triggers(findings: Iterable[Finding], of_triggers: Iterable[Finding]) -> list[Finding]:
    """Replace findings about rollback triggers by the findings from the triggers' own windows.

    A finding about a trigger that fired earlier in the ramp is not replaced.

    Args:
        findings: the findings from the history of the whole ramp.
        of_triggers: the findings about rollback triggers from the triggers' own windows.

    Returns:
        All findings, in the order of ``findings``.
    """
    by_window = {finding.objective: finding for finding in of_triggers}
    return [
        finding if finding.verdict is Verdict.FAIL else by_window.get(finding.objective, finding)
        for finding in findings
    ]


def availability_findings(
    plan: LivePlan, queries: LiveQueries, timeline: Timeline, evidence: Evidence, now: float
) -> tuple[Finding, ...]:
    """Judge whether green's instances were up in this step.

    Args:
        plan: the stage's live objectives.
        queries: the queries of the live objectives.
        timeline: green's shares of the traffic over time.
        evidence: the evidence with the query results.
        now: the moment of the decision, in seconds since the epoch.

    Returns:
        A finding for each objective about availability.
    """
    up = _instances(queries.processes, timeline, evidence, now)
    return tuple(
        availability.conclude(objective, evidence.target, up, timeline.answer)
        for objective in plan.availability
    )


def trigger_findings(
    queries: LiveQueries, timeline: Timeline, evidence: Evidence, now: float
) -> tuple[Finding, ...]:
    """Judge the rollback triggers only by the samples in the triggers' own windows.

    Args:
        queries: the queries of the live objectives.
        timeline: green's shares of the traffic over time.
        evidence: the evidence with the results of the triggers' queries.
        now: the moment of the decision, in seconds since the epoch.

    Returns:
        The findings about the triggers. Empty without a ramp, and where the evidence is from an
        older version of the gate that did not query these windows.
    """
    if not timeline.moves:
        return ()
    return tuple(
        finding
        for group in queries.triggers
        if all(query.metric.is_in(evidence) for query in group.queries)
        for finding in _of_group(group, timeline, evidence, now)
    )


def _of_group(
    group: QueryGroup,
    timeline: Timeline,
    evidence: Evidence,
    now: float,
    fed_judges: FedJudges | None = None,
) -> tuple[Finding, ...]:
    target = evidence.target
    judge = LiveJudge.of(group.objectives, target)
    basis = _basis(group, timeline, evidence)
    if not group.queries:
        no_ramp = timeline.no_ramp or "no ramp is under way"
        return conclude(judge, now, (Measured.NO_DATA, no_ramp), basis)
    colours = {colour: ColourAnswers.of(group, colour, evidence) for colour in Colour}
    if is_of_customers(group.objectives[0]) and not _is_exported(colours.values()):
        FedJudge(judge).feed(timeline.moves, [])  # no colour exports it, and no event is judged
        return conclude(judge, now, (Measured.OK, ""), basis)
    by_slot = dict(zip(judge.slots, (colours[Colour.GREEN], colours[Colour.BLUE]), strict=True))
    known = _known(by_slot, judge, now, fed_judges)
    if known.blind[0] not in MAY_BE_FED:
        return conclude(judge, now, known.blind, basis)
    fed = (fed_judges or FedJudges()).judge_of(
        (group.objectives, judge.slots), lambda: judge, timeline.moves, known.scrapes
    )
    judge = fed.judge
    judge.scrapes_since = now - group.queries[0].metric.window_seconds
    for slot, gone in known.gone.items():
        judge.left(slot, gone)
    blind = known.blind if known.blind[0] is not Measured.OK else judge.blindness(now)
    if fed.problem and blind[0] is Measured.OK:
        blind = Measured.ERROR, fed.problem
    return conclude(judge, now, blind, basis)


@dataclass(frozen=True, slots=True)
class KnownScrapes:
    """The scrapes of both colours, with the reason why the objectives cannot be judged.

    Args:
        scrapes: the scrapes of both colours, in order of time.
        gone: the instances of each colour that are no longer in the service discovery of
            Prometheus.
        blind: a status and a sentence that says why the objectives cannot be judged; ``(OK, "")``
            where the objectives can be judged.
    """

    scrapes: list[Scrape]
    gone: Mapping[str, frozenset[str]]
    blind: tuple[Measured, str]


def _known(
    by_slot: Mapping[str, ColourAnswers],
    judge: LiveJudge,
    now: float,
    fed_judges: FedJudges | None = None,
) -> KnownScrapes:
    """Read the query results; ignore a problem of a colour that the judge does not need."""
    every: list[Scrape] = []
    gone: dict[str, frozenset[str]] = {}
    blind = Measured.OK, ""
    objectives = tuple(member.objective for member in judge.judges)
    for slot, colour in by_slot.items():
        memory = None
        if fed_judges is not None:
            memory = fed_judges.scrapes.setdefault((objectives, slot), {})
        problem, known = read_scrapes(colour, slot, judge.max_age, now, memory)
        if problem[0] in MAY_BE_FED:  # samples before a gap still count
            every.extend(known)
            gone[slot] = gone_instances(colour, judge.max_age)
        if problem[0] is not Measured.OK and slot in judge.needs and blind[0] is Measured.OK:
            blind = problem
    every.sort(key=AT)
    return KnownScrapes(every, gone, blind)


def _instances(
    queries: Sequence[LiveQuery], timeline: Timeline, evidence: Evidence, now: float
) -> availability.InstanceSamples | None:
    """The query results about green's instances; None where no ramp is under way."""
    of_green = {query.role: query for query in queries if query.colour is Colour.GREEN}
    if not of_green:
        return None
    start_time = of_green.get(Role.START_TIME)
    return availability.InstanceSamples(
        timeline.moves,
        of_green[Role.UP].answer(evidence),
        start_time.answer(evidence) if start_time else None,
        now,
    )


def _is_exported(colours: Iterable[ColourAnswers]) -> bool:
    """Whether a colour has any series of the counters."""
    return any(
        answer.measured is not Measured.NO_DATA for colour in colours for answer in colour.counters
    )


def _basis(group: QueryGroup, timeline: Timeline, evidence: Evidence) -> FindingBasis:
    """The query results for a group's findings; without a ramp, the result with the weights."""
    basis = FindingBasis({}, {})
    for objective in group.objectives:
        queries = group.of_objective.get(objective.name, ())
        known = [query.answer(evidence) for query in queries] or [timeline.answer]
        basis.measurements[objective.name] = tuple(
            answers.measurement(answer, f"{len(answer.series)} series") for answer in known
        )
        basis.commands[objective.name] = answers.command(known[0])
    return basis


def problem_of(
    judge: LiveJudge, group: QueryGroup, evidence: Evidence, now: float
) -> tuple[Measured, str]:
    """Find the reason why query results cannot be judged; the judge gets no scrapes.

    Args:
        judge: the live judge. The function tells the judge which instances are gone.
        group: the queries of the judge's objectives.
        evidence: the evidence with the query results.
        now: the moment of the decision, in seconds.

    Returns:
        A status and a sentence; ``(OK, "")`` where the query results can be judged. The judge may
        count scrapes only where the status is in ``MAY_BE_FED``.
    """
    colours = {colour: ColourAnswers.of(group, colour, evidence) for colour in Colour}
    if is_of_customers(group.objectives[0]) and not _is_exported(colours.values()):
        return Measured.OK, ""
    by_slot = dict(zip(judge.slots, (colours[Colour.GREEN], colours[Colour.BLUE]), strict=True))
    known = _known(by_slot, judge, now)
    for slot, gone in known.gone.items():
        judge.left(slot, gone)
    return known.blind
