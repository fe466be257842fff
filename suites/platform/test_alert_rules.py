"""Platform checks of the alert rules: the policy's rules are loaded, evaluated, and can fire."""

import pytest

from gates.model import Policy, Target
from suites.monitoring.alert_rules.loaded_rules import evaluation_flaws, limit_flaws, loading_flaws
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.prometheus_api import PrometheusApi, PrometheusFacts
from suites.platform.flaw_report import assert_no_flaws
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.platform

RULES = "/api/v1/rules"


@pytest.fixture
def prometheus(target: Target) -> PrometheusApi:
    """Return a client of the target's Prometheus."""
    return PrometheusApi(target.addresses.prometheus, target.access.prometheus)


@check("platform.prometheus.rules_loaded", needs="monitoring")
def test_exactly_the_expected_rules_are_loaded(prometheus: PrometheusApi, policy: Policy) -> None:
    """Prometheus has loaded exactly the policy's alert rules, with their severities and limits."""
    assert policy.alert_levels, "the policy has no table [alerts]; list the alert rules there"
    count = sum(len(level.alerts) for level in policy.alert_levels)
    rules, longest = prometheus.rules(), policy.platform_limits["critical_for_seconds"]
    limits = limit_flaws(rules, policy.alert_levels, PrometheusFacts(prometheus), longest)
    assert_no_flaws(
        f"Prometheus has loaded exactly the {count} alert rules of the policy",
        [*loading_flaws(rules, policy.alert_levels), *limits],
        again=prometheus.api.curl(RULES, {"type": "alert"}),
        next_step="correct the rule files and reload Prometheus, or correct [alerts] in the policy",
    )


@check("platform.prometheus.rules_evaluate", needs="monitoring")
def test_every_rule_is_evaluated(prometheus: PrometheusApi) -> None:
    """Prometheus evaluated every rule a moment ago, without an error."""
    rules = prometheus.rules()
    assert rules, "Prometheus has loaded no rule; add rule files and reload Prometheus"
    assert_no_flaws(
        f"Prometheus evaluates all {len(rules)} rules without an error",
        evaluation_flaws(rules),
        again=prometheus.api.curl(RULES),
        next_step="run the expression of the rule in Prometheus; the error message names the cause",
    )


@check("platform.prometheus.rules_can_fire", needs="monitoring")
def test_every_rule_can_fire(prometheus: PrometheusApi) -> None:
    """Every rule reads time series that exist, and compares values that can be compared."""
    rules = prometheus.rules()
    assert rules, "Prometheus has loaded no rule; add rule files and reload Prometheus"
    flaws = rule_flaws(rules, PrometheusFacts(prometheus))
    assert_no_flaws(
        f"each of the {len(rules)} rules can fire",
        [str(flaw) for flaw in flaws],
        again=prometheus.api.curl(RULES),
        next_step="correct the rule, and test the rule with: promtool test rules",
    )
