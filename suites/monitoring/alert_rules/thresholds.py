"""Find comparisons in alert rules that have the wrong kind of limit, or can never be true."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from promql_parser import BinaryExpr, Expr

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.value_kinds import PERCENT, Kind, Valuation, Value

FIRST_TIMESTAMP = 1e9
# Names alone do not prove that a quotient is a share; smaller limits are then not judged.
MIN_PERCENT = 2.0
PERCENT_WORDS = re.compile(
    r"%(?!-?ile)|\bpercent(age)?\b|\bper cent\b|\bratio\b|\bfraction\b", re.IGNORECASE
)
PERCENT_TEMPLATE = re.compile(r"humanizePercentage|%%")
RATIO_NAMES = re.compile(r"(hit|success|error|failure|miss)_?(rate|ratio)", re.IGNORECASE)
PER_SECOND_WORDS = re.compile(
    r"per second|a second|each second|/ ?s\b|per minute|a minute|\brps\b|\bqps\b", re.IGNORECASE
)
GOOD_EVENTS = re.compile(r"hit|success|succeeded|captured|healthy|_ok_")
TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
COUNTED = frozenset({"count", "group"})
SETS = promql.SET_OPERATORS
# Events that are a part of all events: a small limit means their ratio to all events.
PART = re.compile(
    r"error|fail|miss|denied|reject|declin|refus|drop|lost|timeout|abort|cancel|invalid|bad_|crash|"
    r"panic|unavailable|slow|hit|success|captured|[45](xx|\d\d)"
)
OF_TARGETS = frozenset(
    {
        "job",
        "instance",
        "slot",
        "namespace",
        "cluster",
        "env",
        "environment",
        "deployment",
        "pod",
        "service",
        "container",
        "traffic",
        "region",
        "host",
        "node",
    }
)
EVENT_KINDS = (Kind.EVENTS, Kind.EVENT_RATE)
Sentences = Iterator[tuple[FlawKind, str]]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparison of an expression with a constant.

    Args:
        node: the compared expression.
        symbol: the operator, with the expression on the left side.
        limit: the constant on the right side.
        value: the kind and the bounds of the expression's value.
        is_condition: whether the comparison filters time series; false with ``bool``.
        is_guard: whether the comparison is a side of ``and``, as in ``… and x > 0``.
        is_counted: whether the comparison selects the time series that ``count`` counts.
        is_inside: whether the comparison only filters a part of another expression.
    """

    node: Expr
    symbol: str
    limit: float
    value: Value
    is_condition: bool
    is_guard: bool
    is_counted: bool
    is_inside: bool

    @property
    def shown(self) -> str:
        """The comparison as text, for messages."""
        return f"{promql.text(self.node)} {self.symbol} {self.limit:g}"


def thresholds(node: Expr, valuation: Valuation) -> list[Threshold]:
    """Return all comparisons with a constant that an expression contains, outermost first.

    Args:
        node: the syntax tree of the expression.
        valuation: finds the kinds and bounds of values.
    """
    comparisons = []
    for way in promql.paths(node):
        inside = way[-1]
        if not isinstance(inside, BinaryExpr) or promql.binary(inside) not in promql.COMPARISONS:
            continue
        symbol = promql.binary(inside)
        side, other = inside.lhs, inside.rhs
        limit = _limit(other, valuation)
        if limit is None:
            side, symbol, limit = other, promql.REVERSED[symbol], _limit(side, valuation)
        if limit is not None:
            threshold = Threshold(
                node=promql.inner(side),
                symbol=symbol,
                limit=limit,
                value=valuation.of(side),
                is_condition=not promql.returns_bool(inside),
                is_guard=any(promql.binary(above) == "and" for above in way[:-1]),
                is_counted=any(promql.aggregation(above) in COUNTED for above in way[:-1]),
                is_inside=any(promql.binary(above) not in SETS for above in way[:-1]),
            )
            comparisons.append(threshold)
    return comparisons


def _limit(node: Expr, valuation: Valuation) -> float | None:
    """Return the value of a side if it is a constant number; None for any other side."""
    number = promql.constant(node)
    if number is not None or promql.selectors(node):
        return number
    value = valuation.of(node)
    return value.low if value.low == value.high and promql.function(promql.inner(node)) else None


def threshold_flaws(rule: Rule, node: Expr, valuation: Valuation) -> Sentences:
    """Find the flaws of the comparisons in an alert rule.

    Args:
        rule: the alert rule; its name and annotations may say that a limit is a ratio.
        node: the expression of the rule.
        valuation: finds the kinds and bounds of values.

    Yields:
        Kind and sentence of each flaw.
    """
    comparisons = thresholds(node, valuation)
    # A rule with a limit of a ratio may also demand enough events, with a limit of a rate.
    has_ratio = any(threshold.value.kind is Kind.RATIO for threshold in comparisons)
    for threshold in comparisons:
        yield from _impossible(threshold)
        yield from _against_ratio(rule, threshold, has_ratio=has_ratio)
        yield from _timestamp(threshold)
        yield from _wrong_unit(threshold)
        is_guard = threshold.is_guard and threshold.limit == 0
        if threshold.value.kind is Kind.COUNTER and not is_guard:
            yield FlawKind.RAW_COUNTER, _raw(threshold.node)
    yield from _counters_compared(node, valuation)
    yield from _always(node, valuation)
    yield from _contradictions(node, valuation)


