"""Reads a policy file into typed objectives and stages, and finds what is wrong with it."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gates.errors import UnknownNameError
from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Objective,
    OnCrash,
    Policy,
    RatioObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
)
from gates.policy.live_objectives import (
    ComparisonTerms,
    availability,
    comparison,
    restarts,
    selector,
    terms_of,
    throughput,
    traffic,
    trigger,
)
from gates.policy.toml_table import Table, one_of, read

CHECK_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
# Least and most: what is beyond protects nobody, or is a slip.
# A load run gives up after ten seconds: a limit beyond could never be missed there.
MOST_LATENCY = 10
SECURITY_LIMITS = {
    "requests_per_minute": (1, 100_000),
    "bcrypt_cost": (10, 31),
    "certificate_days": (1, 398),
    "audit_age_hours": (0.1, 720),
}
LOAD_LIMITS = {
    "requests_done": (0.5, 0.999999),
    "requests_failed": (0.000001, 0.5),
    "requests_per_user_minute": (0.1, 600),
    "longest_gap_seconds": (0.2, 60),
    "orders_per_minute": (1, 1_000_000),
    "payment_success": (0.5, 0.999999),
    "recovery_seconds": (1, 600),
    "growth_of_latency": (0.01, 1),
    "growth_of_memory": (0.01, 1),
    "generator_processor": (0.1, 0.95),
    "generator_lag_seconds": (0.001, 1),
}
NIGHTLY_LIMITS = {
    "slower_than_baseline": (0.01, 1),
    "slower_than_before": (0.01, 1),
    "least_seconds": (0, 1),
}
# A load run is always asked for these: without them it proves nothing.
ALWAYS = (
    "generator_processor", "generator_lag_seconds", "requests_per_user_minute", "requests_done",
    "requests_failed",
)  # fmt: skip
PROFILES = ("load", "smoke", "stress", "spike", "soak")
KNEE = "knee"


@dataclass(frozen=True, slots=True)
class Known:
    """What objectives may refer to: check sets, limits and their digest, terms of comparison."""

    check_sets: Mapping[str, tuple[str, ...]]
    limits: str
    latencies: Mapping[str, float]
    load: Mapping[str, float]
    terms: ComparisonTerms


def load(path: Path) -> Policy:
    """Read a policy.

    Args:
        path: the policy's TOML file.

    Returns:
        The policy; it has at least one stage, and every stage at least one objective.

    Raises:
        ConfigurationError: anything in it is wrong; the message names file and key.
    """
    top, raw = read(path)
    if top.whole("schema", 1, 1) != 1:
        raise top.error("schema", "expected 1")
    name = top.name("name")
    check_sets = _check_sets(top.table("check_sets"))
    latencies = _latency_limits(top.table("latency_limits"))
    numbers = _numbers(top.table("security_limits"), SECURITY_LIMITS)
    loads = _numbers(top.table("load_limits"), LOAD_LIMITS)
    nightly = _numbers(top.table("nightly_limits"), NIGHTLY_LIMITS)
    every = json.dumps([latencies, numbers, loads], sort_keys=True)
    limits = hashlib.sha256(every.encode()).hexdigest()
    terms = terms_of(top.table("comparison"))
    ramp = top.table("ramp")
    hold_seconds = ramp.number("hold_seconds", 1, 86_400)
    no_go_rolls_back = ramp.flag("no_go_rolls_back")
    on_crash = OnCrash.ROLLBACK
    if "on_crash" in ramp.left():
        on_crash = OnCrash(one_of(ramp, "on_crash", [one.value for one in OnCrash]))
    ramp.end()
    known = Known(check_sets, limits, latencies, loads, terms)
    objectives = _objectives(top.table("objectives"), known)
    stages = _stages(top.table("stages"), objectives)
    top.end()
    used = {objective.name for stage in stages for objective in stage.objectives}
    if unused := [name for name in objectives if name not in used]:
        raise top.error(f"objectives.{unused[0]}", "no stage asks for it")
    return Policy(
        name=name,
        digest=hashlib.sha256(raw).hexdigest(),
        limits_digest=limits,
        latency_limits=latencies,
        security_limits=numbers,
        nightly_limits=nightly,
        hold_seconds=hold_seconds,
        no_go_rolls_back=no_go_rolls_back,
        stages=stages,
        on_crash=on_crash,
    )


def stage_named(policy: Policy, name: str, where: str) -> Stage:
    """The stage with this name.

    Raises:
        UnknownNameError: no such stage; the message has the nearest name.
    """
    for stage in policy.stages:
        if stage.name == name:
            return stage
    raise UnknownNameError("stage", name, [stage.name for stage in policy.stages], where)


def _check_sets(table: Table) -> dict[str, tuple[str, ...]]:
    sets = {}
    for name in table.left():
        checks = table.texts(name)
        if wrong := [check for check in checks if not CHECK_ID.match(check)]:
            raise table.error(name, f"{wrong[0]!r} is not a check id like smoke.login"[:200])
        sets[name] = checks
    return sets


def _numbers(table: Table, known: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Exactly these limits, each within its bounds."""
    limits = {name: table.number(name, *bounds) for name, bounds in known.items()}
    table.end()
    return limits


