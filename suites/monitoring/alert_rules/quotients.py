"""Find useless quotients and sums: time series divided by themselves, and sums of all buckets."""

from collections.abc import Iterator

from promql_parser import AggregateExpr, BinaryExpr, Expr, VectorSelector

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.series_facts import SeriesFacts

# Labels that state the outcome of an event; a metric of failures has only some of their values.
OUTCOMES = ("status", "code", "status_code", "outcome", "result")
Sentences = Iterator[tuple[FlawKind, str]]


def quotient_flaws(node: Expr, facts: SeriesFacts) -> Sentences:
    """Find quotients that are always 1, and sums that add cumulative buckets.

    Args:
        node: the syntax tree of the expression.
        facts: the known facts about the time series.

    Yields:
        Kind and sentence of each flaw.
    """
    for way in promql.paths(node):
        inside = way[-1]
        if isinstance(inside, BinaryExpr) and promql.binary(inside) == "/":
            yield from _by_itself(inside, facts)
        if isinstance(inside, AggregateExpr) and promql.aggregation(inside) == "sum":
            in_quantile = any(promql.function(above) == "histogram_quantile" for above in way)
            yield from () if in_quantile else _added_buckets(inside)


def _by_itself(node: BinaryExpr, facts: SeriesFacts) -> Sentences:
    """Find a quotient whose sides both keep a label of which the left side has only some values."""
    sides = [promql.selectors(side) for side in (node.lhs, node.rhs)]
    if [len(side) for side in sides] != [1, 1] or any(map(_has_operator, (node.lhs, node.rhs))):
        return
    left, right = sides[0][0], sides[1][0]
    if promql.offset_seconds(left) != promql.offset_seconds(right):
        return
    kind, named = promql.matching(node)
    for label in sorted(_parting(left, right, facts)):
        is_matched = (label in named) == (kind == "on")
        if is_matched and all(_keeps(side, label) for side in (node.lhs, node.rhs)):
            sentence = (
                f"{promql.text(node)} divides each time series by itself, because both sides keep "
                f"the label {label}: sum both sides without this label"
            )
            yield FlawKind.DIVIDED_BY_ITSELF, sentence
            return


def _parting(left: VectorSelector, right: VectorSelector, facts: SeriesFacts) -> set[str]:
    """Return the labels of which the left side has only some of the right side's values."""
    if promql.metric(left) == promql.metric(right):
        return {label for label, _, _ in promql.matchers(left) - promql.matchers(right)}
    return {
        label
        for label in OUTCOMES
        if facts.knows_series
        and promql.metric(left)
        and promql.metric(right)
        and (part := facts.label_values(promql.metric(left), label))
        and part < facts.label_values(promql.metric(right), label)
    }


def _keeps(node: Expr, label: str) -> bool:
    """Return whether every aggregation of an expression keeps a label."""
    for inside in promql.nodes(node):
        if isinstance(inside, AggregateExpr):
            kind, labels = promql.grouping(inside)
            if (label in labels) == (kind == "without"):
                return False
    return True


def _has_operator(node: Expr) -> bool:
    return any(promql.binary(inside) for inside in promql.nodes(node))


def _added_buckets(node: AggregateExpr) -> Sentences:
    """Find a sum over all buckets, which counts an event once for each bucket that contains it."""
    if _keeps(node, "le"):
        return
    for selector in promql.selectors(node.expr):
        labels = {label for label, _, _ in promql.matchers(selector)}
        if promql.metric(selector).endswith("_bucket") and "le" not in labels:
            sentence = (
                f"{promql.text(node)} adds all buckets, so that an event counts several times: "
                "read the _count metric, or one bucket"
            )
            yield FlawKind.BUCKETS_ADDED, sentence
            return
