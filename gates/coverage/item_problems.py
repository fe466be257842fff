"""Finds mistakes in an item of the guide, such as an objective that the policy does not have."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from gates.coverage.guide_file import GuideItem
from gates.coverage.objective_sources import checks_of
from gates.model import Objective, Policy


@dataclass(frozen=True, slots=True)
class PolicyNames:
    """The objectives, stages and alert rules of a policy, by their names.

    Args:
        objectives: each objective of the policy, keyed by its name.
        stages: the names of the stages that have an objective, keyed by the objective's name.
        alerts: the names of the alert rules that the policy requires.
        advisory: the names of the advisory objectives.
    """

    objectives: Mapping[str, Objective]
    stages: Mapping[str, tuple[str, ...]]
    alerts: frozenset[str]
    advisory: frozenset[str] = frozenset()

    @classmethod
    def of(cls, policy: Policy) -> "PolicyNames":
        """Collect the names of the objectives, stages and alert rules of a policy."""
        objectives = {
            objective.name: objective for stage in policy.stages for objective in stage.objectives
        }
        stages: dict[str, list[str]] = {name: [] for name in objectives}
        for stage in policy.stages:
            for objective in stage.objectives:
                stages[objective.name].append(stage.name)
        alerts = [alert for level in policy.alert_levels for alert in level.alerts]
        stage_names = {name: tuple(names) for name, names in stages.items()}
        advisory = frozenset(name for stage in policy.stages for name in stage.advisories)
        return cls(objectives, stage_names, frozenset(alerts), advisory)


def problems(item: GuideItem, known: PolicyNames) -> Iterator[str]:
    """Find the mistakes in an item of the guide, and write one sentence about each mistake.

    Args:
        item: the item of the guide.
        known: the names that the policy has, and that the item may use.
    """
    if not item.objectives and not item.why_not:
        yield "no objective decides the item, and no reason is stated; add objectives or why_not"
    for name in item.objectives:
        if name not in known.objectives:
            yield f"the policy has no objective {name!r}{_nearest(name, known.objectives)}"
    if item.objectives and known.advisory.issuperset(item.objectives):
        yield "every objective of the item is advisory, so no objective decides the item"
    objectives = [known.objectives[name] for name in item.objectives if name in known.objectives]
    yield from _check_problems(item, objectives)
    yield from _stage_problems(item, known)
    for alert in item.alerts:
        if alert not in known.alerts:
            nearest = _nearest(alert, known.alerts)
            yield f"the policy does not require the alert rule {alert!r}{nearest}"


def _check_problems(item: GuideItem, objectives: Iterable[Objective]) -> Iterator[str]:
    """Find checks that no objective requires, and objectives without a check of the item."""
    required = {objective.name: set(checks_of(objective)) for objective in objectives}
    own = set().union(*required.values())
    for check in item.checks:
        if check not in own:
            yield f"no objective of the item has a check {check!r}{_nearest(check, own)}"
    for name, checks in required.items():
        if item.checks and checks and not checks.intersection(item.checks):
            yield f"the item's list of checks has no check of the objective {name}"


def _stage_problems(item: GuideItem, known: PolicyNames) -> Iterator[str]:
    """Find stages that the policy does not have, and stages without an objective of the item."""
    names = {stage for stages in known.stages.values() for stage in stages}
    for stage in item.stages:
        if stage not in names:
            yield f"the policy has no stage {stage!r}{_nearest(stage, names)}"
    possible = {stage for name in item.objectives for stage in known.stages.get(name, ())}
    if item.objectives and item.stages and not possible.intersection(item.stages):
        yield f"no objective of the item belongs to the stage {' or '.join(item.stages)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    """Write the most similar known name as a question; empty where no known name is similar."""
    near = get_close_matches(name, sorted(known), 1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
