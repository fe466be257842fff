"""Compare the loaded alert rules of Prometheus with the policy, and check their evaluation."""

from collections.abc import Iterable, Sequence
from math import isclose

from promql_parser import Expr

from gates.model import AlertLevel, AlertLimit
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.alert_rules.thresholds import Threshold, thresholds
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.series_facts import SeriesFacts
from suites.monitoring.promql.value_kinds import Kind, Valuation

# Prometheus evaluates a new rule, or a rule of a slow group, within two intervals.
MAX_INTERVALS = 2
SPARE_SECONDS = 5.0
CRITICAL = "critical"
PERCENT = 100.0
ABOVE, BELOW = (">", ">="), ("<", "<=")


def alert_labels(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """Return the labels of the alerts of each alert rule, including ``alertname``."""
    return [{**rule.labels, "alertname": rule.name} for rule in rules if rule.is_alert]


def loading_flaws(rules: Iterable[Rule], levels: Sequence[AlertLevel]) -> list[str]:
    """Find alert rules that are missing, not in the policy, loaded twice, or of a wrong severity.

    Args:
        rules: the rules that Prometheus has loaded.
        levels: the policy's severities and their alerts.

    Returns:
        A sentence for each flaw.
    """
    expected = {name: level.severity for level in levels for name in level.alerts}
    loaded: dict[str, list[str]] = {}
    for rule in rules:
        if rule.is_alert:
            loaded.setdefault(rule.name, []).append(rule.severity)
    flaws = [
        f"{name}: the policy names this alert rule, but Prometheus has not loaded it"
        for name in expected
        if name not in loaded
    ]
    for name, severities in loaded.items():
        if name not in expected:
            flaws.append(f"{name}: the alert rule is loaded, but the policy does not name it")
        elif len(severities) > 1:
            flaws.append(f"{name}: the alert rule is loaded {len(severities)} times, expected once")
        elif severities[0] != expected[name]:
            shown = severities[0] or "none"
            severity = expected[name]
            flaws.append(f"{name}: the alert rule has the severity {shown}, expected {severity}")
    return flaws


def evaluation_flaws(rules: Iterable[Rule]) -> list[str]:
    """Find rules whose last evaluation failed, or is too long ago.

    Args:
        rules: the rules that Prometheus has loaded.

    Returns:
        A sentence for each flaw.
    """
    flaws = []
    for rule in rules:
        if rule.health != "ok" or rule.error:
            flaws.append(
                f"{rule.name}: the health of the rule is {rule.health}, last error: "
                f"{rule.error or 'no error'}"
            )
            continue
        age = rule.seconds_since_evaluation
        longest = MAX_INTERVALS * rule.interval_seconds + SPARE_SECONDS
        if age is None or age > longest:
            state = "was never evaluated" if age is None else f"was last evaluated {age:.0f} s ago"
            flaws.append(
                f"{rule.name}: the rule {state}; expected an evaluation in the last {longest:.0f} s"
            )
    return flaws


def limit_flaws(
    rules: Iterable[Rule],
    levels: Sequence[AlertLevel],
    facts: SeriesFacts,
    critical_for_seconds: float,
) -> list[str]:
    """Find alert rules whose limit differs from the policy, and critical alerts that fire late.

    Args:
        rules: all loaded rules, including the recording rules that alert rules read.
        levels: the policy's severities, with the limits of their alerts.
        facts: the known facts about the time series.
        critical_for_seconds: the longest ``for`` of a critical alert, in seconds.

    Returns:
        A sentence for each flaw.
    """
    trees = {(rule.name, rule.is_alert): tree for rule in rules if (tree := _tree(rule))}
    recorded = {name: tree for (name, is_alert), tree in trees.items() if not is_alert}
    valuation = Valuation(facts, recorded)
    limits = {name: limit for level in levels for name, limit in level.limits.items()}
    flaws = []
    for rule in rules:
        if not rule.is_alert:
            continue
        limit, tree = limits.get(rule.name), trees.get((rule.name, True))
        if limit and tree is not None and not _has_limit(tree, limit, valuation):
            shown = ", ".join(entry.shown for entry in thresholds(tree, valuation))
            flaws.append(
                f"{rule.name}: the alert rule compares {shown or 'nothing'}; the policy states "
                f"the limit {limit}"
            )
        if rule.severity == CRITICAL and rule.for_seconds > critical_for_seconds:
            flaws.append(
                f"{rule.name}: the alert fires after {rule.for_seconds:.0f} s (`for`); a critical "
                f"alert must fire within {critical_for_seconds:g} s"
            )
    return flaws


def _tree(rule: Rule) -> Expr | None:
    try:
        return promql.tree(rule.expression)
    except promql.ExpressionError:
        return None


def _has_limit(tree: Expr, limit: AlertLimit, valuation: Valuation) -> bool:
    return any(
        _is_limit(threshold, limit) and _has_percentile(threshold.node, limit)
        for threshold in thresholds(tree, valuation)
    )


def _is_limit(threshold: Threshold, limit: AlertLimit) -> bool:
    """Return whether a comparison has the policy's limit.

    The comparison may state the limit in percent, or compare 1 minus the ratio with 1 minus the
    limit.
    """
    direction, opposite = (ABOVE, BELOW) if limit.symbol == ">" else (BELOW, ABOVE)
    number = threshold.limit
    if threshold.value.kind is not Kind.RATIO:
        return threshold.symbol in direction and isclose(number, limit.number, rel_tol=1e-6)
    if isclose(threshold.value.factor, PERCENT) or number > 1:
        number /= PERCENT
    if threshold.symbol in direction:
        return isclose(number, limit.number, rel_tol=1e-6)
    return threshold.symbol in opposite and isclose(1 - number, limit.number, rel_tol=1e-6)


def _has_percentile(node: Expr, limit: AlertLimit) -> bool:
    if limit.percentile is None:
        return True
    return any(
        isclose(number * PERCENT, limit.percentile, rel_tol=1e-6)
        for inside in promql.nodes(node)
        if promql.function(inside) == "histogram_quantile"
        and (number := promql.constant(promql.children(inside)[0])) is not None
    )
