"""The queries of a stage's live objectives: built once, fetched, and judged by their role."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil, floor
from typing import assert_never

from gates.judging import answers
from gates.judging.metric_query import (
    MetricQuery,
    SumPart,
    clock_of,
    counts_none,
    instance_labels,
    merged,
)
from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    EventIndicator,
    Evidence,
    LiveObjective,
    Move,
    ProcessIndicator,
    RestartsObjective,
    SampleSet,
    ShareObjective,
    Stage,
    Target,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.selector import is_within


class Colour(Enum):
    """One of the two deployments."""

    GREEN = "green"
    BLUE = "blue"


class Role(Enum):
    """The purpose of a query."""

    COUNTERS = "counters"  # each must have series, of the same instances
    LATE_COUNTERS = "late counters"  # their series appear with their first event
    START_TIME = "start time"
    UP = "up"


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """One query of one colour.

    Args:
        role: the purpose of the query.
        colour: the colour whose series the query selects.
        metric: the query.
    """

    role: Role
    colour: Colour
    metric: MetricQuery

    @property
    def selector(self) -> str:
        """The vector selector, with the colour's value."""
        return self.metric.selector

    def answer(self, evidence: Evidence) -> SampleSet:
        """The answer to the query."""
        return self.metric.answer(evidence)


