"""Smoke checks of health, build, migrations and metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from gates.model import Build, Target
from suites.client import StoreClient
from suites.client.waiting import wait_until
from suites.inspection import series, total
from suites.pytest_plugin.marks import check

if TYPE_CHECKING:
    from suites.testdata.ownership import Shop

pytestmark = pytest.mark.smoke

REQUIRED_SERIES = {
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count",
    "db_query_duration_seconds_bucket",
    "cache_hits_total",
    "cache_misses_total",
    "orders_total",
    "payments_total",
    "points_awarded_total",
    "auth_failures_total",
    "kirana_build_info",
    "process_start_time_seconds",
}


@check("smoke.health", needs="auth")
def test_health(client: StoreClient, target: Target) -> None:
    """The API is healthy, belongs to the expected deployment, and reaches its database."""
    health = client.call("health", expect=200).body

    assert health["status"] == "ok"
    assert health["deployment"] == target.deployment
    assert health["dependencies"] == {"database": "up"}


@check("smoke.version", needs="auth")
def test_version(client: StoreClient, target: Target) -> None:
    """The target serves the expected build: its release, version and digest are as expected."""
    health = client.ask("health").body

    served = Build(health["release"], health["version"], health["digest"])
    assert served == target.expected


@check("smoke.migrations", needs="auth")
def test_migrations(client: StoreClient, target: Target, database: "Shop") -> None:
    """Every migration up to the expected version is recorded; the store reports this version."""
    applied = sorted(record["version"] for record in database.migrations.find())

    assert applied == list(range(1, target.schema_version + 1))
    assert client.ask("health").body["schema_version"] == target.schema_version


@check("smoke.metrics_present", needs="auth")
def test_metrics_present(prometheus_text: Callable[[], str], target: Target) -> None:
    """The store exports its deployment name, and every metric that the gate and the alerts read."""
    exported = series(prometheus_text())

    assert REQUIRED_SERIES - {name for name, _ in exported} == set()
    build = dict(next(labels for name, labels in exported if name == "kirana_build_info"))
    assert build["deployment"] == target.deployment


@check("smoke.metrics_moving", needs="cart")
def test_metrics_moving(
    shopper: StoreClient, prometheus_text: Callable[[], str], target: Target
) -> None:
    """A request of a check raises the counter of its route, method and status for test traffic.

    The counter may rise by more than 1, because checks of other workers send the same request.
    """
    labels = {
        "deployment": target.deployment,
        "route": shopper.contract.operation("show_cart").path,
        "method": "GET",
        "status": "200",
        "traffic": "synthetic",
    }

    def counted() -> float:
        return total(prometheus_text(), "http_requests_total", **labels) or 0.0

    before = counted()
    shopper.call("show_cart", expect=200)
    condition = f"http_requests_total is at least {before + 1:g}"
    wait_until(condition, counted, lambda now: now >= before + 1, seconds=2)
