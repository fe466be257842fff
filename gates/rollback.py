"""Gives all traffic back to blue: verify blue first, move, drain, verify; guide section 6."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gates.errors import RouterError
from gates.model import Measured, Target
from gates.routers import TrafficRouter
from gates.sources import source_named
from gates.sources.health import served_build

HEALTHY = 200
SAME = 0.005
# How long requests that are under way on green are waited for.
DRAIN_SECONDS = 3.0
EVERY_SECONDS = 0.25
COUNTED = 'http_requests_total{slot="$slot",traffic!="synthetic",route!~"/metrics|/api/health"}'
RESTORE = """what the guide says then (section 6, step 3):
  docker-compose -f docker-compose.prod.yml down
  mongorestore --archive=/backups/prod-backup.archive --drop
  python scripts/validate-db.py && make smoke-tests
  docker-compose -f docker-compose.prod.yml up -d
at risk: every order, payment and account written since that backup; take a new backup first"""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback came to.

    Args:
        verified: whether blue has all traffic and is well.
        moved: whether the weights were changed.
        lines: what was done and seen, a line each.
        seconds: how long it took.
    """

    verified: bool
    moved: bool
    lines: tuple[str, ...]
    seconds: float


def roll_back(
    target: Target, baseline: Target, router: TrafficRouter, told: Callable[[str], None]
) -> RolledBack:
    """Give the baseline all traffic, if it is well.

    Args:
        target: green.
        baseline: blue.
        router: who moves the traffic.
        told: is told each line as it is known.
    """
    began, lines = time.monotonic(), []

    def say(line: str) -> None:
        lines.append(line)
        told(line)

    def ended(*, verified: bool, moved: bool) -> RolledBack:
        return RolledBack(verified, moved, tuple(lines), time.monotonic() - began)

    if problem := unwell(baseline):
        say(f"{baseline.name} is not healthy: {problem}; the weights stay as they are")
        say(RESTORE)
        return ended(verified=False, moved=False)
    say(f"{baseline.name} is healthy: {served_build(baseline).build}")
    try:
        router.move({baseline.slot: 1.0, target.slot: 0.0})
    except RouterError as error:
        say(f"traffic could not be moved: {error}")
        return ended(verified=False, moved=False)
    say(f"{baseline.slot} has 100 % of the traffic, read back from the balancer")
    say(_drained(target))
    problem = unwell(baseline)
    say(f"{baseline.name} is {'not healthy: ' + problem if problem else 'healthy with it'}")
    return ended(verified=not problem, moved=True)


def unwell(baseline: Target) -> str:
    """Why the baseline should not get all traffic; empty when it should."""
    served = served_build(baseline)
    if served.measured is not Measured.OK:
        return served.problem
    if served.status != HEALTHY:
        return f"it answers status {served.status}"
    if served.deployment != baseline.deployment:
        return f"it calls itself {served.deployment}"
    if served.build != baseline.expected:
        return f"it serves {served.build}, expected {baseline.expected}"
    return ""


def _drained(target: Target) -> str:
    """Whether green still answers anybody."""
    source = source_named("prometheus", target.addresses.prometheus)
    selector = COUNTED.replace("$slot", target.slot)
    until = time.monotonic() + DRAIN_SECONDS
    last: float | None = None
    while time.monotonic() < until:
        at = time.time()
        answer = source.samples(selector, timedelta(seconds=15), at)
        if answer.measured is not Measured.OK:
            return f"whether {target.slot} is drained cannot be seen: {answer.problem}"
        newest = max(one.samples[-1].at for one in answer.series)
        total = sum(one.samples[-1].value for one in answer.series)
        if last is not None and total == last and at - newest < 2:  # noqa: PLR2004 - two scrapes
            return f"{target.slot} is drained: it answers no customer any more"
        last = total
        time.sleep(EVERY_SECONDS * 4)
    return f"{target.slot} still answered somebody after {DRAIN_SECONDS:g} s; it has no new traffic"
