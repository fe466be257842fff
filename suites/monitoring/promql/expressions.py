"""Parse PromQL expressions into syntax trees, and read single facts from their nodes."""

import json
import math
import operator
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    Function,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    ValueType,
    VectorSelector,
    parse,
    parse_duration,
    register_extra_functions,
)

COMPARISONS = frozenset({">", ">=", "<", "<=", "==", "!="})
SET_OPERATORS = frozenset({"and", "or", "unless"})
# The operator of a comparison after its two sides are exchanged.
REVERSED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
PER_SECOND = frozenset({"rate", "irate"})
INCREASES = frozenset({*PER_SECOND, "increase"})
ABSENT = frozenset({"absent", "absent_over_time"})
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": operator.pow,
}
# The parser refuses durations of 0.
ZERO = re.compile(r"0+(ms|[smhdwy])?\Z")
Path = tuple[Expr, ...]


class ExpressionError(Exception):
    """A text is not a PromQL expression; the message says why."""


def duration(content: str) -> timedelta:
    """Parse a duration in the format of Prometheus and Alertmanager, such as ``1h30m`` or ``0s``.

    Raises:
        ValueError: the text is not a duration.
    """
    return timedelta(0) if ZERO.match(content) else parse_duration(content)


@lru_cache(maxsize=4096)
def tree(expression: str) -> Expr:
    """Parse an expression, and return its syntax tree.

    Raises:
        ExpressionError: the text is not PromQL.
    """
    _know_old_functions()
    try:
        return parse(expression)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(" ".join(str(error).split())[:200]) from error


@lru_cache(maxsize=1)
def _know_old_functions() -> None:
    """Add the function ``holt_winters`` of Prometheus 2, which the parser does not know."""
    types = [ValueType.Matrix, ValueType.Scalar, ValueType.Scalar]
    register_extra_functions([Function("holt_winters", types, ValueType.Vector)])


def inner(node: Expr) -> Expr:
    """Remove the parentheses around an expression, and return the expression inside."""
    while isinstance(node, ParenExpr):
        node = node.expr
    return node


def children(node: Expr) -> list[Expr]:
    """Return the expressions directly below a node."""
    if isinstance(node, BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, AggregateExpr):
        return [node.expr, *([node.param] if isinstance(node.param, Expr) else [])]
    if isinstance(node, Call):
        return list(node.args)
    if isinstance(node, ParenExpr | UnaryExpr | SubqueryExpr):
        return [node.expr]
    return [node.vector_selector] if isinstance(node, MatrixSelector) else []


def paths(node: Expr, above: Path = ()) -> Iterator[Path]:
    """Yield for every node the path from the root to the node; parentheses are left out.

    Args:
        node: the root of the tree.
        above: the nodes above the root, which begin each path.
    """
    if isinstance(node, ParenExpr):
        yield from paths(node.expr, above)
        return
    way = (*above, node)
    yield way
    for child in children(node):
        yield from paths(child, way)


def nodes(node: Expr) -> Iterator[Expr]:
    """Yield the node and every node below it; parentheses are left out."""
    return (way[-1] for way in paths(node))


def selectors(node: Expr) -> list[VectorSelector]:
    """Return every selector of time series in an expression."""
    return [inside for inside in nodes(node) if isinstance(inside, VectorSelector)]


def metric(selector: VectorSelector) -> str:
    """Return the metric that a selector names; empty when the selector names no metric."""
    if selector.name:
        return selector.name
    names = [
        matcher.value
        for matcher in selector.matchers.matchers
        if matcher.name == "__name__" and matcher_operator(matcher) == "="
    ]
    return names[0] if names else ""


def matcher_operator(matcher: object) -> str:
    """Return the operator of a matcher: ``=``, ``!=``, ``=~`` or ``!~``."""
    names = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return names[str(matcher.op).rpartition(".")[2]]  # type: ignore[attr-defined]


