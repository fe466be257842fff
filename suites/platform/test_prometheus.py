"""Platform checks of Prometheus' scrapes: every target, in time, with a true clock."""

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
    """The target's Prometheus."""
    return PrometheusApi(target.addresses.prometheus, target.access.prometheus)


@check("platform.prometheus.targets", needs="monitoring")
def test_every_target_is_scraped(prometheus: PrometheusApi, target: Target) -> None:
    """Every scrape target is up, no last scrape failed, and both slots are scraped."""
    targets = prometheus.targets()
    assert targets, "Prometheus scrapes no target"
    assert_no_flaws(
        f"all {len(targets)} scrape targets are up, without a scrape error",
        [
            *target_flaws(targets),
            *slot_flaws(prometheus, (target.slot, target.baseline_slot)),
        ],
        again=prometheus.api.curl("/api/v1/targets", {"state": "active"}),
        next_step="ask the target's /metrics with curl; then look at scrape_configs",
    )


@check("platform.prometheus.interval", needs="monitoring")
def test_the_scrape_interval_is_kept(
    prometheus: PrometheusApi, target: Target, policy: Policy
) -> None:
    """Every target is scraped as often as it is configured, and as often as the gate needs."""
    targets = prometheus.targets()
    assert targets, "Prometheus scrapes no target"
    flaws = interval_flaws(
        prometheus,
        targets,
        longest_seconds=target.scrape_interval_seconds,
        tolerance=policy.platform_limits["scrape_interval_tolerance"],
        now=time.time(),
    )
    assert_no_flaws(
        "every target is scraped as often as its scrape interval says",
        flaws,
        again=prometheus.curl("count_over_time(up[1m])"),
        next_step="look at scrape_interval, and at the load of Prometheus' machine",
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
        "the clocks of Prometheus, its targets and this machine agree",
        flaws,
        again=prometheus.curl("time() - timestamp(up)"),
        next_step="synchronise the clocks (NTP); then look for exporters that state times",
    )
