"""Find wrong input of PromQL functions, such as ``histogram_quantile`` and ``rate``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from promql_parser import AggregateExpr, Call, Expr, SubqueryExpr, VectorSelector

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.value_kinds import Kind, Valuation

ADDED = frozenset({"sum", "avg"})
OF_GAUGES = frozenset({"delta", "idelta", "deriv"})
# These aggregations select some time series, and do not change their values.
CHOSEN = frozenset({"topk", "bottomk", "limitk"})
MAX_DEPTH = 10
Sentences = Iterator[tuple[FlawKind, str]]


def form_flaws(node: Expr, valuation: Valuation) -> Sentences:
    """Find wrong uses of quantiles and rates, such as a sum of quantiles.

    Args:
        node: the syntax tree of the expression.
        valuation: knows the metric types and the recording rules.

    Yields:
        Kind and sentence of each flaw.
    """
    for inside in promql.nodes(node):
        if isinstance(inside, Call) and promql.function(inside) == "histogram_quantile":
            yield from _quantile(inside, valuation)
        if isinstance(inside, AggregateExpr) and promql.aggregation(inside) in ADDED:
            yield from _added(inside)
        if promql.function(inside) in promql.INCREASES:
            yield from _rate(inside, valuation)
        if promql.function(inside) in OF_GAUGES:
            yield from _difference(inside, valuation)


def _quantile(node: Call, valuation: Valuation) -> Sentences:
    number = promql.constant(node.args[0])
    if number is not None and not 0 <= number <= 1:
        sentence = (
            f"histogram_quantile({number:g}, …): expected a quantile from 0 to 1, such as 0.95"
        )
        yield FlawKind.QUANTILE_OUTSIDE, sentence
    ways = list(_Buckets(valuation.recorded).ways(node.args[1]))
    # The expression may also read an info metric, which only adds labels.
    of_buckets = [way for way in ways if _name(way).endswith("_bucket")]
    for way in of_buckets or ways:
        yield from _bucket_flaws(way, valuation)


def _name(way: promql.Path) -> str:
    leaf = way[-1]
    return promql.metric(leaf) if isinstance(leaf, VectorSelector) else ""


@dataclass(frozen=True, slots=True)
class _Buckets:
    """Finds the paths from a quantile to its buckets, also through recording rules."""

    recorded: Mapping[str, Expr] = field(default_factory=dict)

    def ways(self, node: Expr, above: promql.Path = (), depth: int = 0) -> Iterator[promql.Path]:
        for way in promql.paths(node, above):
            leaf = way[-1]
            if not isinstance(leaf, VectorSelector):
                continue
            name = promql.metric(leaf)
            if name in self.recorded and depth < MAX_DEPTH:
                yield from self.ways(self.recorded[name], way[:-1], depth + 1)
            else:
                yield way


def _bucket_flaws(way: promql.Path, valuation: Valuation) -> Sentences:
    name = _name(way)
    if ":" in name:
        return  # a rule of another file records this metric, which is a rate by convention
    has_rate = any(promql.function(above) in promql.INCREASES for above in way)
    if not has_rate:
        sentence = (
            f"histogram_quantile reads {name} without rate, and buckets count all events since the "
            "start of the process: write sum by (le) (rate(…[5m]))"
        )
        yield FlawKind.QUANTILE_WITHOUT_RATE, sentence
    if not name.endswith("_bucket"):
        # A native histogram has no buckets with the label le.
        if valuation.facts.metric_type(name) != "histogram":
            sentence = (
                f"histogram_quantile reads {name}, which is not the _bucket metric of a histogram"
            )
            yield FlawKind.QUANTILE_WITHOUT_LE, sentence
        return
    sums = [
        above
        for above in way
        if isinstance(above, AggregateExpr) and promql.aggregation(above) not in CHOSEN
    ]
    if not sums:
        sentence = (
            f"histogram_quantile without sum by (le) gives a quantile for each time series of "
            f"{name}: write sum by (le, …) (rate(…[5m]))"
        )
        yield FlawKind.QUANTILE_WITHOUT_LE, sentence
    for above in sums:
        yield from _aggregated(above)


def _aggregated(node: AggregateExpr) -> Sentences:
    name, (kind, labels) = promql.aggregation(node), promql.grouping(node)
    if name not in ADDED:
        sentence = f"histogram_quantile needs the sum of buckets, not {name}: write sum by (le)"
        yield FlawKind.QUANTILE_WITHOUT_LE, sentence
    elif ("le" in labels) == (kind == "without"):
        sentence = (
            f"{promql.text(node)} removes the label le, which histogram_quantile needs: add le to "
            "the labels of by"
        )
        yield FlawKind.QUANTILE_WITHOUT_LE, sentence


def _added(node: AggregateExpr) -> Sentences:
    """Find sums and averages of quantiles; such a sum or average is not a quantile."""
    for way in promql.paths(node.expr):
        if any(promql.aggregation(above) in ("count", "group") for above in way):
            continue
        leaf = way[-1]
        is_summary = isinstance(leaf, VectorSelector) and any(
            label == "quantile" and symbol == "=" for label, symbol, _ in promql.matchers(leaf)
        )
        if is_summary or promql.function(leaf) == "histogram_quantile":
            sentence = (
                f"{promql.aggregation(node)} of quantiles is not a quantile: add the buckets of a "
                "histogram, and then calculate the quantile"
            )
            yield FlawKind.QUANTILE_ADDED, sentence
            return


def _rate(node: Expr, valuation: Valuation) -> Sentences:
    for argument in map(promql.inner, promql.children(node)):
        inside = promql.inner(argument.expr) if isinstance(argument, SubqueryExpr) else argument
        if promql.aggregation(inside) == "sum" and valuation.of(inside).kind is Kind.COUNTER:
            sentence = (
                f"{promql.text(node)} takes the rate of a sum, so that a restart of one process "
                "looks like many events: write sum(rate(…))"
            )
            yield FlawKind.RATE_OF_SUM, sentence
        selectors = promql.selectors(argument)
        name = promql.metric(selectors[0]) if len(selectors) == 1 else ""
        if name and valuation.facts.metric_type(name) == "gauge":
            sentence = f"{promql.text(node)}: {name} is a gauge, not a counter: use delta or deriv"
            yield FlawKind.RATE_OF_GAUGE, sentence


def _difference(node: Expr, valuation: Valuation) -> Sentences:
    """Find ``delta`` and ``deriv`` of a counter, which treat a restart as a decrease."""
    names = [promql.metric(selector) for selector in promql.selectors(node)]
    if len(names) == 1 and valuation.is_counter(names[0]):
        sentence = (
            f"{promql.text(node)}: {names[0]} is a counter, not a gauge: use increase or rate"
        )
        yield FlawKind.RAW_COUNTER, sentence
