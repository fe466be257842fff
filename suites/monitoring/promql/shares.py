"""Decide whether a quotient is a part divided by its whole; such a quotient is at most 1."""

import re
from dataclasses import dataclass
from enum import Enum

from promql_parser import AggregateExpr, BinaryExpr, Expr

from suites.monitoring.promql import expressions as promql

# Names of parts and of wholes; a part is at most its whole.
PART_EVENTS = re.compile(
    r"error|fail|miss|hit|drop|reject|declin|denied|refus|timeout|abort|success|captured"
)
WHOLE_EVENTS = re.compile(r"request|total|count|attempt|sent|received|processed|lookups|responses")
PART_AMOUNT = re.compile(r"avail|free|used|usage|cached|working_set")
WHOLE_AMOUNT = re.compile(r"total|size|limit|capacity|max|quota|files\Z", re.IGNORECASE)


class Share(Enum):
    """How certain it is that a quotient is a part divided by its whole."""

    PROVEN = "the numerator is a part of the denominator"
    LIKELY = "the names say that the numerator is a part of the denominator"
    UNKNOWN = "the quotient may be over 1"


@dataclass(frozen=True, slots=True)
class _Selection:
    """The time series and functions of one side of a quotient.

    Args:
        metric: the name of the only metric.
        matchers: label, operator and value of each matcher.
        functions: the functions and aggregations around the selector, with range and offset.
        groupings: the grouping of each aggregation.
    """

    metric: str
    matchers: frozenset[tuple[str, str, str]]
    functions: tuple[object, ...]
    groupings: tuple[tuple[str, frozenset[str]], ...]


def share_of(node: BinaryExpr) -> Share:
    """Decide whether a quotient is a part divided by its whole.

    Args:
        node: the syntax tree of the quotient.

    Returns:
        How certain it is that the numerator is a part of the denominator.
    """
    numerator, denominator = promql.inner(node.lhs), promql.inner(node.rhs)
    if any(_is_same(numerator, addend) for addend in _addends(denominator)):
        return Share.PROVEN
    part, whole = _selection(numerator), _selection(denominator)
    if part is None or whole is None:
        return Share.UNKNOWN
    if part.functions != whole.functions or not _covers(part, whole):
        return Share.UNKNOWN
    if _base(part.metric) == _base(whole.metric):
        return Share.PROVEN if whole.matchers <= part.matchers else Share.UNKNOWN
    return Share.LIKELY if _is_part_by_name(part, whole) else Share.UNKNOWN


def _covers(part: _Selection, whole: _Selection) -> bool:
    """Return whether one group of the whole contains all events of each group of the part."""
    if not {"avg", "min", "quantile", "stddev", "stdvar"}.isdisjoint(map(str, part.functions)):
        return False
    groupings = zip(part.groupings, whole.groupings, strict=True)
    return all(
        kind == other_kind and (others <= labels if kind == "by" else labels <= others)
        for (kind, labels), (other_kind, others) in groupings
    )


def _is_part_by_name(part: _Selection, whole: _Selection) -> bool:
    is_rate = any(name in promql.INCREASES for name in part.functions)
    parts, wholes = (PART_EVENTS, WHOLE_EVENTS) if is_rate else (PART_AMOUNT, WHOLE_AMOUNT)
    return parts.search(part.metric) is not None and wholes.search(whole.metric) is not None


def _base(metric: str) -> str:
    """Return the histogram of a ``_bucket`` or ``_count`` metric; any other metric unchanged."""
    return re.sub(r"_(bucket|count)\Z", "", metric)


def _addends(node: Expr) -> list[Expr]:
    """Return the addends of a sum; none for another expression."""
    if promql.binary(node) != "+" or not isinstance(node, BinaryExpr):
        return []
    sides = [promql.inner(side) for side in (node.lhs, node.rhs)]
    return [part for side in sides for part in (_addends(side) or [side])]


def _is_same(expression: Expr, other: Expr) -> bool:
    """Return whether two expressions have the same text."""
    return promql.inner(expression).prettify() == promql.inner(other).prettify()


def _selection(node: Expr) -> _Selection | None:
    """Return the selection of an expression with one selector; None for other expressions."""
    selectors = promql.selectors(node)
    if len(selectors) != 1 or not promql.metric(selectors[0]):
        return None
    functions: list[object] = []
    for inside in promql.nodes(node):
        if promql.binary(inside):
            return None
        if isinstance(inside, AggregateExpr):
            functions.append(promql.aggregation(inside))
        elif promql.function(inside):
            functions += [promql.function(inside), promql.range_seconds(inside)]
    functions.append(promql.offset_seconds(selectors[0]))
    labels = [
        promql.grouping(inside)
        for inside in promql.nodes(node)
        if isinstance(inside, AggregateExpr)
    ]
    name, matchers = promql.metric(selectors[0]), promql.matchers(selectors[0])
    return _Selection(name, matchers, tuple(functions), tuple(labels))
