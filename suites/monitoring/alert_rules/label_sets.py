"""Find operators without a result, because their two sides never have the same labels."""

from collections.abc import Iterator
from dataclasses import dataclass

from promql_parser import AggregateExpr, BinaryExpr, Expr, VectorSelector

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.promql import expressions as promql

SCRAPED = frozenset({"job", "instance"})
# Functions that leave the labels of their argument as they are.
KEEPS_LABELS = frozenset(
    {
        "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets", "abs", "ceil",
        "floor", "round", "clamp", "clamp_max", "clamp_min", "avg_over_time", "min_over_time",
        "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "predict_linear",
        "timestamp", "sqrt", "exp", "ln", "quantile_over_time", "present_over_time",
    }
)  # a list of short values # fmt: skip
Sentences = Iterator[tuple[FlawKind, str]]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that the result of an expression has, as far as they are known.

    Args:
        has: labels that the result always has.
        only: all labels that the result can have; None when it can have any label.
        grouped: the labels of ``by``; each is in the result only if the time series have it.
    """

    has: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    grouped: frozenset[str] = frozenset()


ANY = Labels()
NO_LABELS = Labels(only=frozenset())


def match_flaws(node: Expr) -> Sentences:
    """Yield a flaw for each operator whose two sides never have matching labels.

    Args:
        node: the syntax tree of the expression.

    Yields:
        Kind and sentence of each flaw.

    Source: Prometheus documentation, operators, vector matching.
    """
    for inside in promql.nodes(node):
        if not isinstance(inside, BinaryExpr) or promql.binary(inside) in ("or", "unless"):
            continue
        if any(_is_scalar(side) for side in (inside.lhs, inside.rhs)):
            continue
        left, right = labels_of(inside.lhs), labels_of(inside.rhs)
        kind, named = promql.matching(inside)
        if kind == "on":
            continue
        for side, other, place in ((left, right, "right"), (right, left, "left")):
            if other.only is None:
                continue
            # A rule that groups by a label expects that the time series have the label.
            has = side.has if other.only else side.has | side.grouped
            lost = has - named - other.only
            if lost:
                sentence = (
                    f"{promql.text(inside)} has no result, because the {place} side never has "
                    f"the label {', '.join(sorted(lost))} of the other side: group both sides by "
                    "the same labels"
                )
                yield FlawKind.NO_MATCH, sentence
                break


def labels_of(node: Expr) -> Labels:
    """Return the known labels of the result of an expression."""
    node = promql.inner(node)
    if isinstance(node, VectorSelector):
        name = promql.metric(node)
        is_plain = name and ":" not in name and not name.startswith("ALERTS")
        equal = {label for label, symbol, value in promql.matchers(node) if symbol == "=" and value}
        return Labels(has=SCRAPED | equal) if is_plain else ANY
    if isinstance(node, AggregateExpr):
        return _of_aggregation(node)
    name = promql.function(node)
    if name == "vector":
        return NO_LABELS
    if name in KEEPS_LABELS:
        vectors = [child for child in promql.children(node) if promql.constant(child) is None]
        return _below(vectors[0]) if vectors else ANY
    if isinstance(node, BinaryExpr):
        return _of_binary(node)
    return ANY


def _below(node: Expr) -> Labels:
    """Return the labels of a function's argument, which may be a range or a subquery."""
    node = promql.inner(node)
    if type(node).__name__ in ("MatrixSelector", "SubqueryExpr"):
        return labels_of(promql.children(node)[0])
    return labels_of(node)


def _of_aggregation(node: AggregateExpr) -> Labels:
    if promql.aggregation(node) in ("topk", "bottomk", "limitk", "limit_ratio"):
        return labels_of(node.expr)
    if promql.aggregation(node) == "count_values":
        return ANY
    kind, named = promql.grouping(node)
    below = labels_of(node.expr)
    if kind == "without":
        return Labels(below.has - named, None if below.only is None else below.only - named)
    return Labels(below.has & named, named, named)


def _of_binary(node: BinaryExpr) -> Labels:
    """Return the labels of a binary operation; ``ANY`` if the labels are unknown."""
    for side, other in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
        if _is_scalar(side):
            return labels_of(other)
    if promql.binary(node) in ("and", "unless"):
        return labels_of(node.lhs)
    plain = promql.matching(node) == ("ignoring", frozenset())
    if plain and promql.binary(node) in promql.ARITHMETIC:
        return labels_of(node.lhs)
    return ANY


def _is_scalar(node: Expr) -> bool:
    """Return whether an expression is a number, not a vector."""
    node = promql.inner(node)
    if promql.constant(node) is not None or promql.function(node) in ("scalar", "time", "pi"):
        return True
    if isinstance(node, BinaryExpr):
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return type(node).__name__ == "UnaryExpr" and _is_scalar(promql.children(node)[0])
