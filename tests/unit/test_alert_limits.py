"""Alert rules whose limit is not that of the policy, and critical alerts that fire too late."""

import pytest

from gates.model import AlertLevel, AlertLimit
from suites.monitoring.alert_rules.loaded_rules import limit_flaws
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.promql.series_facts import UnknownSeries


def ratio(comparison: str) -> str:
    shares = 'sum(rate(payments_total{status="failed"}[5m])) / sum(rate(payments_total[5m]))'
    return comparison.replace("ratio", shares)


QUANTILE = "histogram_quantile(quantile, sum by (le) (rate(request_seconds_bucket[5m])))"


@pytest.mark.parametrize(
    ("limit", "expression", "count"),
    [
        (AlertLimit(">", 0.05), ratio("ratio > 0.05"), 0),
        (AlertLimit(">", 0.05), ratio("ratio > 0.5"), 1),
        (AlertLimit(">", 0.05), ratio("ratio < 0.05"), 1),
        (AlertLimit(">", 0.05), ratio("0.05 < ratio"), 0),
        (AlertLimit(">", 0.05), ratio("100 * ratio > 5"), 0),
        (AlertLimit(">", 0.05), ratio("100 * ratio > 50"), 1),
        (AlertLimit(">", 0.05), ratio("1 - ratio < 0.95"), 0),
        (AlertLimit(">", 0.05), ratio("ratio > 0.05 and sum(rate(payments_total[5m])) > 1"), 0),
        (AlertLimit("<", 0.7), ratio("ratio < 0.70"), 0),
        (AlertLimit(">", 86_400), "time() - backup_end_timestamp_seconds > 86400", 0),
        (AlertLimit(">", 86_400), "time() - backup_end_timestamp_seconds > 86400000", 1),
        (AlertLimit(">", 2, 95), f"{QUANTILE} > 2".replace("quantile,", "0.95,"), 0),
        (AlertLimit(">", 2, 95), f"{QUANTILE} > 2".replace("quantile,", "0.5,"), 1),
        (AlertLimit(">", 2, 95), f"{QUANTILE} > 20".replace("quantile,", "0.95,"), 1),
    ],
)
def test_a_rule_with_another_limit_than_the_policy_is_named(
    limit: AlertLimit, expression: str, count: int
) -> None:
    levels = (AlertLevel("critical", ("pager",), ("Failures",), {"Failures": limit}),)
    flaws = limit_flaws([Rule("Failures", expression)], levels, UnknownSeries(), 300)
    assert [f"the policy states the limit {limit}" in flaw for flaw in flaws] == [True] * count


def test_a_critical_alert_that_waits_too_long_is_named() -> None:
    rules = [
        Rule(name, "up == 0", for_seconds=18_000.0, labels={"severity": severity})
        for name, severity in (("ApiDown", "critical"), ("ApiSlow", "warning"))
    ]
    levels = (AlertLevel("critical", ("pager",), ("ApiDown",)),)
    assert limit_flaws(rules, levels, UnknownSeries(), 300) == [
        "ApiDown: the alert fires after 18000 s (`for`); a critical alert must fire within 300 s"
    ]