@dataclass(frozen=True, slots=True)
class QueryGroup:
    """Objectives that read the same counters, and share a judge.

    Args:
        objectives: the objectives.
        queries: the queries of the judge, for both colours.
        of_objective: the queries of each objective, by the objective's name.
    """

    objectives: tuple[LiveObjective, ...]
    queries: tuple[LiveQuery, ...]
    of_objective: Mapping[str, tuple[LiveQuery, ...]]

    def select(self, colour: Colour, role: Role) -> tuple[LiveQuery, ...]:
        """The queries of a colour with a role."""
        return tuple(
            query for query in self.queries if query.colour is colour and query.role is role
        )


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The live objectives of a stage.

    Args:
        objectives: the objectives that read the counters scrape by scrape.
        share: the objective whose weights show when the ramp began.
        terms: the terms of the first comparison.
        availability: the objectives that are judged by whether Prometheus reaches the instances.
        processes: the indicator that lists the instances.
        advisory: the names of the advisory objectives.
    """

    objectives: tuple[LiveObjective, ...]
    share: ShareObjective
    terms: Terms
    availability: tuple[AvailabilityObjective, ...]
    processes: ProcessIndicator
    advisory: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stage: Stage) -> "LivePlan | None":
        """The plan of a stage; None where the stage has no live objective that counts.

        The objectives that count come first, because the plan takes its own settings from them.
        """
        trials = frozenset(stage.advisories)
        live = tuple(
            objective
            for objective in (*stage.required, *stage.trials)
            if isinstance(objective, LiveObjective)
        )
        shares = [
            objective for objective in stage.objectives if isinstance(objective, ShareObjective)
        ]
        terms = [
            objective.terms
            for objective in live
            if isinstance(objective, ComparisonObjective) and objective.name not in trials
        ]
        if not shares or not terms:
            return None
        available = tuple(
            objective
            for objective in stage.objectives
            if isinstance(objective, AvailabilityObjective)
        )
        return cls(live, shares[0], terms[0], available, live[0].processes, trials)

    def trigger_groups(self) -> list[tuple[TriggerObjective, ...]]:
        """The rollback triggers, grouped by the counters that the triggers read."""
        groups: dict[str, list[TriggerObjective]] = {}
        for objective in self.objectives:
            if isinstance(objective, TriggerObjective):
                groups.setdefault(objective.indicator.total, []).append(objective)
        return [tuple(group) for group in groups.values()]

    def trigger_queries(self, target: Target) -> tuple[QueryGroup, ...]:
        """The queries of the rollback triggers over their own windows.

        These queries depend neither on the ramp's history nor on the answers about it.

        Args:
            target: green, whose file names both slots.
        """
        return tuple(
            _Builder(self, target, float(ceil(trigger_window(group)))).group(group)
            for group in self.trigger_groups()
        )

    def groups(self) -> list[tuple[LiveObjective, ...]]:
        """The objectives, grouped by the counters that the objectives read.

        Triggers have groups of their own, because triggers need no samples of blue. The customers'
        comparisons and each advisory objective have groups of their own, so that their missing
        samples affect no other objective.
        """
        groups: dict[tuple[str, bool, bool, str], list[LiveObjective]] = {}
        for objective in self.objectives:
            is_trigger = isinstance(objective, TriggerObjective)
            trial = objective.name if objective.name in self.advisory else ""
            key = (self._total(objective), is_trigger, is_of_customers(objective), trial)
            groups.setdefault(key, []).append(objective)
        return [tuple(group) for group in groups.values()]

    def queries(self, moves: Sequence[Move], target: Target, now: float) -> "LiveQueries":
        """The live queries of the stage; without a ramp there are no queries.

        Each window starts before the ramp began.

        Args:
            moves: the moves of the ramp that is under way; empty without a ramp.
            target: green, whose file names both slots.
            now: seconds since the epoch.
        """
        triggers = self.trigger_queries(target)
        if not moves:
            groups = [QueryGroup(group, (), {}) for group in self.groups()]
            return LiveQueries(tuple(groups), (), triggers)
        # The window begins at the same moment in each look, so that looks read the same scrapes.
        begin = floor(moves[0].at - self.terms.history)
        builder = _Builder(self, target, round(now - begin, 3))
        groups = [builder.group(group) for group in self.groups()]
        return LiveQueries(tuple(groups), builder.of_processes(), triggers)

    def _total(self, objective: LiveObjective) -> str:
        """The selector that is queried for an objective's total.

        Where another objective already queries a selector that contains all series of a
        customers' comparison, the comparison uses that selector.
        """
        own = objective.indicator.total
        if not is_of_customers(objective):
            return own
        wide = (
            objective.indicator.total
            for objective in self.objectives
            if not is_of_customers(objective) and objective.name not in self.advisory
        )
        return next((total for total in wide if is_within(own, total)), own)

    def selectors(self, objective: LiveObjective) -> list[tuple[Role, str, tuple[str, ...]]]:
        """The queries of an objective for each colour.

        Returns:
            The role, the selector, and the selectors of the indicator that the answer is read for.
        """
        indicator = objective.indicator
        total = self._total(objective)
        match objective:
            case ComparisonObjective(relative=True):
                # The series of its bad events are among them.
                return [(Role.COUNTERS, total, (indicator.selected, indicator.total))]
            case ComparisonObjective() | TriggerObjective():
                return [
                    (Role.COUNTERS, indicator.selected, (indicator.selected,)),
                    (Role.COUNTERS, total, (indicator.total,)),
                ]
            case ThroughputObjective():
                return [
                    (Role.COUNTERS, total, (indicator.total,)),
                    (Role.LATE_COUNTERS, indicator.selected, (indicator.selected,)),
                ]
            case TrafficObjective() | RestartsObjective():
                return [(Role.COUNTERS, total, (indicator.total,))]
            case _:
                assert_never(objective)


@dataclass(frozen=True, slots=True)
class LiveQueries:
    """Every query of a stage's live objectives.

    Args:
        groups: the queries of the objectives, grouped by the counters that the objectives read.
        processes: the queries about the instances of both colours.
        triggers: the queries of the rollback triggers over the triggers' own windows.
    """

    groups: tuple[QueryGroup, ...]
    processes: tuple[LiveQuery, ...]
    triggers: tuple[QueryGroup, ...] = ()

    def of_triggers(self) -> list[MetricQuery]:
        """The queries of the rollback triggers over the triggers' own windows; green's first."""
        queries = [query for group in self.triggers for query in group.queries]
        queries.sort(key=lambda query: query.colour is Colour.BLUE)
        return merged(query.metric for query in queries)

    def of_history(self) -> list[MetricQuery]:
        """The queries over the whole ramp."""
        queries = [query for group in self.groups for query in group.queries]
        return merged(query.metric for query in (*self.processes, *queries))

    def wanted(self) -> list[tuple[str, float]]:
        """The selectors to fetch, each with its window in seconds; no pair occurs twice."""
        return [query.pair for query in merged((*self.of_triggers(), *self.of_history()))]


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds queries for a target and a window in seconds."""

    plan: LivePlan
    target: Target
    window: float

    def group(self, objectives: Sequence[LiveObjective]) -> QueryGroup:
        of_objective = {
            objective.name: tuple(self._counters(objective)) for objective in objectives
        }
        every = (query for queries in of_objective.values() for query in queries)
        queries = tuple(dict.fromkeys((*every, *self.of_processes())))
        return QueryGroup(tuple(objectives), queries, of_objective)

    def of_processes(self) -> tuple[LiveQuery, ...]:
        processes = self.plan.processes
        known = [(Role.START_TIME, processes.start_time), (Role.UP, processes.up)]
        return tuple(
            LiveQuery(role, colour, MetricQuery(self._named(selector, colour), self.window))
            for colour in Colour
            for role, selector in known
            if selector
        )

    def _counters(self, objective: LiveObjective) -> Iterator[LiveQuery]:
        indicator, processes = objective.indicator, self.plan.processes
        for colour in Colour:
            for role, selector, read in self.plan.selectors(objective):
                parts = tuple(self._part(indicator, text, colour) for text in read)
                metric = MetricQuery(
                    self._named(selector, colour),
                    self.window,
                    parts,
                    clock_of(processes, self._named(processes.up, colour)),
                    indicator.labels,
                    instance_labels(selector, processes, self.target),
                )
                yield LiveQuery(role, colour, metric)

    def _part(self, indicator: EventIndicator, text: str, colour: Colour) -> SumPart:
        whole = self._named(indicator.total, colour) if counts_none(indicator, text) else ""
        return SumPart(text, self._named(text, colour), whole)

    def _named(self, selector: str, colour: Colour) -> str:
        return answers.for_slot(selector, self.target, baseline=colour is Colour.BLUE)


def trigger_window(group: Sequence[TriggerObjective]) -> float:
    """How far back rollback triggers read, seconds.

    A trigger needs its window and the time for which it must last. A gap of two sample ages at the
    beginning or between two scrapes takes nothing from them.

    Args:
        group: the triggers.
    """
    longest = max(trigger.window + trigger.lasting for trigger in group)
    return (longest + 2 * max(trigger.max_sample_age for trigger in group)).total_seconds()


def is_of_customers(objective: LiveObjective) -> bool:
    """Whether an objective compares customers' events with blue, without a limit of its own."""
    return isinstance(objective, ThroughputObjective) or (
        isinstance(objective, ComparisonObjective) and objective.relative
    )
