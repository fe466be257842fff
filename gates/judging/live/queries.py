"""Builds the metric queries of a stage's live objectives, each with its purpose (role)."""

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
    merge_queries,
)
from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    EventIndicator,
    Evidence,
    LiveObjective,
    Move,
    Part,
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
    """One of the two deployments: the canary (green) or the baseline (blue)."""

    GREEN = "green"
    BLUE = "blue"


class Role(Enum):
    """The purpose of a metric query."""

    TOTAL = "total events"  # must have series
    SELECTED = "selected events"  # must have series, of the same instances as the total events
    BAD = "bad events"  # may have no series until the first bad event
    LATE = "late events"  # their series appear with their first event
    START_TIME = "start time"
    UP = "up"


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """A metric query for one colour, with its purpose.

    Args:
        role: the purpose of the query.
        colour: the colour whose time series the query selects.
        metric: the query itself: the selector and the window.
    """

    role: Role
    colour: Colour
    metric: MetricQuery

    @property
    def selector(self) -> str:
        """The vector selector, with the colour's label value in place of ``$slot``."""
        return self.metric.selector

    def answer(self, evidence: Evidence) -> SampleSet:
        """Return the result of the query from evidence that has this result."""
        return self.metric.answer(evidence)


@dataclass(frozen=True, slots=True)
class QueryGroup:
    """Live objectives that read the same counters and share a live judge, with their queries.

    Args:
        objectives: the live objectives.
        queries: all queries that the live judge needs, for both colours.
        of_objective: the queries for the counters of each objective, keyed by the objective's name.
    """

    objectives: tuple[LiveObjective, ...]
    queries: tuple[LiveQuery, ...]
    of_objective: Mapping[str, tuple[LiveQuery, ...]]

    def select(self, colour: Colour, *roles: Role) -> tuple[LiveQuery, ...]:
        """Return the queries of one colour that have one of the roles, in their order."""
        return tuple(
            query for query in self.queries if query.colour is colour and query.role in roles
        )


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The live objectives of a stage, with the settings that all these objectives share.

    Args:
        objectives: the objectives that count events scrape by scrape.
        share: the objective about the traffic share; its traffic weights show when the ramp began.
        terms: the parameters of the first comparison that counts.
        availability: the objectives about whether green's instances are up.
        processes: the indicator of the processes.
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
        """Create the plan of a stage.

        The objectives that count are before the advisory objectives. So an advisory objective does
        not determine the settings of the plan.

        Returns:
            The plan; None where the stage has no objective about the traffic share, or no
            comparison that counts.
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
        """Return the rollback triggers, grouped by the counters of their total events."""
        groups: dict[str, list[TriggerObjective]] = {}
        for objective in self.objectives:
            if isinstance(objective, TriggerObjective):
                groups.setdefault(objective.indicator.total, []).append(objective)
        return [tuple(group) for group in groups.values()]

    def trigger_queries(self, target: Target) -> tuple[QueryGroup, ...]:
        """Return the queries of the rollback triggers, each over the trigger's own window.

        The queries do not depend on when the ramp began. So they are possible before the gate has
        read the ramp.

        Args:
            target: green, whose target file names both colours.
        """
        return tuple(
            _Builder(self, target, float(ceil(trigger_window(group)))).group(group)
            for group in self.trigger_groups()
        )

    def groups(self) -> list[tuple[LiveObjective, ...]]:
        """Return the live objectives, grouped by the counters that the objectives read.

        Rollback triggers have their own groups, because triggers need no samples of blue.
        Comparisons without a limit and advisory objectives also have their own groups, so that
        their missing samples affect no other objective.
        """
        groups: dict[tuple[str, bool, bool, str], list[LiveObjective]] = {}
        for objective in self.objectives:
            is_trigger = isinstance(objective, TriggerObjective)
            trial = objective.name if objective.name in self.advisory else ""
            key = (self._total(objective), is_trigger, is_of_customers(objective), trial)
            groups.setdefault(key, []).append(objective)
        return [tuple(group) for group in groups.values()]

    def queries(self, moves: Sequence[Move], target: Target, now: float) -> "LiveQueries":
        """Create the metric queries of the live objectives for the current ramp.

        The window of these queries starts before the ramp began. In addition, rollback triggers
        have queries over their own windows. Without a ramp, there are only these trigger queries.

        Args:
            moves: the changes of green's share of the traffic in the ramp that is under way; empty
                without a ramp.
            target: green, whose target file names both colours.
            now: the moment of the decision, in seconds since the epoch.
        """
        triggers = self.trigger_queries(target)
        if not moves:
            groups = [QueryGroup(group, (), {}) for group in self.groups()]
            return LiveQueries(tuple(groups), (), triggers)
        # Each evaluation has the same begin of the window, so that it reads the same scrapes.
        begin = floor(moves[0].at - self.terms.history)
        builder = _Builder(self, target, round(now - begin, 3))
        groups = [builder.group(group) for group in self.groups()]
        return LiveQueries(tuple(groups), builder.of_processes(), triggers)

    def _total(self, objective: LiveObjective) -> str:
        """The selector that is queried for an objective's total.

        An objective about customers (see ``is_of_customers``) uses the selector of another
        objective, where this selector contains all series of its own selector.
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
        """Return the selectors that a live objective needs for each colour.

        Returns:
            For each query: the role, the selector of the query, and the indicator's selectors whose
            time series are read from the query result.
        """
        indicator = objective.indicator
        total = self._total(objective)
        match objective:
            case ComparisonObjective(relative=True):
                # The series of its bad events are among them.
                return [(Role.TOTAL, total, (indicator.selected, indicator.total))]
            case ComparisonObjective() | TriggerObjective():
                role = Role.BAD if indicator.part is Part.BAD else Role.SELECTED
                return [
                    (role, indicator.selected, (indicator.selected,)),
                    (Role.TOTAL, total, (indicator.total,)),
                ]
            case ThroughputObjective():
                return [
                    (Role.TOTAL, total, (indicator.total,)),
                    (Role.LATE, indicator.selected, (indicator.selected,)),
                ]
            case TrafficObjective() | RestartsObjective():
                return [(Role.TOTAL, total, (indicator.total,))]
            case _:
                assert_never(objective)