def _raw(node: Expr) -> str:
    return (
        f"{promql.text(node)} is a counter, which grows since the start of its process: compare "
        "rate(…[5m]) or increase(…[5m])"
    )


def _counters_compared(node: Expr, valuation: Valuation) -> Sentences:
    """Find comparisons of a counter with time series, except with earlier values of the counter."""
    for inside in promql.nodes(node):
        if not isinstance(inside, BinaryExpr) or promql.binary(inside) not in promql.COMPARISONS:
            continue
        sides = (inside.lhs, inside.rhs)
        names = [{promql.metric(selector) for selector in promql.selectors(side)} for side in sides]
        has_offset = any(promql.offset_seconds(selector) for selector in promql.selectors(inside))
        if not all(names) or (names[0] == names[1] and has_offset):
            continue
        for side in sides:
            if valuation.of(side).kind is Kind.COUNTER:
                yield FlawKind.RAW_COUNTER, _raw(side)


def _is_impossible(threshold: Threshold) -> bool:
    low, high, limit = threshold.value.low, threshold.value.high, threshold.limit
    if not threshold.value.is_proven and limit < MIN_PERCENT:
        return False
    answers = {
        ">": high <= limit,
        ">=": high < limit,
        "<": low >= limit,
        "<=": low > limit,
        "==": not low <= limit <= high,
        "!=": low == high == limit,
    }
    return answers[threshold.symbol]


def _impossible(threshold: Threshold) -> Sentences:
    if threshold.is_condition and _is_impossible(threshold):
        low, high = threshold.value.low, threshold.value.high
        is_low = threshold.symbol[0] == "<" or (threshold.symbol == "==" and threshold.limit < low)
        bound = f"at least {low:g}" if is_low else f"at most {high:g}"
        bound = f"always {low:g}" if low == high else bound
        yield FlawKind.NEVER_FIRES, f"{threshold.shown} is never true: the left side is {bound}"


def _texts(rule: Rule) -> str:
    return " ".join([rule.name, *rule.annotations.values()])


def _speaks_of_percent(rule: Rule) -> bool:
    """Return whether the name or a text of a rule says that its value is a ratio or percentage."""
    texts = _texts(rule)
    in_templates = " ".join(TEMPLATE.findall(texts))
    return bool(
        PERCENT_TEMPLATE.search(in_templates) or PERCENT_WORDS.search(TEMPLATE.sub("", texts))
    )


def _against_ratio(rule: Rule, threshold: Threshold, *, has_ratio: bool) -> Sentences:
    """Find a number of events, or of events per second, that is compared with a ratio."""
    value, limit = threshold.value, threshold.limit
    if value.kind not in EVENT_KINDS or limit <= 0 or has_ratio or threshold.is_counted:
        return
    is_percent = value.kind is Kind.EVENT_RATE and (
        abs(value.factor - PERCENT) < 1 or _speaks_of_percent(rule)
    )
    if is_percent or (limit < 1 and _means_ratio(rule, threshold)):
        unit = (
            "a number of events per second"
            if value.kind is Kind.EVENT_RATE
            else "a number of events"
        )
        sentence = (
            f"{promql.text(threshold.node)} is {unit}, but the limit {limit:g} is a ratio: divide "
            "by the rate of all events"
        )
        yield FlawKind.RATE_AGAINST_RATIO, sentence


def _means_ratio(rule: Rule, threshold: Threshold) -> bool:
    """Return whether a limit below 1 means a ratio, and not a small number of events."""
    texts = TEMPLATE.sub("", _texts(rule))
    if PER_SECOND_WORDS.search(texts):
        return False
    selectors = promql.selectors(threshold.node)
    names = [promql.metric(selector) for selector in selectors]
    if threshold.symbol not in (">", ">="):
        return bool(RATIO_NAMES.search(texts) or any(map(GOOD_EVENTS.search, names)))
    labels = {label for selector in selectors for label, _, _ in promql.matchers(selector)}
    is_part = bool(labels - OF_TARGETS) or any(PART.search(name) for name in names)
    return is_part or bool(RATIO_NAMES.search(texts))


def _timestamp(threshold: Threshold) -> Sentences:
    if threshold.value.kind is Kind.TIMESTAMP and 0 < threshold.limit < FIRST_TIMESTAMP:
        sentence = (
            f"{promql.text(threshold.node)} is a time in seconds since 1970, but the limit "
            f"{threshold.limit:g} is a duration: compare time() - …, or … - time()"
        )
        never = threshold.symbol[0] == "<"
        yield FlawKind.NEVER_FIRES if never else FlawKind.ALWAYS_FIRES, sentence


