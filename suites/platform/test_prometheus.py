"""Platform checks of Prometheus: every target is scraped in time, and the clocks agree."""

import time

import pytest

from gates.model import Policy, Target
from suites.monitoring.prometheus_api import PrometheusApi
from suites.monitoring.scraping import clock_flaws, interval_flaws, slot_flaws, target_flaws
from suites.platform.flaw_report import assert_no_flaws
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.platform


@pytest.fixture
def prometheus(target: Target) -> PrometheusApi:
    """Return a client of the target's Prometheus."""
    return PrometheusApi(target.addresses.prometheus, target.access.prometheus)


@check("platform.prometheus.targets", needs="monitoring")
def test_every_target_is_scraped(prometheus: PrometheusApi, target: Target) -> None:
    """Every scrape target is up, its last scrape had no error, and both slots are scraped."""
    targets = prometheus.targets()
    assert targets, "Prometheus has no scrape target; correct scrape_configs"
    assert_no_flaws(
        f"all {len(targets)} scrape targets are up, without a scrape error",
        [
            *target_flaws(targets),
            *slot_flaws(prometheus, (target.slot, target.baseline_slot)),
        ],
        again=prometheus.api.curl("/api/v1/targets", {"state": "active"}),
        next_step="if a target is down, request its URL with curl; if the response has no metrics, "
        "repair the target; otherwise, correct scrape_configs",
    )


@check("platform.prometheus.interval", needs="monitoring")
def test_the_scrape_interval_is_kept(
    prometheus: PrometheusApi, target: Target, policy: Policy
) -> None:
    """Every scrape target is scraped as often as configured, and as often as the gate needs."""
    targets = prometheus.targets()
    assert targets, "Prometheus has no scrape target; correct scrape_configs"
    flaws = interval_flaws(
        prometheus,
        targets,
        longest_seconds=target.scrape_interval_seconds,
        tolerance=policy.platform_limits["scrape_interval_tolerance"],
        now=time.time(),
    )
    assert_no_flaws(
        "every scrape target is scraped at its scrape interval, and often enough for the gate",
        flaws,
        again=prometheus.curl("count_over_time(up[1m])"),
        next_step="check scrape_interval, and the load of the machine on which Prometheus runs",
    )


@check("platform.prometheus.clock", needs="monitoring")
def test_clocks_agree(prometheus: PrometheusApi, policy: Policy) -> None:
    """Prometheus' clock and the times of the newest samples agree with this machine's clock."""
    targets = prometheus.targets()
    flaws = clock_flaws(
        prometheus,
        targets,
        now=time.time(),
        limit_seconds=policy.platform_limits["clock_skew_seconds"],
    )
    assert_no_flaws(
        "the clocks of Prometheus, its scrape targets and this machine agree",
        flaws,
        again=prometheus.curl("time() - timestamp(up)"),
        next_step="synchronise the clocks (NTP); then look for exporters that set timestamps",
    )