def matchers(selector: VectorSelector) -> frozenset[tuple[str, str, str]]:
    """Return label, operator and value of each matcher, except matchers of the metric's name."""
    return frozenset(
        (matcher.name, matcher_operator(matcher), matcher.value)
        for matcher in selector.matchers.matchers
        if matcher.name != "__name__"
    )


def constant(node: Expr) -> float | None:
    """Return the value of an expression that has only numbers; None for other expressions."""
    node = inner(node)
    if isinstance(node, NumberLiteral):
        return node.val
    if isinstance(node, UnaryExpr):
        value = constant(node.expr)
        return None if value is None else -value
    if isinstance(node, BinaryExpr) and str(node.op) in ARITHMETIC:
        left, right = constant(node.lhs), constant(node.rhs)
        if left is not None and right is not None:
            return _calculated(str(node.op), left, right)
    return None


def _calculated(symbol: str, left: float, right: float) -> float | None:
    try:
        return float(ARITHMETIC[symbol](left, right))
    except (ArithmeticError, ValueError, TypeError):
        return None


def function(node: Expr) -> str:
    """Return the name of a node's function, such as ``rate``; empty for other nodes."""
    return str(node.func.name) if isinstance(node, Call) else ""


def aggregation(node: Expr) -> str:
    """Return the name of a node's aggregation, such as ``sum``; empty for other nodes."""
    return str(node.op) if isinstance(node, AggregateExpr) else ""


def binary(node: Expr) -> str:
    """Return the operator of a binary node, such as ``>``; empty for other nodes."""
    return str(node.op) if isinstance(node, BinaryExpr) else ""


def grouping(node: AggregateExpr) -> tuple[str, frozenset[str]]:
    """Return the grouping of an aggregation.

    Returns:
        ``by`` or ``without``, and the labels. If there is no modifier: ``by`` and no labels.
    """
    if node.modifier is None:
        return "by", frozenset()
    kind = "without" if str(node.modifier.type).endswith("Without") else "by"
    return kind, frozenset(node.modifier.labels)


def matching(node: BinaryExpr) -> tuple[str, frozenset[str]]:
    """Return the label matching of a binary operation.

    Returns:
        ``on`` or ``ignoring``, and the labels. If there is no modifier: ``ignoring``, no labels.
    """
    modifier = node.modifier.matching if node.modifier else None
    if modifier is None:
        return "ignoring", frozenset()
    kind = "on" if str(modifier.type).endswith("Include") else "ignoring"
    return kind, frozenset(modifier.labels)


def returns_bool(node: BinaryExpr) -> bool:
    """Return whether a comparison has the modifier ``bool``, so that its result is 0 or 1."""
    return bool(node.modifier and node.modifier.return_bool)


def range_seconds(node: Expr) -> float | None:
    """Return the length of a function call's range, in seconds; None without a range."""
    if not isinstance(node, Call):
        return None
    for argument in map(inner, node.args):
        if isinstance(argument, MatrixSelector):
            return argument.range.total_seconds()
        if isinstance(argument, SubqueryExpr) and argument.range is not None:
            return argument.range.total_seconds()
    return None


def offset_seconds(selector: VectorSelector) -> float:
    """Return the offset of a selector, in seconds; 0 without an offset."""
    return selector.offset.total_seconds() if selector.offset else 0.0


def present(selector: VectorSelector) -> str:
    """Return the selector as PromQL without its offset, so that it selects present time series."""
    inside = [
        f"{matcher.name}{matcher_operator(matcher)}{json.dumps(matcher.value, ensure_ascii=False)}"
        for matcher in selector.matchers.matchers
    ]
    return f"{selector.name or ''}{{{','.join(inside)}}}" if inside else str(selector.name)


def text(node: Expr, max_length: int = 90) -> str:
    """Return an expression as one line of a message; a long line is cut.

    Args:
        node: the syntax tree of the expression.
        max_length: the number of characters after which the line is cut.
    """
    line = str(node.val) if isinstance(node, StringLiteral) else " ".join(node.prettify().split())
    return line if len(line) <= max_length else f"{line[:max_length]}…"