def _wrong_unit(threshold: Threshold) -> Sentences:
    """Find bytes compared with a ratio, and rates of a duration sum compared with a duration."""
    value, shown = threshold.value, promql.text(threshold.node)
    if value.kind is Kind.BYTES and value.factor == 1 and 0 < threshold.limit <= PERCENT:
        sentence = (
            f"{shown} is a number of bytes, but the limit {threshold.limit:g} is a ratio: divide "
            "by the total size"
        )
        yield FlawKind.WRONG_UNIT, sentence
    if value.kind is Kind.DURATION_RATE and not threshold.is_inside:
        sentence = (
            f"{shown} is the rate of a sum of durations, not a duration: divide by the rate of "
            "_count"
        )
        yield FlawKind.WRONG_UNIT, sentence


def _always(node: Expr, valuation: Valuation) -> Sentences:
    """Find a condition that is always true."""
    root = promql.inner(node)
    for threshold in thresholds(node, valuation):
        value = threshold.value
        is_share = value.kind is Kind.RATIO and value.high <= 1
        if is_share and threshold.symbol[0] == "<" and threshold.limit >= MIN_PERCENT:
            sentence = (
                f"{threshold.shown} is always true: the left side is a ratio of at most 1; "
                "multiply the left side by 100"
            )
            yield FlawKind.ALWAYS_FIRES, sentence
    if isinstance(root, BinaryExpr) and promql.returns_bool(root):
        sentence = (
            "a comparison with bool returns 0 or 1, and the alert fires for 0 as well as for 1: "
            "remove bool"
        )
        yield FlawKind.ALWAYS_FIRES, sentence
    elif not _has_condition(root):
        sentence = (
            f"{promql.text(root)} has no comparison, so the alert fires for any value: add a limit"
        )
        yield FlawKind.ALWAYS_FIRES, sentence


def _has_condition(node: Expr) -> bool:
    """Return whether an expression can be without a result, for example by a comparison."""
    selectors = promql.selectors(node)
    names = {promql.metric(selector) for selector in selectors}
    if not names or any(":" in name or name in ("ALERTS", "") for name in names):
        return True
    # A selector with matchers is a condition: such time series exist, or they do not exist.
    has_rate = any(promql.function(inside) in promql.INCREASES for inside in promql.nodes(node))
    labels = {label for selector in selectors for label, _, _ in promql.matchers(selector)}
    if labels - OF_TARGETS and not has_rate:
        return True
    return any(
        promql.binary(inside) in promql.COMPARISONS | promql.SET_OPERATORS
        or promql.function(inside) in promql.ABSENT
        for inside in promql.nodes(node)
    )


def _contradictions(node: Expr, valuation: Valuation) -> Sentences:
    """Find ``absent`` of a value that always exists, and limits that exclude each other."""
    for inside in promql.nodes(node):
        if promql.function(inside) == "absent":
            argument = promql.children(inside)[0]
            if always_has_value(argument, valuation):
                sentence = f"{promql.text(inside)} is never true: its argument always has a value"
                yield FlawKind.NEVER_FIRES, sentence
        if isinstance(inside, BinaryExpr) and promql.binary(inside) == "and":
            yield from _excluding(inside, valuation)


def _excluding(node: BinaryExpr, valuation: Valuation) -> Sentences:
    """Find two limits of the same expression that no value can satisfy."""
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    for side in (node.lhs, node.rhs):
        top = promql.inner(side)
        if promql.binary(top) not in promql.COMPARISONS:
            continue
        for threshold in thresholds(top, valuation)[:1]:
            name = threshold.node.prettify()
            if threshold.symbol in (">", ">="):
                lower[name] = max(threshold.limit, lower.get(name, -inf))
            elif threshold.symbol in ("<", "<="):
                upper[name] = min(threshold.limit, upper.get(name, inf))
    for name in lower.keys() & upper.keys():
        if lower[name] > upper[name]:
            sentence = (
                f"{name} can never be over {lower[name]:g} and below {upper[name]:g} at the same "
                "time"
            )
            yield FlawKind.NEVER_FIRES, sentence


def always_has_value(node: Expr, valuation: Valuation, depth: int = 0) -> bool:
    """Return whether an expression has a result at any time, even without any time series.

    Args:
        node: the syntax tree of the expression.
        valuation: knows the recording rules.
        depth: the number of recording rules between the rule and this expression.
    """
    node = promql.inner(node)
    if promql.constant(node) is not None or promql.function(node) in ("vector", "time"):
        return True
    if promql.binary(node) == "or":
        return any(always_has_value(side, valuation, depth) for side in promql.children(node))
    if promql.binary(node) in promql.ARITHMETIC:
        return all(always_has_value(side, valuation, depth) for side in promql.children(node))
    if promql.aggregation(node):
        return always_has_value(promql.children(node)[0], valuation, depth)
    selectors = promql.selectors(node)
    name = promql.metric(selectors[0]) if len(selectors) == 1 and selectors[0] is node else ""
    if name in valuation.recorded and depth < 10:  # noqa: PLR2004 - a circle of rules ends
        return always_has_value(valuation.recorded[name], valuation, depth + 1)
    return False
