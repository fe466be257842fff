"""Reads a policy file, and returns its objectives and stages; refuses a file with a mistake."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gates.errors import UnknownNameError
from gates.model import Advisory, AlertLevel, AlertLimit, LoadObjective, Objective, Policy, Stage
from gates.policy import live_tables, objective_tables
from gates.policy.definitions import Defaults, Definitions, LoadProfile, Metrics
from gates.policy.indicators.included_set import tables_of
from gates.policy.indicators.indicator_tables import indicators
from gates.policy.live_tables import RampPlan, terms_of
from gates.policy.objective_tables import advisory, refuse_advisory
from gates.policy.stage_tables import Groups, ramp_table, stages
from gates.policy.toml_table import Table, one_of, read

SCHEMA = 2
ALERT_LIMIT = re.compile(r"(?:P(\d{1,2}(?:\.\d+)?) )?([<>]) (\d+(?:\.\d+)?)\Z")
CHECK_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
# A load run waits at most ten seconds for an answer, which could never exceed a larger limit.
MAX_LATENCY_SECONDS = 10
# A limit outside its bounds is useless, or a typing error.
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
PLATFORM_LIMITS = {
    "scrape_interval_tolerance": (0.05, 1),
    "clock_skew_seconds": (0.1, 60),
    "notification_seconds": (1, 300),
    "replication_lag_seconds": (0.1, 600),
    "collection_scan_documents": (0, 1_000_000),
    "integrity_documents": (100, 10_000_000),
    "backup_age_hours": (0.1, 720),
    "restore_seconds": (1, 86_400),
    "return_seconds": (0.5, 300),
    "share_chance": (0.000001, 0.05),
    "critical_for_seconds": (1, 3600),
    "critical_wait_seconds": (1, 3600),
    "critical_interval_seconds": (1, 86_400),
    "critical_repeat_hours": (0.1, 168),
}
# Without these limits a load run proves nothing.
ALWAYS = (
    "generator_processor",
    "generator_lag_seconds",
    "requests_per_user_minute",
    "requests_done",
    "requests_failed",
)
PROFILES = ("load", "smoke", "stress", "spike", "soak")
KNEE = "knee"
ALL_OPERATIONS = "total"
Reader = Callable[[str, Table, Definitions], Objective]


@dataclass(frozen=True, slots=True)
class _Limits:
    """The tables of limits that checks and load runs read.

    Args:
        latency: the limit of the P95 of each operation, in seconds by operation.
        security: the limits of the security suite, by name.
        load: the limits of load runs, by name.
        nightly: the limits of the nightly comparison, by name.
        platform: the limits of the platform suite, by name; empty without the table.
    """

    latency: Mapping[str, float]
    security: Mapping[str, float]
    load: Mapping[str, float]
    nightly: Mapping[str, float]
    platform: Mapping[str, float]

    @classmethod
    def of(cls, top: Table) -> "_Limits":
        """Read the tables of limits of a policy."""
        return cls(
            latency=_latency_limits(top.table("latency_limits")),
            security=_numbers(top.table("security_limits"), SECURITY_LIMITS),
            load=_numbers(top.table("load_limits"), LOAD_LIMITS),
            nightly=_numbers(top.table("nightly_limits"), NIGHTLY_LIMITS),
            platform=_optional_numbers(top, "platform_limits", PLATFORM_LIMITS),
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the limits that checks and load runs use."""
        return _limits_digest(self.latency, self.security, self.load, self.platform)


