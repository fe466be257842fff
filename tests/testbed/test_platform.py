"""The platform suite's checks of services and monitoring on a running world, and some faults.

`make proof-platform` shows every fault of the table.
"""

from pathlib import Path

import pytest
from fault_table_monitoring import REDDENS_MONITORING
from thorough import THOROUGH
from worlds import TestWorld, results

from gates.model import Access
from suites.monitoring.alert_rules.rule_files import rules_of_file
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.prometheus_api import PrometheusApi, PrometheusFacts

AREAS = ("services", "prometheus", "alertmanager", "grafana")
CHECKS = 20
SAMPLE = ("rules.dead", "routes.critical_inhibited", "dashboards.empty_panel")
SHOWN = (*SAMPLE, "routes.webhook_elsewhere", "rules.raw_counter", "scrapes.target_unreachable")
PLANTED = """
groups:
  - name: planted
    rules:
      - {alert: NoSuchMetric, expr: 'sum(rate(http_errors_totl[5m])) > 3'}
      - {alert: NoSuchLabel, expr: 'sum(rate(http_requests_total{code="500"}[5m])) > 3'}
      - {alert: NoSuchJob, expr: 'up{job="shop"} == 0'}
      - {alert: OverEveryBucket, expr: 'histogram_quantile(0.95, sum by (le)
         (rate(http_request_duration_seconds_bucket[5m]))) > 60'}
      - {alert: OneScrape, expr: 'sum(rate(http_requests_total[1s])) > 3'}
      - {alert: LongerThanKept, expr: 'sum(increase(orders_total[7d])) < 3'}
      - {alert: Sound, expr: 'up{job="store",slot="green"} == 0'}
"""


def monitoring(outcomes: dict[str, str]) -> dict[str, str]:
    """The outcomes of the checks of services and monitoring."""
    areas = tuple(f"platform.{area}." for area in AREAS)
    return {check: outcome for check, outcome in outcomes.items() if check.startswith(areas)}


def run_checks(world: TestWorld, out: Path) -> dict[str, str]:
    files = [
        f"suites/platform/test_{name}.py"
        for name in ("services", "prometheus", "alert_rules", "alertmanager", "grafana")
    ]
    world.pytest(out, "-m", "platform", "-q", *files)
    return monitoring(results(out))


def test_every_check_passes(world: TestWorld, tmp_path: Path) -> None:
    outcomes = run_checks(world, tmp_path / "out")
    assert len(outcomes) == CHECKS
    assert {check for check, outcome in outcomes.items() if outcome != "passed"} == set()


@pytest.mark.slow
@pytest.mark.parametrize("fault", SHOWN if THOROUGH else SAMPLE)
def test_a_fault_reddens_its_checks_and_no_others(
    world: TestWorld, tmp_path: Path, fault: str
) -> None:
    with world.fault(fault):
        outcomes = run_checks(world, tmp_path / "out")
    red = {check for check, outcome in outcomes.items() if outcome != "passed"}
    assert red == set(monitoring(dict.fromkeys(REDDENS_MONITORING[fault], "")))


def test_planted_rules_are_compared_with_the_series_of_a_real_prometheus(
    world: TestWorld,
) -> None:
    prometheus = PrometheusApi(f"http://127.0.0.1:{world.ports['prometheus']}", Access(5.0))
    flaws = rule_flaws(rules_of_file(PLANTED), PrometheusFacts(prometheus))
    assert {flaw.rule: flaw.kind.name for flaw in flaws} == {
        "NoSuchMetric": "MISSING_SERIES",
        "NoSuchLabel": "MISSING_SERIES",
        "NoSuchJob": "MISSING_SERIES",
        "OverEveryBucket": "NEVER_FIRES",
        "OneScrape": "RANGE_TOO_SHORT",
        "LongerThanKept": "RANGE_TOO_LONG",
    }


@pytest.mark.slow  # proof-platform runs it
def test_where_nothing_keeps_notifications_no_alert_is_sent(
    world: TestWorld, tmp_path: Path
) -> None:
    # Beside the world's own target files, whose paths are relative.
    targets = world.folder / "targets-without-notifications"
    targets.mkdir()
    text = (world.targets / "green.toml").read_text()
    (targets / "green.toml").write_text(text.replace('"notifications", ', "", 1))
    out = tmp_path / "out"
    places = (f"--targets={targets}", f"--out={out}")
    done = world.pytest(
        out, *places, "-m", "platform", "-q", "suites/platform/test_alertmanager.py"
    )
    skipped = {check for check, outcome in results(out).items() if outcome == "not_applicable"}
    assert skipped == {f"platform.alertmanager.{name}" for name in ("webhook", "mail", "resolved")}
    assert done.code == 0, done.out