def _latency_limits(table: Table) -> dict[str, float]:
    limits = {name: table.number(name, 0.001, MOST_LATENCY) for name in table.left()}
    if not limits:
        raise table.error("", "expected seconds by operation")
    return limits


def _objectives(table: Table, known: Known) -> dict[str, Objective]:
    objectives: dict[str, Objective] = {}
    for name in table.left():
        content = table.table(name)
        kind = one_of(content, "kind", KINDS)
        objectives[name] = KINDS[kind](name, content, known)
        content.end()
    return objectives


def _stages(table: Table, objectives: dict[str, Objective]) -> tuple[Stage, ...]:
    stages = []
    for name in table.left():
        content = table.table(name)
        asked = content.texts("objectives")
        for objective in asked:
            if objective not in objectives:
                raise content.error(
                    "objectives",
                    str(UnknownNameError("objective", objective, objectives, "this policy")),
                )
        if not any(isinstance(objectives[one], ServedBuildObjective) for one in asked):
            raise content.error("objectives", "a stage needs an objective of kind served_build")
        _bind_ratios(content, [objectives[one] for one in asked])
        share = content.number("share", 0.01, 1) if "share" in content.left() else None
        chosen = tuple(_at(objectives[one], share, content) for one in asked)
        stage = Stage(
            name=name,
            title=content.text("title"),
            guide=content.text("guide"),
            share=share,
            objectives=chosen,
        )
        content.end()
        stages.append(stage)
    if not stages:
        raise table.error("", "a policy needs a stage")
    return tuple(stages)


def _at(objective: Objective, share: float | None, content: Table) -> Objective:
    """The objective as this stage asks it: at its share."""
    if isinstance(objective, LiveObjective | AvailabilityObjective) and share is None:
        raise content.error("share", f"missing; {objective.name} is judged at a share of traffic")
    if not isinstance(objective, ShareObjective):
        return objective
    if share is None:
        raise content.error("share", f"missing; {objective.name} asks for it")
    return replace(objective, share=share)


def _bind_ratios(content: Table, asked: list[Objective]) -> None:
    """Refuse ratios over samples that no live_build objective binds to a build."""
    bound = [one.window for one in asked if isinstance(one, LiveBuildObjective)]
    live = [one for one in asked if isinstance(one, LiveObjective | AvailabilityObjective)]
    if live and not (bound and any(isinstance(one, ShareObjective) for one in asked)):
        raise content.error(
            "objectives", f"{live[0].name} needs objectives of kinds live_build and share"
        )
    limited = [one for one in live if isinstance(one, ComparisonObjective) and not one.relative]
    if live and not limited:
        raise content.error(
            "objectives", f"{live[0].name} needs an objective of kind comparison with a limit"
        )
    for one in asked:
        if isinstance(one, RatioObjective) and not any(window >= one.window for window in bound):
            raise content.error(
                "objectives", f"{one.name} needs an objective of kind live_build, as long a window"
            )


