"""The queries of a stage's live objectives: built once, fetched, and judged by their role."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import assert_never

from gates.judging import answers
from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
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
        selector: the vector selector, with the colour's slot.
        window_seconds: the length of the window, which ends now.
    """

    role: Role
    colour: Colour
    selector: str
    window_seconds: float

    def answer(self, evidence: Evidence) -> SampleSet:
        """The answer to the query."""
        return answers.sample_set(evidence, self.selector, self.window_seconds)


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
        if not moves:
            groups = [QueryGroup(group, (), {}) for group in self.groups()]
            return LiveQueries(tuple(groups), ())
        builder = _Builder(self, target, float(ceil(now - moves[0].at + self.terms.history)))
        groups = [builder.group(group) for group in self.groups()]
        return LiveQueries(tuple(groups), builder.of_processes())

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

    def selectors(self, objective: LiveObjective) -> list[tuple[Role, str]]:
        """The roles and selectors of an objective's queries for each colour."""
        total = (Role.COUNTERS, self._total(objective))
        match objective:
            case ComparisonObjective(relative=True):
                return [total]  # the series of its bad events are among them
            case ComparisonObjective() | TriggerObjective():
                return [(Role.COUNTERS, objective.indicator.selected), total]
            case ThroughputObjective():
                return [total, (Role.LATE_COUNTERS, objective.indicator.selected)]
            case TrafficObjective() | RestartsObjective():
                return [total]
            case _:
                assert_never(objective)


@dataclass(frozen=True, slots=True)
class LiveQueries:
    """Every query of a stage's live objectives.

    Args:
        groups: the queries of the objectives, grouped by the counters that the objectives read.
        processes: the queries about the instances of both colours.
    """

    groups: tuple[QueryGroup, ...]
    processes: tuple[LiveQuery, ...]

    def wanted(self) -> list[tuple[str, float]]:
        """The selectors to fetch, each with its window in seconds; no pair occurs twice."""
        every = (query for group in self.groups for query in group.queries)
        pairs = ((query.selector, query.window_seconds) for query in (*every, *self.processes))
        return list(dict.fromkeys(pairs))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds queries for a target and a window in seconds."""

    plan: LivePlan
    target: Target
    window: float

    def group(self, objectives: tuple[LiveObjective, ...]) -> QueryGroup:
        of_objective = {
            objective.name: self._queries(self.plan.selectors(objective))
            for objective in objectives
        }
        every = (query for queries in of_objective.values() for query in queries)
        queries = tuple(dict.fromkeys((*every, *self.of_processes())))
        return QueryGroup(objectives, queries, of_objective)

    def of_processes(self) -> tuple[LiveQuery, ...]:
        processes = self.plan.processes
        return self._queries([(Role.START_TIME, processes.start_time), (Role.UP, processes.up)])

    def _queries(self, selectors: Iterable[tuple[Role, str]]) -> tuple[LiveQuery, ...]:
        return tuple(
            LiveQuery(
                role, colour,
                answers.for_slot(selector, self.target, baseline=colour is Colour.BLUE),
                self.window,
            )
            for colour in Colour
            for role, selector in selectors
        )  # fmt: skip


def is_of_customers(objective: LiveObjective) -> bool:
    """Whether an objective compares customers' events with blue, without a limit of its own."""
    return isinstance(objective, ThroughputObjective) or (
        isinstance(objective, ComparisonObjective) and objective.relative
    )
