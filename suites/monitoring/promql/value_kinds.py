"""Find the kind of a PromQL expression's value, and its smallest and largest possible value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import ceil, floor, inf, isfinite

from promql_parser import BinaryExpr, Call, Expr, UnaryExpr, VectorSelector

from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.series_facts import SeriesFacts
from suites.monitoring.promql.shares import Share, share_of

PERCENT = 100.0
MAX_DEPTH = 10
TIMESTAMP = re.compile(
    r"(_timestamp(_seconds)?|(start|boot|creation|completion|expiry|expiration|node)_time(_seconds)?"
    r"|_created|_cert_expiry|_not_after)\Z"
)
BOOLEAN = re.compile(r"(\A|_)up\Z|\Aprobe_success\Z")
RATIO = re.compile(r"(_ratio|:ratio(_\w+)?)\Z")
COUNTER = re.compile(r"_(total|bucket)\Z")
# Some gauges have the ending of a histogram's parts: pg_stat_activity_count. Before the ending, a
# part of a histogram or summary has the name of an observed quantity.
OBSERVED = re.compile(
    r"(seconds|duration|latency|bytes|size|time|milliseconds|ms)_(count|sum)\Z"
    r"|(requests?|responses?|errors?|quer(y|ies)|calls?|orders?|payments?|handling)_count\Z"
)
# Gauges whose names end like the names of counters.
AMOUNT = re.compile(r"uptime|offline|online|active")
BYTES = re.compile(r"_bytes\Z")
DURATIONS = re.compile(r"(request|response|quer|latency|handling|order|payment)\w*_seconds_sum\Z")
# Each time series is a processor in a mode, in which it spends at most one second per second.
OF_PROCESSORS = "node_cpu_seconds_total"
# The rate of a metric with such a name is not a number of events per second.
NOT_EVENTS = re.compile(r"second|byte|joule|_cpu_|_ms_|_ratio")


class Kind(Enum):
    """The quantity that a value counts or measures."""

    COUNTER = "a counter since the start of a process"
    EVENTS = "a number of events in a range"
    EVENT_RATE = "events per second"
    RATIO = "a ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    DURATION_RATE = "the rate of a sum of durations, in seconds per second"
    TIMESTAMP = "a time since 1970"
    OTHER = "another quantity"


@dataclass(frozen=True, slots=True)
class Value:
    """The kind and the bounds of an expression's value.

    Args:
        kind: the quantity that the value counts or measures.
        low: the smallest possible value.
        high: the largest possible value.
        is_proven: whether the expression proves the bounds; false when only names suggest them.
        factor: the product of the constants with which the expression multiplies the quantity.
    """

    kind: Kind = Kind.OTHER
    low: float = -inf
    high: float = inf
    is_proven: bool = True
    factor: float = 1.0


OTHER = Value()
NOT_NEGATIVE = Value(low=0.0)
FROM_ONE = Value(low=1.0)
EXACTLY_ONE = Value(low=1.0, high=1.0)
ZERO_OR_ONE = Value(low=0.0, high=1.0)
BY_NAME = (
    (TIMESTAMP, Value(Kind.TIMESTAMP)),
    (BOOLEAN, ZERO_OR_ONE),
    (BYTES, Value(Kind.BYTES)),
    (RATIO, Value(Kind.RATIO)),
)
CONSTANT_FUNCTIONS: dict[str, Value] = {
    "time": Value(Kind.TIMESTAMP),
    "timestamp": Value(Kind.TIMESTAMP),
    "changes": Value(Kind.EVENTS, low=0.0),
    "resets": Value(Kind.EVENTS, low=0.0),
    "absent": EXACTLY_ONE,
    "absent_over_time": EXACTLY_ONE,
    "present_over_time": EXACTLY_ONE,
    "count_over_time": FROM_ONE,
    "stddev_over_time": NOT_NEGATIVE,
    "stdvar_over_time": NOT_NEGATIVE,
    "sgn": Value(low=-1.0, high=1.0),
    "minute": Value(low=0.0, high=59.0),
    "hour": Value(low=0.0, high=23.0),
    "day_of_week": Value(low=0.0, high=6.0),
    "day_of_month": Value(low=1.0, high=31.0),
    "day_of_year": Value(low=1.0, high=366.0),
    "days_in_month": Value(low=28.0, high=31.0),
    "month": Value(low=1.0, high=12.0),
    "histogram_fraction": ZERO_OR_ONE,
}
# The value of these functions is the value of their vector, or lies within its bounds.
SAME_FUNCTIONS = frozenset(
    {
        "avg_over_time",
        "max_over_time",
        "min_over_time",
        "last_over_time",
        "quantile_over_time",
        "ceil",
        "floor",
        "round",
        "sort",
        "sort_desc",
        "label_replace",
        "label_join",
        "scalar",
        "vector",
        "sort_by_label",
        "sort_by_label_desc",
    }
)
ROUNDED = frozenset({"ceil", "floor", "round"})
SAME_AGGREGATIONS = frozenset({"avg", "min", "max", "quantile", "topk", "bottomk", "limitk"})
COUNTED = {"count": FROM_ONE, "group": EXACTLY_ONE, "count_values": FROM_ONE}


@dataclass(frozen=True, slots=True)
class Valuation:
    """Finds the kinds and bounds of expressions' values.

    Args:
        facts: the known facts about the time series.
        recorded: the expressions of the recording rules, keyed by the recorded metric.
    """

    facts: SeriesFacts
    recorded: Mapping[str, Expr] = field(default_factory=dict)

    def of(self, node: Expr, depth: int = 0) -> Value:
        """Return the kind and the bounds of an expression's value.

        Args:
            node: the syntax tree of the expression.
            depth: the number of recording rules between the rule and this expression; a limit of
                the depth ends the search in circular rules.
        """
        node = promql.inner(node)
        number = promql.constant(node)
        if number is not None:
            return Value(low=number, high=number)
        if isinstance(node, VectorSelector):
            return self._of_selector(node, depth)
        if isinstance(node, Call):
            return self._of_call(node, depth)
        return self._of_operation(node, depth)

    def _of_operation(self, node: Expr, depth: int) -> Value:
        """Return the value of an operator, an aggregation, a range or a subquery."""
        if isinstance(node, BinaryExpr):
            return self._of_binary(node, depth)
        if promql.aggregation(node):
            return self._of_aggregation(node, depth)
        value = self.of(promql.children(node)[0], depth) if promql.children(node) else OTHER
        if isinstance(node, UnaryExpr):
            return replace(value, low=-value.high, high=-value.low)
        return value

    def is_counter(self, metric: str) -> bool:
        """Return whether a metric is a counter, by its type if known, or else by its name."""
        kind = self.facts.metric_type(metric)
        if kind == "counter":
            return True
        if kind == "gauge":
            return False
        if re.search(r"_(count|sum)\Z", metric):
            base = metric.rpartition("_")[0]
            is_part = self.facts.metric_type(base) in ("histogram", "summary")
            return is_part or OBSERVED.search(metric) is not None
        return COUNTER.search(metric) is not None and not AMOUNT.search(metric)

    def _of_selector(self, node: VectorSelector, depth: int) -> Value:
        metric = promql.metric(node)
        if metric in self.recorded and depth < MAX_DEPTH:
            return self.of(self.recorded[metric], depth + 1)
        if ":" in metric:
            return Value(Kind.RATIO, low=0.0) if RATIO.search(metric) else OTHER
        if self.is_counter(metric):
            return Value(Kind.COUNTER, low=0.0)
        for pattern, value in BY_NAME:
            if pattern.search(metric):
                return value
        return OTHER

    def _of_call(self, node: Call, depth: int) -> Value:
        name = promql.function(node)
        if name in promql.INCREASES:
            return self._of_increase(node)
        if name in CONSTANT_FUNCTIONS:
            return CONSTANT_FUNCTIONS[name]
        if name == "histogram_quantile":
            return Value(high=self._largest_bucket(node))
        vectors = [child for child in promql.children(node) if promql.constant(child) is None]
        value = self.of(vectors[0], depth) if vectors else OTHER
        if name in SAME_FUNCTIONS:
            return _whole(value) if name in ROUNDED else self._only_value(node, value)
        if name == "sum_over_time":
            return NOT_NEGATIVE if value.low >= 0 else OTHER
        return _clamped(node, value) if name.startswith("clamp") else OTHER

    def _of_increase(self, node: Call) -> Value:
        names = [promql.metric(selector) for selector in promql.selectors(node)]
        is_rate = promql.function(node) in promql.PER_SECOND
        if self._counts_events(node):
            return Value(Kind.EVENT_RATE if is_rate else Kind.EVENTS, low=0.0)
        if is_rate and names == [OF_PROCESSORS]:
            return ZERO_OR_ONE
        durations = is_rate and all(DURATIONS.search(name) for name in names)
        return Value(Kind.DURATION_RATE if durations else Kind.OTHER, low=0.0)

    def _only_value(self, node: Call, value: Value) -> Value:
        """Return the constant of a call such as ``vector(1)``; else the given value."""
        number = promql.constant(node.args[0]) if len(node.args) == 1 else None
        return value if number is None else Value(low=number, high=number)

    def _counts_events(self, node: Call) -> bool:
        """Return whether a rate reads metrics that count events, and not seconds or bytes."""
        names = [promql.metric(selector) for selector in promql.selectors(node)]
        return all(
            name.endswith(("_count", "_bucket")) or not NOT_EVENTS.search(name) for name in names
        )

    def _largest_bucket(self, node: Call) -> float:
        """Return the largest finite bucket bound, which limits a quantile; infinite if unknown."""
        if not self.facts.knows_series:
            return inf
        largest = [inf]
        for selector in promql.selectors(node):
            bounds = self.facts.label_values(promql.metric(selector), "le")
            numbers = {float(bound) for bound in bounds if _is_number(bound)} - {inf}
            largest.append(max(numbers, default=inf))
        return max(largest[1:], default=inf)

    def _of_aggregation(self, node: Expr, depth: int) -> Value:
        name = promql.aggregation(node)
        if name in COUNTED:
            return COUNTED[name]
        value = self.of(promql.children(node)[0], depth)
        if name in SAME_AGGREGATIONS:
            return value
        if name == "sum":
            kind = Kind.OTHER if value.kind is Kind.RATIO else value.kind
            low = value.low if value.low >= 0 else -inf
            return replace(value, kind=kind, low=low, high=inf if value.high > 0 else value.high)
        return NOT_NEGATIVE

    def _of_binary(self, node: BinaryExpr, depth: int) -> Value:
        symbol = promql.binary(node)
        left, right = self.of(node.lhs, depth), self.of(node.rhs, depth)
        if symbol in promql.COMPARISONS:
            if promql.returns_bool(node):
                return ZERO_OR_ONE
            return right if promql.constant(node.lhs) is not None else left
        if symbol in promql.SET_OPERATORS:
            return _either(left, right) if symbol == "or" else left
        if symbol == "/":
            return self._quotient(node, left, right)
        if symbol == "*":
            return _product(node, left, right)
        return _sum(node, left, right) if symbol in ("+", "-") else OTHER

    def _quotient(self, node: BinaryExpr, left: Value, right: Value) -> Value:
        number = promql.constant(node.rhs)
        if number is not None:
            return _scaled(left, 1 / number) if 0 < number < inf else OTHER
        if promql.constant(node.lhs) is not None:
            return OTHER
        share = share_of(node)
        if left.kind is Kind.COUNTER:
            # The ratio of two counters covers the whole life of the processes.
            return left
        low = 0.0 if left.low >= 0 and right.low >= 0 else -inf
        if share is not Share.UNKNOWN:
            return Value(Kind.RATIO, 0.0, 1.0, is_proven=share is Share.PROVEN)
        is_ratio = left.kind is right.kind and left.kind in (Kind.EVENTS, Kind.EVENT_RATE)
        return Value(Kind.RATIO if is_ratio else Kind.OTHER, low)


def _is_number(content: str) -> bool:
    try:
        float(content)
    except ValueError:
        return False
    return True


def _whole(value: Value) -> Value:
    """Return the value after rounding to integers."""
    low = floor(value.low) if isfinite(value.low) else value.low
    high = ceil(value.high) if isfinite(value.high) else value.high
    return replace(value, low=low, high=high)


def _clamped(node: Call, value: Value) -> Value:
    numbers = [number for number in map(promql.constant, node.args) if number is not None]
    if not numbers:
        return OTHER
    name = promql.function(node)
    low = value.low if name == "clamp_max" else max(value.low, numbers[0])
    high = value.high if name == "clamp_min" else min(value.high, numbers[-1])
    return replace(value, low=low, high=high)


def _scaled(value: Value, factor: float) -> Value:
    """Multiply a value by a constant that is greater than 0."""
    return replace(
        value,
        low=value.low * factor,
        high=value.high * factor,
        factor=value.factor * factor,
    )


def _either(left: Value, right: Value) -> Value:
    """Return the value of ``a or b``."""
    is_filler = right.low == right.high
    kind = left.kind if is_filler or left.kind is right.kind else Kind.OTHER
    proven = left.is_proven and right.is_proven
    return Value(kind, min(left.low, right.low), max(left.high, right.high), is_proven=proven)


def _product(node: BinaryExpr, left: Value, right: Value) -> Value:
    for side, other in ((node.lhs, right), (node.rhs, left)):
        number = promql.constant(side)
        if number is not None:
            return _scaled(other, number) if 0 < number < inf else OTHER
    # A product with an info series keeps the value and adds labels.
    for side, other in ((node.rhs, left), (node.lhs, right)):
        names = [promql.metric(selector) for selector in promql.selectors(side)]
        if names and all(name.endswith("_info") for name in names):
            return other
    return OTHER


def _sum(node: BinaryExpr, left: Value, right: Value) -> Value:
    """Return the value of ``a + b`` or ``a - b``."""
    if promql.binary(node) == "+":
        low, high = left.low + right.low, left.high + right.high
    else:
        low, high = left.low - right.high, left.high - right.low
    numbers = promql.constant(node.lhs) is not None, promql.constant(node.rhs) is not None
    if any(numbers):
        operand = right if numbers[0] else left
        return replace(operand, low=low, high=high)
    kinds = {left.kind, right.kind}
    if Kind.TIMESTAMP in kinds:
        return Value(Kind.SECONDS)
    if kinds == {Kind.COUNTER} and promql.binary(node) == "-":
        return OTHER  # a difference of two counters: what is under way, or an increase by offset
    kind = left.kind if len(kinds) == 1 else Kind.OTHER
    return Value(kind, low, high, is_proven=left.is_proven and right.is_proven)
