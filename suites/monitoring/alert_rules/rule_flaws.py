"""Find all flaws of a set of rules, such as rules that can never fire or always fire."""

from collections.abc import Iterable

from promql_parser import Expr

from suites.monitoring.alert_rules.flaw import FlawKind, RuleFlaw
from suites.monitoring.alert_rules.label_sets import match_flaws
from suites.monitoring.alert_rules.missing_series import SeriesSearch
from suites.monitoring.alert_rules.quantiles import form_flaws
from suites.monitoring.alert_rules.quotients import quotient_flaws
from suites.monitoring.alert_rules.ranges import range_flaws
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.alert_rules.thresholds import threshold_flaws
from suites.monitoring.promql import expressions as promql
from suites.monitoring.promql.series_facts import SeriesFacts
from suites.monitoring.promql.value_kinds import Valuation


def rule_flaws(rules: Iterable[Rule], facts: SeriesFacts) -> list[RuleFlaw]:
    """Find the flaws of alert rules and recording rules.

    Args:
        rules: all rules of a Prometheus or of some files, including the recording rules that
            alert rules read.
        facts: the known facts about the time series.

    Returns:
        The flaws in the order of the rules, without duplicates.
    """
    listed = [(rule, *_parsed(rule)) for rule in rules]
    recorded = {rule.name: node for rule, node, _ in listed if node and not rule.is_alert}
    names = frozenset(rule.name for rule, _, _ in listed if rule.is_alert)
    valuation = Valuation(facts, recorded)
    search = SeriesSearch(facts, recorded, names)
    flaws = [
        flaw
        for rule, node, unreadable in listed
        for flaw in (_of_rule(rule, node, valuation, search) if node else unreadable)
    ]
    return list(dict.fromkeys(flaws))


def _parsed(rule: Rule) -> tuple[Expr | None, list[RuleFlaw]]:
    """Return the syntax tree of a rule's expression, or the flaw that it is not PromQL."""
    try:
        return promql.tree(rule.expression), []
    except promql.ExpressionError as error:
        sentence = f"the expression is not PromQL: {error}"
        return None, [RuleFlaw(rule.name, FlawKind.UNREADABLE, sentence)]


def _of_rule(rule: Rule, node: Expr, valuation: Valuation, search: SeriesSearch) -> list[RuleFlaw]:
    flaws = [(FlawKind.MISSING_SERIES, f"reads {text}") for text in search.missing(node)]
    flaws += form_flaws(node, valuation)
    flaws += range_flaws(rule, node, valuation)
    flaws += match_flaws(node)
    flaws += quotient_flaws(node, valuation.facts)
    if rule.is_alert:
        flaws += threshold_flaws(rule, node, valuation)
    return [RuleFlaw(rule.name, kind, sentence) for kind, sentence in flaws]
