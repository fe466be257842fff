"""Reads a policy file into typed objectives and stages, and finds what is wrong with it."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from gates.errors import UnknownNameError
from gates.model import (
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Objective,
    Policy,
    RatioObjective,
    RestartsObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
    Terms,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import parse_selector
from gates.table import Table, one_of, read

CHECK_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
SLOT = "$slot"
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
LANES = 2
SELECTOR = re.compile(r'[a-zA-Z_:]*\{[^{}#]*\bslot="\$slot"[^{}#]*\}\Z')


MOST_SELECTOR = 1000
# What looks like a figure and is another one.
MISTAKES: dict[str, str] = {
    r'\bquantile="': (
        "a summary's quantiles cannot be aggregated over instances; expected the buckets of a "
        "histogram"
    ),
    r"\bhistogram_quantile\s*\(\s*[^,]*,\s*(?!sum by \(le\))": (
        "histogram_quantile without sum by (le) mixes series; expected a plain selector of the "
        "bucket that ends at the limit"
    ),
    r"\b(rate|irate|increase|delta)\s*\(": (
        "a rate is per second and no ratio; expected a plain selector of counters, whose "
        "increments the gate counts itself"
    ),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What objectives may refer to: check sets, limits and their digest, terms of comparison."""

    check_sets: Mapping[str, tuple[str, ...]]
    limits: str
    latencies: Mapping[str, float]
    load: Mapping[str, float]
    terms: Terms


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
    terms = _terms(top.table("comparison"))
    ramp = top.table("ramp")
    hold_seconds = ramp.number("hold_seconds", 1, 86_400)
    no_go_rolls_back = ramp.flag("no_go_rolls_back")
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
    if isinstance(objective, LiveObjective) and share is None:
        raise content.error("share", f"missing; {objective.name} is judged at a share of traffic")
    if not isinstance(objective, ShareObjective):
        return objective
    if share is None:
        raise content.error("share", f"missing; {objective.name} asks for it")
    return replace(objective, share=share)


def _bind_ratios(content: Table, asked: list[Objective]) -> None:
    """Refuse ratios over samples that no live_build objective binds to a build."""
    bound = [one.window for one in asked if isinstance(one, LiveBuildObjective)]
    live = [one for one in asked if isinstance(one, LiveObjective)]
    if live and not (bound and any(isinstance(one, ShareObjective) for one in asked)):
        raise content.error(
            "objectives", f"{live[0].name} needs objectives of kinds live_build and share"
        )
    if live and not any(isinstance(one, ComparisonObjective) for one in live):
        raise content.error("objectives", f"{live[0].name} needs an objective of kind comparison")
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
        selector=_selector(table, "selector"),
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
    part, whole = _selector(table, "part"), _selector(table, "whole")
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


def _terms(table: Table) -> Terms:
    """The terms all comparisons share; limit and warm-up are an objective's own.

    The chance of a false stop is shared by the lanes of all metrics: 2k/alpha (Ville's inequality).
    """
    chance, metrics = table.number("false_stop", 0.0001, 0.1), table.whole("metrics", 1, 20)
    fast, slow = table.number("batch_seconds", 1, 600), table.number("slow_batch_seconds", 1, 3600)
    terms = Terms(
        limit=0.5,
        fast=fast,
        slow=slow,
        history=table.number("history_seconds", 60, 86_400),
        recent=(slow, table.number("incident_seconds", 1, 3600)),
        ramp=table.number("ramp_seconds", 60, 86_400),
        steps=table.whole("steps", 1, 1000),
        warm_up=0.0,
        patience=table.number("patience_seconds", 0, 3600),
        stop_at=LANES * metrics / chance,
        worry_at=table.number("worry_at", 1, 1000),
    )
    table.end()
    if not fast < slow < terms.history:
        raise table.error("slow_batch_seconds", "expected over batch_seconds, under the history")
    return terms


def _bad_events(table: Table) -> tuple[str, str, bool]:
    """The selectors of the bad (or the good) events and of all, and whether it is the good."""
    part_is_good = "good" in table.left()
    if part_is_good == ("bad" in table.left()):
        raise table.error("bad", "expected either bad or good")
    part = _selector(table, "good" if part_is_good else "bad")
    whole = _selector(table, "whole")
    if part == whole:
        raise table.error("whole", "the same as the part: the ratio would always be the same")
    return part, whole, part_is_good


def _comparison(name: str, table: Table, known: Known) -> ComparisonObjective:
    part, whole, part_is_good = _bad_events(table)
    limit = table.number("below", 0.0001, 0.5)
    over = table.number("rollback_over", 0.0001, 1) if "rollback_over" in table.left() else None
    if over is not None and over < limit:
        raise table.error("rollback_over", f"under the limit to advance, {limit:g}")
    return ComparisonObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        part_is_good=part_is_good,
        terms=replace(known.terms, limit=limit, warm_up=table.number("warm_up_seconds", 0, 3600)),
        rollback_over=over,
        at_least=table.whole("at_least", 0, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def _trigger(name: str, table: Table, _: object) -> TriggerObjective:
    part, whole, part_is_good = _bad_events(table)
    return TriggerObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        part_is_good=part_is_good,
        over=table.number("over", 0.0001, 0.9999),
        window=table.seconds("window_seconds"),
        lasting=timedelta(seconds=table.number("lasting_seconds", 0, 86_400)),
        at_least=table.whole("at_least", 1, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def _restarts(name: str, table: Table, _: object) -> RestartsObjective:
    return RestartsObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        whole=_selector(table, "whole"),
        at_most=table.whole("at_most", 0, 1000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def _traffic(name: str, table: Table, _: object) -> TrafficObjective:
    return TrafficObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        whole=_selector(table, "whole"),
        tolerance=table.number("tolerance", 0.01, 0.9),
        at_least=table.whole("at_least", 1, 10_000_000),
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


def _selector(table: Table, key: str) -> str:
    """A plain vector selector that names the slot: no function, no range."""
    text = table.text(key)
    if len(text) > MOST_SELECTOR:
        raise table.error(key, f"over {MOST_SELECTOR} characters")
    for mistake, why in MISTAKES.items():
        if re.search(mistake, text):
            raise table.error(key, why)
    if SLOT not in text:
        raise table.error(key, f"expected {SLOT} in it, or it reads every colour at once")
    if not SELECTOR.match(text):
        raise table.error(key, f'expected a plain selector like name{{slot="{SLOT}"}}, no function')
    try:
        parse_selector(text)
    except (ValueError, re.error) as error:
        raise table.error(key, f"not a selector: {error}"[:200]) from error
    return text


KINDS: dict[str, Callable[[str, Table, Known], Objective]] = {
    "checks": _checks,
    "listed_checks": _listed_checks,
    "served_build": _served_build,
    "live_build": _live_build,
    "ratio": _ratio,
    "share": _share,
    "load": _load,
    "comparison": _comparison,
    "trigger": _trigger,
    "traffic": _traffic,
    "restarts": _restarts,
}
