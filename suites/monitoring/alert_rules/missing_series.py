"""Find selectors of time series that do not exist, with the reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from promql_parser import BinaryExpr, Expr, VectorSelector

from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.series_facts import SeriesFacts

MAX_DEPTH = 10
MAX_SHOWN = 6
STATUS_CODES = [str(code) for code in range(100, 600)]
STATUS_CODE = re.compile(r"[1-5]\d\d\Z")
# Prometheus itself writes these time series, but only while an alert is pending or firing.
OF_ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class SeriesSearch:
    """Finds the selectors in expressions that match no time series.

    Args:
        facts: the known facts about the time series.
        recorded: the expressions of the recording rules, keyed by the recorded metric.
        alerts: the names of the alert rules.
    """

    facts: SeriesFacts
    recorded: Mapping[str, Expr]
    alerts: frozenset[str]

    def missing(self, node: Expr, depth: int = 0) -> list[str]:
        """Return a sentence for each selector that matches no time series.

        Args:
            node: the syntax tree of the expression.
            depth: the number of recording rules between the rule and this expression.

        Returns:
            The sentences; none when the expression can have a result. In ``a or b``, one side with
            time series is enough. The right side of ``unless`` and the argument of ``absent`` need
            no time series.
        """
        node = promql.inner(node)
        if isinstance(node, VectorSelector):
            return self._of_selector(node, depth)
        if promql.function(node) in promql.ABSENT:
            return []
        if isinstance(node, BinaryExpr) and promql.binary(node) == "unless":
            return self.missing(node.lhs, depth)
        if isinstance(node, BinaryExpr) and promql.binary(node) == "or":
            sides = [side for side in (node.lhs, node.rhs) if _reads_series(side)]
            sentences = [self.missing(side, depth) for side in sides]
            return [] if not all(sentences) else [text for side in sentences for text in side]
        return [text for child in promql.children(node) for text in self.missing(child, depth)]

    def _of_selector(self, selector: VectorSelector, depth: int) -> list[str]:
        name = promql.metric(selector)
        if name in OF_ALERTS:
            return self._of_alerts(selector)
        if name in self.recorded and depth < MAX_DEPTH:
            return self.missing(self.recorded[name], depth + 1)
        shown = promql.present(selector)
        if not self.facts.knows_series or self.facts.count(shown):
            return []
        if not name or not self.facts.count(name):
            return [
                f"{name or shown}: Prometheus has no time series with this name or these labels"
            ]
        return self._without_match(name, selector)

    def _without_match(self, name: str, selector: VectorSelector) -> list[str]:
        """Return why no time series matches; empty if a rare HTTP status code can be the reason."""
        matchers = sorted(promql.matchers(selector))
        reasons = [reason for matcher in matchers if (reason := self._reason(name, *matcher))]
        if not reasons and any(self._is_rare(name, *matcher) for matcher in matchers):
            return []
        reason = reasons[0] if reasons else "no time series has all of these labels"
        return [f"{promql.present(selector)}: {reason}"]

    def _of_alerts(self, selector: VectorSelector) -> list[str]:
        names = [
            value
            for label, symbol, value in promql.matchers(selector)
            if label == "alertname" and symbol == "="
        ]
        return [
            f"ALERTS: no alert rule has the name {name}"
            for name in names
            if name not in self.alerts
        ]

    def _reason(self, metric: str, label: str, symbol: str, value: str) -> str:
        """Return why a matcher selects no time series of a metric; empty when it selects some."""
        if symbol in ("!=", "!~") or self._is_rare(metric, label, symbol, value):
            return ""
        values = self.facts.label_values(metric, label)
        if not values:
            return f"no time series of {metric} has the label {label}"
        if any(_matches(symbol, value, candidate) for candidate in values):
            return ""
        near = get_close_matches(value, values, 1)
        listed = near or sorted(values)[:MAX_SHOWN]
        shown = ", ".join(listed)
        return f"the label {label} is never {value!r}; its values are, for example, {shown}"

    def _is_rare(self, metric: str, label: str, symbol: str, value: str) -> bool:
        """Return whether a matcher selects HTTP status codes that may not have occurred yet."""
        values = self.facts.label_values(metric, label)
        if not values or not all(STATUS_CODE.match(known) for known in values):
            return False
        return any(_matches(symbol, value, code) for code in STATUS_CODES)


def _matches(symbol: str, pattern: str, value: str) -> bool:
    """Return whether a label value satisfies a matcher."""
    if symbol in ("=", "!="):
        return (pattern == value) == (symbol == "=")
    try:
        return (re.fullmatch(pattern, value) is not None) == (symbol == "=~")
    except re.error:
        # A pattern that only Go's regular expressions know.
        return True


def _reads_series(node: Expr) -> bool:
    """Return whether a side of ``or`` reads time series, apart from those in ``absent``."""
    return any(
        isinstance(way[-1], VectorSelector)
        and not any(promql.function(above) in promql.ABSENT for above in way)
        for way in promql.paths(node)
    )
