"""The matrix of the guide: each item, its objectives, their sources, and who decides the item."""

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
    """An objective that decides whether an item of the guide is fulfilled.

    Args:
        objective: the objective.
        checks: the ids of the objective's checks that verify the item; empty where the item names
            no check of the objective.
        sources: the sources of the objective's evidence, such as a suite or the ledger.
        stages: the names of the objective's stages that the item names; all stages of the
            objective where the item names none of them.
    """

    objective: Objective
    checks: tuple[str, ...]
    sources: tuple[Source, ...]
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """An item of the guide, with the objectives that decide it.

    Args:
        item: the item of the guide.
        deciding: the objectives that decide the item; empty where no objective decides the item.
        decider: who decides the item: a machine, people, or nobody.
        problems: the mistakes in the item, one sentence each.
    """

    item: GuideItem
    deciding: tuple[DecidingObjective, ...]
    decider: Decider
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixSection:
    """A section of the guide, with one row for each of its items."""

    section: GuideSection
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """All items of the guide, with the objectives of one policy that decide them.

    Args:
        policy: the policy that has the objectives.
        sections: the sections of the guide, in the guide's order.
    """

    policy: Policy
    sections: tuple[MatrixSection, ...]

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        """The rows of all items, in the guide's order."""
        return tuple(row for section in self.sections for row in section.rows)

    @property
    def problems(self) -> tuple[str, ...]:
        """The mistakes in all items: one sentence each, with the id of the item."""
        return tuple(f"{row.item.name}: {text}" for row in self.rows for text in row.problems)

    def totals(self, kind: ItemKind | None = None) -> Mapping[Decider, int]:
        """Count the items of each decider; a decider without items has the number 0.

        Args:
            kind: count only the items of this kind; None counts all items.
        """
        rows = [row for row in self.rows if kind in (None, row.item.kind)]
        counts = Counter(row.decider for row in rows)
        return {decider: counts[decider] for decider in Decider}

    @property
    def objectives(self) -> tuple[DecidingObjective, ...]:
        """Each objective that decides an item, once, with all its sources and stages."""
        stages = PolicyNames.of(self.policy).stages
        objectives = {
            deciding.objective.name: deciding.objective
            for row in self.rows
            for deciding in row.deciding
        }
        return tuple(_deciding(objectives[name], (), stages[name]) for name in objectives)


def build(sections: Sequence[GuideSection], policy: Policy) -> Matrix:
    """Find the objectives that decide each item of the guide.

    Args:
        sections: the sections of the guide, with their items.
        policy: the policy that has the objectives.

    Returns:
        The matrix. A row has problems where its item has mistakes, such as an unknown objective.
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
    """Return the stages of an objective that the item names; all stages where it names none."""
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
