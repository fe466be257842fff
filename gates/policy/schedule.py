"""The schedule of a ramp: which share of the traffic when, and which stage permits to go on."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gates.errors import ConfigurationError
from gates.model import Policy
from gates.policy.toml_table import read

MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        share: green's share of the traffic, 0 to 1.
        stage: the stage that is asked.
        bake_seconds: how long it stays there before it is asked.
    """

    share: float
    stage: str
    bake_seconds: float


def load(path: Path, policy: Policy, time_scale: float) -> tuple[Step, ...]:
    """Read a schedule.

    Args:
        path: its TOML file.
        policy: whose stages it names.
        time_scale: every bake is divided by it.

    Raises:
        ConfigurationError: it is wrong: shares must rise and end at 1, and stages be known and of
            that share.
    """
    top, _ = read(path)
    shares = {stage.name: stage.share for stage in policy.stages}
    steps: list[Step] = []
    for name in top.left():
        table = top.table(name)
        if name not in shares or shares[name] is None:
            raise top.error(name, "expected the name of a stage with a share")
        bake = table.number("bake_seconds", 1, 30 * 86_400)
        table.end()
        steps.append(Step(float(shares[name] or 0), name, bake / time_scale))
    if not steps or len(steps) > MOST_STEPS:
        raise ConfigurationError(f"{path}: expected 1 to {MOST_STEPS} steps")
    if any(one.share > two.share for one, two in pairwise(steps)):
        raise ConfigurationError(f"{path}: the shares fall; they must rise")
    if steps[-1].share < 1:
        raise ConfigurationError(f"{path}: it ends at {100 * steps[-1].share:g} %, not at 100 %")
    return tuple(steps)
