"""Reads the stages of a policy.

The tables are the groups of objectives, the template of the ramp steps, and the single stages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from gates.errors import UnknownNameError
from gates.model import (
    Advisory,
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    LiveBuildObjective,
    LiveObjective,
    Objective,
    OnCrash,
    RatioObjective,
    RollbackObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
    StageRole,
)
from gates.policy.toml_table import NAME, Table, one_of

# In the name and the title of the template, it stands for green's share.
PERCENT = "{percent}"
MAX_STEPS = 100
Named = Mapping[str, Objective]


@dataclass(frozen=True, slots=True)
class RampTable:
    """The values of the table ``[ramp]`` of a policy.

    Args:
        shares: green's share of the traffic in each ramp step, from 0 to 1, in rising order.
        stage: the template of the name of each step's stage; ``{percent}`` is green's share.
        title: the template of the title of each step's stage; ``{percent}`` is green's share.
        guide: the section of the deployment guide about the ramp.
        objectives: the names of the objectives and groups of each step.
        bake: the bake time of a ramp step.
        ready: the name of the stage that the gate judges before the first move.
        hold_seconds: the longest time that a ramp waits during a hold, in seconds; after this time
            a person must decide.
        no_go_rolls_back: whether a no-go during a ramp moves all traffic to blue.
        on_crash: the action on the traffic when a ramp cannot go on.
    """

    shares: tuple[float, ...]
    stage: str
    title: str
    guide: str
    objectives: tuple[str, ...]
    bake: timedelta
    ready: str
    hold_seconds: float
    no_go_rolls_back: bool
    on_crash: OnCrash


def ramp_table(table: Table) -> RampTable:
    """Read the table ``[ramp]``, and return its values.

    Raises:
        ConfigurationError: a key is wrong.
    """
    shares = table.numbers("shares", 0.01, 1)
    if len(shares) > MAX_STEPS or any(first >= second for first, second in pairwise(shares)):
        raise table.error(
            "shares", f"expected 1 to {MAX_STEPS} shares, each larger than the share before"
        )
    on_crash = OnCrash.ROLLBACK
    if "on_crash" in table.left():
        on_crash = OnCrash(one_of(table, "on_crash", [choice.value for choice in OnCrash]))
    ramp = RampTable(
        shares=shares,
        stage=table.text("stage"),
        title=table.text("title"),
        guide=table.text("guide"),
        objectives=table.texts("objectives"),
        bake=table.seconds("bake_seconds"),
        ready=table.name("ready"),
        hold_seconds=table.number("hold_seconds", 1, 86_400),
        no_go_rolls_back=table.flag("no_go_rolls_back"),
        on_crash=on_crash,
    )
    table.end()
    if PERCENT not in ramp.stage or not NAME.match(ramp.stage.replace(PERCENT, "10")):
        raise table.error("stage", f"expected a name with {PERCENT} in it, like ramp-{PERCENT}")
    return ramp


@dataclass(frozen=True, slots=True)
class Groups:
    """The objectives of a policy, and its groups of objectives.

    Args:
        objectives: the objectives, keyed by name.
        groups: the names of the objectives of each group, keyed by the name of the group.
        advisories: the trials of the advisory objectives, keyed by the name of the objective.
    """

    objectives: Named
    groups: Mapping[str, tuple[str, ...]]
    advisories: Mapping[str, Advisory] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table | None, objectives: Named) -> "Groups":
        """Read the table ``[groups]``; ``table`` is None where the policy has no groups."""
        groups: dict[str, tuple[str, ...]] = {}
        for name in table.left() if table else ():
            assert table is not None  # noqa: S101 - for the type checker
            groups[name] = table.texts(name)
            if name in objectives:
                raise table.error(
                    name, "an objective has the same name as this group; rename the group"
                )
            for member in groups[name]:
                if member not in objectives:
                    unknown = UnknownNameError("objective", member, objectives, "this policy")
                    raise table.error(name, str(unknown))
        return cls(objectives, groups)

    def chosen(self, names: Sequence[str], table: Table) -> list[Objective]:
        """Return the objectives of a stage, each once; a name in ``names`` may be a group."""
        members: dict[str, None] = {}
        for name in names:
            if name not in self.objectives and name not in self.groups:
                known = [*self.objectives, *self.groups]
                unknown = UnknownNameError("objective", name, known, "this policy")
                raise table.error("objectives", str(unknown))
            members |= dict.fromkeys(self.groups.get(name, (name,)))
        return [self.objectives[name] for name in members]

    def trials_of(self, chosen: Sequence[Objective]) -> dict[str, Advisory]:
        """Return the trials of the advisory objectives in ``chosen``, keyed by objective name."""
        names = (objective.name for objective in chosen)
        return {name: self.advisories[name] for name in names if name in self.advisories}


def stages(table: Table, ramp: RampTable, ramp_keys: Table, groups: Groups) -> tuple[Stage, ...]:
    """Return every stage in the policy's order; the ramp steps follow the stage ``ready``.

    Args:
        table: the table ``[stages]``.
        ramp: the template of the ramp steps.
        ramp_keys: the table ``[ramp]``, for error messages.
        groups: the objectives and the groups of objectives.

    Raises:
        ConfigurationError: a stage is wrong.
    """
    names = table.left()
    if ramp.ready not in names:
        unknown = UnknownNameError("stage", ramp.ready, names, "this policy")
        raise ramp_keys.error("ready", str(unknown))
    steps = list(_steps(ramp, ramp_keys, groups))
    ordered: list[Stage] = []
    for name in names:
        if name in {step.name for step in steps}:
            raise table.error(
                name, "a step of the ramp has the same name as this stage; rename the stage"
            )
        ordered.append(_stage(name, table.table(name), ramp, groups))
        if name == ramp.ready:
            ordered += steps
    if len(days := [stage.name for stage in ordered if stage.role is StageRole.DAY_OF]) > 1:
        raise table.error(
            days[1], f"{days[0]} has the role day_of, too; only one stage may have it"
        )
    return tuple(ordered)


def _steps(ramp: RampTable, table: Table, groups: Groups) -> Iterator[Stage]:
    chosen = groups.chosen(ramp.objectives, table)
    trials = groups.trials_of(chosen)
    _refuse_unbound(table, chosen, trials)
    _refuse_without_rollback(table, chosen, StageRole.STEP)
    for share in ramp.shares:
        percent = f"{100 * share:g}"
        yield Stage(
            name=ramp.stage.replace(PERCENT, percent),
            title=ramp.title.replace(PERCENT, percent),
            guide=ramp.guide,
            share=share,
            objectives=tuple(_at(objective, share, table) for objective in chosen),
            role=StageRole.STEP,
            bake=ramp.bake,
            advisories=trials,
        )


def _stage(name: str, table: Table, ramp: RampTable, groups: Groups) -> Stage:
    chosen = groups.chosen(table.texts("objectives"), table)
    trials = groups.trials_of(chosen)
    _refuse_unbound(table, chosen, trials)
    role = StageRole.READY if name == ramp.ready else _role(table)
    _refuse_without_rollback(table, chosen, role)
    share = table.number("share", 0.01, 1) if "share" in table.left() else None
    in_ramp = share is not None and role is not StageRole.AFTER_ROLLBACK
    bake = ramp.bake if in_ramp else None
    if in_ramp and "bake_seconds" in table.left():
        bake = table.seconds("bake_seconds")
    stage = Stage(
        name=name,
        title=table.text("title"),
        guide=table.text("guide"),
        share=share,
        objectives=tuple(_at(objective, share, table) for objective in chosen),
        role=role,
        bake=bake,
        advisories=trials,
    )
    table.end()
    return stage


def _role(table: Table) -> StageRole:
    """The role that a stage states: ``day_of``, ``after_rollback``, or none."""
    if "role" not in table.left():
        return StageRole.OTHER
    stated = (StageRole.DAY_OF.value, StageRole.AFTER_ROLLBACK.value)
    return StageRole(one_of(table, "role", stated))


def _refuse_without_rollback(table: Table, chosen: Sequence[Objective], role: StageRole) -> None:
    """Refuse objectives about a rollback in a stage that has no objective of kind rollback."""
    knows_rollback = any(isinstance(objective, RollbackObjective) for objective in chosen)
    if knows_rollback != (role is StageRole.AFTER_ROLLBACK):
        raise table.error(
            "objectives",
            'role = "after_rollback" and an objective of kind rollback go together; write both in '
            "the stage, or neither",
        )
    for objective in chosen:
        if not isinstance(objective, RatioObjective | ChecksObjective):
            continue
        if objective.since_rollback and not knows_rollback:
            raise table.error("objectives", f"{objective.name} needs an objective of kind rollback")


def _at(objective: Objective, share: float | None, table: Table) -> Objective:
    """Return the objective; an objective of kind share gets the stage's share of the traffic."""
    if isinstance(objective, LiveObjective | AvailabilityObjective) and share is None:
        raise table.error("share", f"missing; {objective.name} needs the share of the traffic")
    if not isinstance(objective, ShareObjective):
        return objective
    if share is None:
        raise table.error("share", f"missing; {objective.name} needs the share of the traffic")
    return replace(objective, share=share)


