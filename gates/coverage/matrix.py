"""The matrix of the guide: item, objectives, sources of their evidence, decider."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gates.coverage.guide_file import GuideItem, GuideSection, ItemKind
from gates.coverage.item_problems import PolicyNames, problems
from gates.coverage.objective_sources import Source, checks_of, sources_of
from gates.model import Objective, Policy, SignOffObjective


class Decider(Enum):
    """Who decides an item."""

    MACHINE = "machine"
    BOTH = "machine and people"
    PEOPLE = "people"
    REASON = "reason"  # nobody: a reason is stated
    NOBODY = "uncovered"


@dataclass(frozen=True, slots=True)
class DecidingObjective:
    """An objective that decides an item.

    Args:
        objective: the objective.
        checks: the checks that are about the item; empty where all of the objective are.
        sources: where the evidence comes from.
        stages: the names of the stages that ask for the objective, which the item names; where the
            item names none of them, all of them.
    """

    objective: Objective
    checks: tuple[str, ...]
    sources: tuple[Source, ...]
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """An item of the guide, and what decides it.

    Args:
        item: the item.
        deciding: the objectives that decide it.
        decider: who decides it.
        problems: what is wrong with the item, one sentence each.
    """

    item: GuideItem
    deciding: tuple[DecidingObjective, ...]
    decider: Decider
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixSection:
    """The rows of a section of the guide."""

    section: GuideSection
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole guide.

    Args:
        policy: the policy whose objectives decide.
        sections: the sections in the guide's order.
    """

    policy: Policy
    sections: tuple[MatrixSection, ...]

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        """Every row, in the guide's order."""
        return tuple(row for section in self.sections for row in section.rows)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of the items: one sentence each, with the id of the item."""
        return tuple(f"{row.item.name}: {text}" for row in self.rows for text in row.problems)

    def totals(self, kind: ItemKind | None = None) -> Mapping[Decider, int]:
        """The number of items by decider; every decider has a number.

        Args:
            kind: count only items of this kind; None for all.
        """
        rows = [row for row in self.rows if kind in (None, row.item.kind)]
        counts = Counter(row.decider for row in rows)
        return {decider: counts[decider] for decider in Decider}

    @property
    def objectives(self) -> tuple[DecidingObjective, ...]:
        """Every objective that decides an item, with all its checks and stages, each once."""
        stages = PolicyNames.of(self.policy).stages
        objectives = {
            deciding.objective.name: deciding.objective
            for row in self.rows
            for deciding in row.deciding
        }
        return tuple(_deciding(objectives[name], (), stages[name]) for name in objectives)


def build(sections: Sequence[GuideSection], policy: Policy) -> Matrix:
    """Find the objectives of every item.

    Args:
        sections: the guide's items.
        policy: the policy that has the objectives.

    Returns:
        The matrix; an item that names an unknown objective or check has a problem.
    """
    known = PolicyNames.of(policy)
    return Matrix(
        policy,
        tuple(
            MatrixSection(section, tuple(_row(item, known) for item in section.items))
            for section in sections
        ),
    )


def _row(item: GuideItem, known: PolicyNames) -> MatrixRow:
    objectives = [known.objectives[name] for name in item.objectives if name in known.objectives]
    deciding = tuple(
        _deciding(objective, item.checks, _narrowed(known.stages[objective.name], item.stages))
        for objective in objectives
    )
    return MatrixRow(item, deciding, _decider(item, objectives), tuple(problems(item, known)))


def _narrowed(every: tuple[str, ...], stages: Sequence[str]) -> tuple[str, ...]:
    """The stages of an objective that an item names; every stage where the item names no such."""
    return tuple(stage for stage in every if stage in stages) or every


def _deciding(
    objective: Objective, narrowed: Sequence[str], stages: tuple[str, ...]
) -> DecidingObjective:
    own = checks_of(objective)
    checks = tuple(check for check in narrowed if check in own)
    return DecidingObjective(objective, checks, sources_of(objective, checks), stages)


def _decider(item: GuideItem, objectives: Sequence[Objective]) -> Decider:
    if not objectives:
        return Decider.REASON if item.why_not else Decider.NOBODY
    people = [isinstance(objective, SignOffObjective) for objective in objectives]
    if all(people):
        return Decider.PEOPLE
    return Decider.BOTH if any(people) else Decider.MACHINE