def load(path: Path) -> Policy:
    """Read a policy file.

    Args:
        path: the policy's TOML file.

    Returns:
        The policy; every stage has at least one objective.

    Raises:
        ConfigurationError: the policy has a mistake; the message names the file and the key.
    """
    top, raw = read(path)
    if top.whole("schema", 1, SCHEMA) != SCHEMA:
        raise top.error("schema", f"expected {SCHEMA}; schema {SCHEMA} has the table [indicators]")
    name = top.name("name")
    check_sets = _check_sets(top.table("check_sets"))
    limits = _Limits.of(top)
    ramp_keys = top.table("ramp")
    ramp = ramp_table(ramp_keys)
    objective_keys = top.table("objectives")
    tables = {key: objective_keys.table(key) for key in objective_keys.left()}
    of_indicators = tables_of(top, path, raw)
    plan, metrics = RampPlan(len(ramp.shares), ramp.bake), _metrics(tables)
    known = Definitions(
        check_sets=check_sets,
        limits_digest=limits.digest,
        profiles=_profiles(top.table("load_profiles"), limits.load, limits.latency),
        indicators=indicators(*of_indicators.tables),
        defaults=Defaults.of(top.table("defaults")),
        bake=ramp.bake,
        terms=terms_of(top.table("comparison"), plan, metrics.required),
    )
    trials = {name: trial for name, table in tables.items() if (trial := advisory(table))}
    objectives = _objectives(tables, known, trials, metrics)
    named = Groups.of(top.table("groups") if "groups" in top.left() else None, objectives)
    groups = replace(named, advisories=trials)
    levels = _alert_levels(top)
    every_stage = stages(top.table("stages"), ramp, ramp_keys, groups)
    top.end()
    _require_use(objectives, every_stage, top)
    return Policy(
        name=name,
        digest=of_indicators.digest,
        limits_digest=known.limits_digest,
        latency_limits=limits.latency,
        security_limits=limits.security,
        nightly_limits=limits.nightly,
        hold_seconds=ramp.hold_seconds,
        no_go_rolls_back=ramp.no_go_rolls_back,
        stages=every_stage,
        on_crash=ramp.on_crash,
        indicators=known.indicators,
        platform_limits=limits.platform,
        alert_levels=levels,
        check_sets=check_sets,
    )


def _require_use(objectives: Iterable[str], every_stage: Iterable[Stage], top: Table) -> None:
    """Require that each objective is in a stage: an unused objective protects nobody."""
    used = {objective.name for stage in every_stage for objective in stage.objectives}
    if unused := [name for name in objectives if name not in used]:
        problem = "no stage contains this objective; add it to a stage, or delete the objective"
        raise top.error(f"objectives.{unused[0]}", problem)


def _limits_digest(*limits: Mapping[str, float]) -> str:
    """SHA-256 of the tables of limits; an empty table does not change the digest."""
    tables = [table for table in limits if table]
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def stage_named(policy: Policy, name: str, where: str) -> Stage:
    """Return the stage with this name.

    Args:
        policy: the policy.
        name: the name of the stage.
        where: the path of the policy file, for messages.

    Raises:
        UnknownNameError: the policy has no stage of this name; the message suggests the nearest
            name.
    """
    for stage in policy.stages:
        if stage.name == name:
            return stage
    raise UnknownNameError("stage", name, [stage.name for stage in policy.stages], where)


def load_stage(policy: Policy, profile: str) -> Stage:
    """Return the stage that requires the smallest load run of a profile.

    The smallest load run has the fewest users, and then the shortest time.

    Args:
        policy: a policy.
        profile: the name of the load profile.

    Raises:
        UnknownNameError: no stage judges load runs of this profile.
    """
    sizes = [
        (objective.at_least_users, objective.at_least_seconds, number)
        for number, stage in enumerate(policy.stages)
        for objective in stage.required
        if isinstance(objective, LoadObjective) and objective.profile == profile
    ]
    if not sizes:
        known = {
            objective.profile
            for stage in policy.stages
            for objective in stage.required
            if isinstance(objective, LoadObjective)
        }
        raise UnknownNameError("load profile", profile, known, "the stages of the policy")
    return policy.stages[min(sizes)[2]]


def _check_sets(table: Table) -> dict[str, tuple[str, ...]]:
    sets = {}
    for name in table.left():
        checks = table.texts(name)
        if wrong := [check for check in checks if not CHECK_ID.match(check)]:
            problem = f"{wrong[0][:100]!r} is not a check id; a check id looks like smoke.login"
            raise table.error(name, problem)
        sets[name] = checks
    return sets


