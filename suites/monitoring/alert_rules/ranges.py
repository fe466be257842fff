"""Find wrong durations in rules: a range with too few scrapes, and a ``for`` that is too long."""

import re
from collections.abc import Iterator
from math import inf

from promql_parser import Expr

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.alert_rules.thresholds import Threshold, thresholds
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.value_kinds import Kind, Valuation

NEEDS_TWO_SAMPLES = frozenset({*promql.INCREASES, "delta", "idelta", "deriv", "changes", "resets"})
# These functions count the events in the range, and ignore older events.
COUNTS_IN_RANGE = frozenset({*promql.INCREASES, "changes", "resets"})
MIN_SCRAPES = 2
# A single event keeps a condition such as increase(…[5m]) > 0 true for the length of the range.
# These programs repeat failed operations, so that a failure continues: a rule may wait for longer.
TRIES_AGAIN = re.compile(
    r"\A(aggregator|alertmanager|apiserver|argocd|cassandra|ceph|cilium|clickhouse|consul|container|"
    r"coredns|cortex|elasticsearch|envoy|etcd|flux|gitlab|grafana|grpc|haproxy|istio|jaeger|jvm|"
    r"kafka|kube|kubelet|loki|memcached|mimir|minio|mongodb|mysql|nats|nginx|node|pg|prometheus|"
    r"promtail|rabbitmq|redis|rest_client|solr|spark|tempo|tempodb|thanos|traefik|vault|zookeeper)_"
)
MAX_RANGES_OF_FAILURES = 12
MAX_RANGES_OF_A_LEVEL = 30
PERIODS = {"hour": 3600.0, "minute": 60.0, "day_of_week": 86_400.0, "day_of_month": 86_400.0}
Sentences = Iterator[tuple[FlawKind, str]]


def range_flaws(rule: Rule, node: Expr, valuation: Valuation) -> Sentences:
    """Find wrong range selectors in a rule, and a waiting time ``for`` that is too long.

    Args:
        rule: the alert rule or recording rule.
        node: the expression of the rule.
        valuation: finds the kinds and bounds of values.

    Yields:
        Kind and sentence of each flaw.
    """
    yield from _short_or_long(node, valuation)
    if not rule.is_alert or not rule.for_seconds:
        return
    retention = valuation.facts.retention_seconds
    if 0 < retention < rule.for_seconds:
        sentence = (
            f"for: {_shown(rule.for_seconds)} is longer than the {_shown(retention)} for which "
            "Prometheus stores samples: use a shorter `for`"
        )
        yield FlawKind.FOR_TOO_LONG, sentence
    for threshold in thresholds(node, valuation):
        longest = _longest(threshold)
        if longest is not None and rule.for_seconds > longest:
            sentence = (
                f"for: {_shown(rule.for_seconds)} is too long, because "
                f"{threshold.shown} does not stay true that long after an event: "
                f"use a range as long as `for`, or a `for` of at most {_shown(longest)}"
            )
            yield FlawKind.FOR_TOO_LONG, sentence
            return


def _short_or_long(node: Expr, valuation: Valuation) -> Sentences:
    interval, retention = valuation.facts.scrape_interval_seconds, valuation.facts.retention_seconds
    for inside in promql.nodes(node):
        length = promql.range_seconds(inside)
        if length is None:
            continue
        name = promql.function(inside)
        is_subquery = any(
            type(child).__name__ == "SubqueryExpr" for child in promql.children(inside)
        )
        if name in NEEDS_TWO_SAMPLES and not is_subquery and length < MIN_SCRAPES * interval:
            sentence = (
                f"{promql.text(inside)} has no result: a range of {_shown(length)} has fewer than "
                f"{MIN_SCRAPES} scrapes, with a scrape every {_shown(interval)}: use a longer range"
            )
            yield FlawKind.RANGE_TOO_SHORT, sentence
        if 0 < retention < length:
            sentence = (
                f"{promql.text(inside)} reads a range of {_shown(length)}, but Prometheus stores "
                f"samples only for {_shown(retention)}: use a shorter range"
            )
            yield FlawKind.RANGE_TOO_LONG, sentence


def _longest(threshold: Threshold) -> float | None:
    """Return the longest useful ``for`` of a comparison, in seconds; None without a limit."""
    if promql.function(threshold.node) in PERIODS and threshold.symbol == "==":
        return PERIODS[promql.function(threshold.node)]
    ranges = [
        promql.range_seconds(inside) or 0.0
        for inside in promql.nodes(threshold.node)
        if promql.function(inside) in COUNTS_IN_RANGE
    ]
    is_guard = threshold.is_guard and threshold.limit == 0
    if not ranges or threshold.is_inside or is_guard or threshold.symbol not in (">", ">=", "!="):
        return None
    return max(ranges) * _number_of_ranges(threshold)


def _number_of_ranges(threshold: Threshold) -> float:
    """Return how long a condition can stay true after its events, in lengths of its range."""
    kind = threshold.value.kind
    if kind is not Kind.EVENTS and not (kind is Kind.EVENT_RATE and threshold.limit == 0):
        return MAX_RANGES_OF_A_LEVEL if kind in (Kind.RATIO, Kind.EVENT_RATE) else inf
    names = [promql.metric(selector) for selector in promql.selectors(threshold.node)]
    return MAX_RANGES_OF_FAILURES if all(TRIES_AGAIN.match(name) for name in names) else 1


def _shown(seconds: float) -> str:
    """Return a duration as Prometheus writes it, such as ``5m``."""
    for name, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{name}"
    return f"{seconds:g}s"