def _refuse_unbound(
    table: Table, chosen: Sequence[Objective], trials: Mapping[str, Advisory]
) -> None:
    """Refuse a stage without an objective that its other objectives need, such as live_build."""
    if not any(isinstance(objective, ServedBuildObjective) for objective in chosen):
        raise table.error(
            "objectives", "the stage needs an objective of kind served_build; add the objective"
        )
    windows = [
        objective.window for objective in chosen if isinstance(objective, LiveBuildObjective)
    ]
    live = [
        objective
        for objective in chosen
        if isinstance(objective, LiveObjective | AvailabilityObjective)
    ]
    shares = [objective for objective in chosen if isinstance(objective, ShareObjective)]
    if live and not (windows and shares):
        raise table.error(
            "objectives", f"{live[0].name} needs objectives of kinds live_build and share"
        )
    limited = [
        objective
        for objective in live
        if isinstance(objective, ComparisonObjective)
        and not objective.relative
        and objective.name not in trials
    ]
    if live and not limited:
        raise table.error(
            "objectives",
            f"{live[0].name} needs an objective of kind comparison that has a limit and is not "
            "advisory",
        )
    for objective in chosen:
        if isinstance(objective, RatioObjective) and objective.window > max(
            windows, default=timedelta()
        ):
            raise table.error(
                "objectives",
                f"{objective.name} needs an objective of kind live_build whose window is at "
                f"least as long as the window of {objective.name}",
            )
