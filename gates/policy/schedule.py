"""The schedule of a ramp.

Each ramp step has a share of the traffic. The stage of the step decides whether the ramp goes on.
"""

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
    """One ramp step.

    Args:
        share: green's share of the traffic, from 0 to 1.
        stage: the name of the stage that the gate judges after the bake time.
        bake_seconds: the bake time: the time that the ramp waits before the gate decides, in
            seconds.
    """

    share: float
    stage: str
    bake_seconds: float


def of_policy(policy: Policy, where: str) -> tuple[Step, ...]:
    """Return the schedule of the policy: every stage with a share of the traffic, in order.

    Args:
        policy: the policy, with its live durations already divided by the time scale.
        where: the path of the policy file, for messages.

    Raises:
        ConfigurationError: the shares of the traffic fall, or the last share is under 1.
    """
    steps = [
        Step(stage.share, stage.name, stage.bake.total_seconds())
        for stage in policy.stages
        if stage.share is not None and stage.bake is not None
    ]
    return _checked(steps, where)


def load(path: Path, policy: Policy, time_scale: float) -> tuple[Step, ...]:
    """Read a schedule file: one table for each stage, with the optional key ``bake_seconds``.

    Args:
        path: the TOML file of the schedule.
        policy: the policy with the stages; its live durations are already divided by the time
            scale.
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
            raise top.error(
                name, "expected the name of a stage of the policy that has a share of traffic"
            )
        bake = stage.bake.total_seconds()
        if "bake_seconds" in table.left():
            bake = table.number("bake_seconds", 1, MAX_BAKE_SECONDS) / time_scale
        table.end()
        steps.append(Step(stage.share, name, bake))
    return _checked(steps, str(path))


def _checked(steps: Sequence[Step], where: str) -> tuple[Step, ...]:
    if not steps or len(steps) > MAX_STEPS:
        raise ConfigurationError(f"{where}: expected 1 to {MAX_STEPS} steps, got {len(steps)}")
    if any(earlier.share > later.share for earlier, later in pairwise(steps)):
        raise ConfigurationError(
            f"{where}: a step has a smaller share of traffic than the step before; expected rising "
            "shares"
        )
    if steps[-1].share < 1:
        percent = 100 * steps[-1].share
        raise ConfigurationError(
            f"{where}: the last step has {percent:g} % of traffic; expected 100 %"
        )
    return tuple(steps)