@dataclass(frozen=True, slots=True)
class LiveQueries:
    """All metric queries of a stage's live objectives.

    Args:
        groups: the queries of the objectives, grouped by the counters that the objectives read.
        processes: the queries for the start times and for ``up`` of both colours.
        triggers: the queries of the rollback triggers over the triggers' own windows.
    """

    groups: tuple[QueryGroup, ...]
    processes: tuple[LiveQuery, ...]
    triggers: tuple[QueryGroup, ...] = ()

    def of_triggers(self) -> list[MetricQuery]:
        """Return the queries over the rollback triggers' own windows; green's are the first."""
        queries = [query for group in self.triggers for query in group.queries]
        queries.sort(key=lambda query: query.colour is Colour.BLUE)
        return merge_queries(query.metric for query in queries)

    def of_history(self) -> list[MetricQuery]:
        """Return the queries over the whole ramp."""
        queries = [query for group in self.groups for query in group.queries]
        return merge_queries(query.metric for query in (*self.processes, *queries))

    def pairs(self) -> list[tuple[str, float]]:
        """Return the selector and the window in seconds of each query, without repetition."""
        return [query.pair for query in merge_queries((*self.of_triggers(), *self.of_history()))]


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
    """Return the length of the window that rollback triggers query, in seconds.

    Each trigger needs its own window, and the time for which its ratio must stay over the limit.
    The result is the largest sum of these two times, plus twice the largest maximum sample age,
    because there may be a gap between scrapes.

    Args:
        group: the rollback triggers of one group.
    """
    longest = max(trigger.window + trigger.lasting for trigger in group)
    return (longest + 2 * max(trigger.max_sample_age for trigger in group)).total_seconds()


def is_of_customers(objective: LiveObjective) -> bool:
    """Whether an objective compares green only with blue, and has no limit of its own.

    Such objectives are about customers: refused requests, declined payments, orders and captured
    payments.
    """
    return isinstance(objective, ThroughputObjective) or (
        isinstance(objective, ComparisonObjective) and objective.relative
    )
