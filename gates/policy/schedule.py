"""The schedule of a ramp: each step's share of the traffic, and the stage that permits the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gates.errors import ConfigurationError
from gates.model import Policy
from gates.policy.toml_table import read

MAX_STEPS = 100
MAX_BAKE_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ramp.

    Args:
        share: green's share of the traffic, 0 to 1.
        stage: the stage about which the gate is asked.
        bake_seconds: the bake time: how long the ramp waits before it asks the gate.
    """

    share: float
    stage: str
    bake_seconds: float


def of_policy(policy: Policy, where: str) -> tuple[Step, ...]:
    """The policy's own schedule: every stage with traffic, in order, with its bake time.

    Args:
        policy: the policy, already divided by the time scale.
        where: the policy's file, for messages.

    Raises:
        ConfigurationError: the shares fall, or do not end at 1.
    """
    steps = [
        Step(stage.share, stage.name, stage.bake.total_seconds())
        for stage in policy.stages
        if stage.share is not None and stage.bake is not None
    ]
    return _checked(steps, where)


def load(path: Path, policy: Policy, time_scale: float) -> tuple[Step, ...]:
    """Read a schedule: a table for each stage, with ``bake_seconds`` or without.

    Args:
        path: the TOML file of the schedule.
        policy: the policy with the stages, already divided by the time scale.
        time_scale: the factor by which every bake time of the file is divided.

    Raises:
        ConfigurationError: the schedule is wrong: the shares must rise and end at 1, and every
            table must name a stage of the policy that has a share.
    """
    top, _ = read(path)
    stages = {stage.name: stage for stage in policy.stages}
    steps: list[Step] = []
    for name in top.left():
        table = top.table(name)
        stage = stages.get(name)
        if stage is None or stage.share is None or stage.bake is None:
            raise top.error(name, "expected the name of a stage with a share")
        bake = stage.bake.total_seconds()
        if "bake_seconds" in table.left():
            bake = table.number("bake_seconds", 1, MAX_BAKE_SECONDS) / time_scale
        table.end()
        steps.append(Step(stage.share, name, bake))
    return _checked(steps, str(path))


def _checked(steps: Sequence[Step], where: str) -> tuple[Step, ...]:
    if not steps or len(steps) > MAX_STEPS:
        raise ConfigurationError(f"{where}: expected 1 to {MAX_STEPS} steps")
    if any(earlier.share > later.share for earlier, later in pairwise(steps)):
        raise ConfigurationError(f"{where}: the shares fall; they must rise")
    if steps[-1].share < 1:
        percent = 100 * steps[-1].share
        raise ConfigurationError(f"{where}: the last step has {percent:g} %; expected 100 %")
    return tuple(steps)