def _checks(name: str, table: Table, known: Known) -> ChecksObjective:
    chosen = one_of(table, "checks", known.check_sets)
    return ChecksObjective(
        name=name,
        guide=table.text("guide"),
        checks=known.check_sets[chosen],
        limits=known.limits,
        max_age=table.seconds("max_age_seconds"),
    )


def _listed_checks(name: str, table: Table, known: Known) -> ListedChecksObjective:
    return ListedChecksObjective(
        name=name,
        guide=table.text("guide"),
        known=frozenset(check for checks in known.check_sets.values() for check in checks),
        max_age=table.seconds("max_age_seconds"),
    )


def _served_build(name: str, table: Table, _: object) -> ServedBuildObjective:
    return ServedBuildObjective(name=name, guide=table.text("guide"))


def _live_build(name: str, table: Table, _: object) -> LiveBuildObjective:
    return LiveBuildObjective(
        name=name,
        guide=table.text("guide"),
        selector=selector(table, "selector"),
        window=table.seconds("window_seconds"),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def _ratio(name: str, table: Table, _: object) -> RatioObjective:
    below = "below" in table.left()
    if below == ("above" in table.left()):
        raise table.error("below", "expected either below or above")
    direction = "below" if below else "above"
    limit = table.number(direction, 0, 1)
    if not 0 < limit < 1:
        raise table.error(direction, f"{limit:g} can never be met or never be missed")
    part, whole = selector(table, "part"), selector(table, "whole")
    if part == whole:
        raise table.error("part", "the same as whole: the ratio would always be 1")
    return RatioObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        limit=limit,
        below=below,
        at_least=table.whole("at_least", 1, 10_000_000),
        window=table.seconds("window_seconds"),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def _share(name: str, table: Table, _: object) -> ShareObjective:
    share = ShareObjective(
        name=name,
        guide=table.text("guide"),
        selector=table.text("selector"),
        server_label=table.name("server_label"),
        share=1.0,
        bake=table.seconds("bake_seconds"),
        longest=table.seconds("longest_seconds"),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )
    if share.max_sample_age >= share.bake:
        raise table.error("max_sample_age_seconds", "expected less than bake_seconds")
    return share


def _load(name: str, table: Table, known: Known) -> LoadObjective:
    asked = table.texts("limits")
    for limit in asked:
        if limit not in (*LOAD_LIMITS, KNEE):
            names = [*LOAD_LIMITS, KNEE]
            raise table.error("limits", str(UnknownNameError("limit", limit, names, "load_limits")))
    latencies = table.table("p95")
    p95 = {
        operation: known.latencies[one_of(latencies, operation, known.latencies)]
        for operation in latencies.left()
    }
    if "total" not in p95:
        raise table.error("p95", "expected total among the operations")
    return LoadObjective(
        name=name,
        guide=table.text("guide"),
        profile=one_of(table, "profile", PROFILES),
        at_least_users=table.whole("at_least_users", 1, 1_000_000),
        at_least_seconds=table.number("at_least_seconds", 1, 86_400),
        limits={limit: known.load[limit] for limit in (*ALWAYS, *asked) if limit != KNEE},
        p95=p95,
        finds_knee=KNEE in asked,
        digest=known.limits,
        max_age=table.seconds("max_age_seconds"),
    )


KINDS: dict[str, Callable[[str, Table, Known], Objective]] = {
    "checks": _checks,
    "listed_checks": _listed_checks,
    "served_build": _served_build,
    "live_build": _live_build,
    "ratio": _ratio,
    "share": _share,
    "load": _load,
    "comparison": lambda name, table, known: comparison(name, table, known.terms),
    "throughput": lambda name, table, known: throughput(name, table, known.terms),
    "availability": lambda name, table, _: availability(name, table),
    "trigger": lambda name, table, _: trigger(name, table),
    "traffic": lambda name, table, _: traffic(name, table),
    "restarts": lambda name, table, _: restarts(name, table),
}