def _numbers(table: Table, known: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Read exactly these limits, each within its bounds."""
    limits = {name: table.number(name, *bounds) for name, bounds in known.items()}
    table.end()
    return limits


def _optional_numbers(
    top: Table, key: str, known: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Read the limits of an optional table; empty where the policy does not have the table."""
    return _numbers(top.table(key), known) if key in top.left() else {}


def _alert_levels(top: Table) -> tuple[AlertLevel, ...]:
    """The alert rules that must exist, grouped by severity; no alert has two severities."""
    if "alerts" not in top.left():
        return ()
    table, levels, names = top.table("alerts"), [], set[str]()
    for severity in table.left():
        content = table.table(severity)
        alerts = content.texts("alerts")
        limits = _alert_limits(content, alerts)
        level = AlertLevel(severity, content.texts("receivers"), alerts, limits)
        content.end()
        if twice := sorted(names.intersection(level.alerts)):
            problem = f"the alert {twice[0]!r} is listed under two severities; list the alert once"
            raise content.error("alerts", problem)
        names.update(level.alerts)
        levels.append(level)
    return tuple(levels)


def _alert_limits(level: Table, alerts: Collection[str]) -> dict[str, AlertLimit]:
    """The limits that alert rules of a severity must compare with."""
    if "limits" not in level.left():
        return {}
    table, limits = level.table("limits"), {}
    for name in table.left():
        match = ALERT_LIMIT.match(table.text(name))
        if match is None or name not in alerts:
            expected = "expected a listed alert, and a limit such as '> 0.05' or 'P95 > 2'"
            raise table.error(name, expected)
        percentile = float(match[1]) if match[1] else None
        limits[name] = AlertLimit(match[2], float(match[3]), percentile)
    return limits


def _latency_limits(table: Table) -> dict[str, float]:
    limits = {name: table.number(name, 0.001, MAX_LATENCY_SECONDS) for name in table.left()}
    if not limits:
        raise table.error("", "expected at least one operation with its limit in seconds")
    return limits


def _profiles(
    table: Table, limits: Mapping[str, float], latencies: Mapping[str, float]
) -> dict[str, LoadProfile]:
    """The limits of each load profile."""
    profiles = {}
    for name in table.left():
        if name not in PROFILES:
            raise table.error(name, str(UnknownNameError("profile", name, PROFILES, "load")))
        content = table.table(name)
        profiles[name] = _profile(content, limits, latencies)
        content.end()
    return profiles


def _profile(
    table: Table, limits: Mapping[str, float], latencies: Mapping[str, float]
) -> LoadProfile:
    chosen = table.texts("limits")
    for limit in chosen:
        if limit not in (*LOAD_LIMITS, KNEE):
            names = [*LOAD_LIMITS, KNEE]
            raise table.error("limits", str(UnknownNameError("limit", limit, names, "load_limits")))
    operations = table.table("p95")
    p95 = {
        operation: latencies[one_of(operations, operation, latencies)]
        for operation in operations.left()
    }
    if ALL_OPERATIONS not in p95:
        raise table.error(
            "p95", "the operation total is missing; add total, the limit of all operations together"
        )
    return LoadProfile(
        limits={limit: limits[limit] for limit in (*ALWAYS, *chosen) if limit != KNEE},
        p95=p95,
        finds_knee=KNEE in chosen,
    )


@dataclass(frozen=True, slots=True)
class _MetricCounts:
    """The numbers of comparisons that share the error budgets.

    Args:
        required: the numbers of the comparisons that count.
        every: the numbers of all comparisons, with those of advisory objectives.
    """

    required: Metrics
    every: Metrics


def _metrics(tables: Mapping[str, Table]) -> _MetricCounts:
    """Count the comparisons of a policy, with and without the comparisons on trial."""
    compared = [table for table in tables.values() if table.peek("kind") == "comparison"]
    required = [table for table in compared if table.peek("advisory") is not True]
    return _MetricCounts(_with_limit_and_margin(required), _with_limit_and_margin(compared))


def _with_limit_and_margin(compared: Collection[Table]) -> Metrics:
    """Return the number of comparisons with a limit, and the number with a margin."""
    relative = sum("margin" in table.left() for table in compared)
    return len(compared) - relative, relative


def _objectives(
    tables: Mapping[str, Table],
    known: Definitions,
    trials: Mapping[str, Advisory],
    metrics: _MetricCounts,
) -> dict[str, Objective]:
    """Read the objectives; advisory comparisons get the parameters that apply after the trial."""
    terms = known.terms.shared_by_more(metrics.required, metrics.every)
    on_trial, objectives = replace(known, terms=terms), {}
    for name, table in tables.items():
        read = KINDS[one_of(table, "kind", KINDS)]
        objectives[name] = read(name, table, on_trial if name in trials else known)
        if name in trials:
            refuse_advisory(objectives[name], table)
        table.end()
    return objectives


KINDS: dict[str, Reader] = {
    "checks": objective_tables.checks,
    "no_failed_checks": objective_tables.no_failed_checks,
    "listed_checks": objective_tables.listed_checks,
    "served_build": objective_tables.served_build,
    "rollback": objective_tables.rollback,
    "live_build": objective_tables.live_build,
    "ratio": objective_tables.ratio,
    "share": objective_tables.share,
    "load": objective_tables.load,
    "sign_off": objective_tables.sign_off,
    "comparison": live_tables.comparison,
    "throughput": live_tables.throughput,
    "availability": live_tables.availability,
    "trigger": live_tables.trigger,
    "traffic": live_tables.traffic,
    "restarts": live_tables.restarts,
}
