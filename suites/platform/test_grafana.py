"""Platform checks of Grafana: its health, its data sources, and the dashboards of the guide."""

import pytest

from gates.model import Target
from suites.monitoring.grafana_api import GrafanaApi
from suites.monitoring.panels import (
    content_flaws,
    dashboard_flaws,
    form_flaws,
    panel_flaws,
    source_flaws,
)
from suites.platform.flaw_report import assert_no_flaws
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.platform

# Guide, section 7.
CONTENTS = {
    "System Health": {
        "response times": r"duration|latency|response_time",
        "error rates": r"error|status|code=",
        "CPU utilization": r"cpu",
        "memory utilization": r"(?i)memory|resident",
        "network I/O": r"network",
        "the database's connection pool": r"pool|connections",
    },
    "Business Metrics": {
        "orders": r"order",
        "payments": r"payment",
        "order values": r"value|revenue|paise|amount",
        "gamification": r"point|achievement|loyalty",
    },
    "Infrastructure": {
        "the status of containers": r"\bup\b|container",
        "disk space": r"filesystem|disk",
        "network latency": r"connect|latency|ping|duration",
        "cache hits": r"cache|hits",
        "the lag of replication": r"lag|repl",
    },
}
DASHBOARDS = tuple(CONTENTS)


@pytest.fixture
def grafana(target: Target) -> GrafanaApi:
    """Return a client of the target's Grafana, with the secret ``grafana_token`` if it is set."""
    text = f"{target.name}: the target file has no address grafana; add the address"
    assert target.addresses.grafana, text
    token = target.secrets.get("grafana_token", "")
    return GrafanaApi(target.addresses.grafana, target.patience_seconds, token)


@check("platform.grafana.health", needs="dashboards")
def test_grafana_is_healthy(grafana: GrafanaApi) -> None:
    """Grafana answers, and reaches its own database."""
    assert grafana.health_problem() == ""


@check("platform.grafana.datasource", needs="dashboards")
def test_the_data_source_works(grafana: GrafanaApi) -> None:
    """Grafana has a data source of the type Prometheus, and all data sources of this type work."""
    assert_no_flaws(
        "Grafana has a Prometheus data source, and every Prometheus data source works",
        source_flaws(grafana),
        again=grafana.api.curl("/api/datasources"),
        next_step="correct the URL of the data source, and press Save & test in Grafana",
    )


@check("platform.grafana.dashboards", needs="dashboards")
def test_the_dashboards_of_the_guide_exist(grafana: GrafanaApi) -> None:
    """The three dashboards of the guide exist, with the contents that the guide lists."""
    assert_no_flaws(
        f"the dashboards {', '.join(DASHBOARDS)} exist, with the contents that the guide lists",
        [*dashboard_flaws(grafana, DASHBOARDS), *content_flaws(grafana, CONTENTS)],
        again=grafana.api.curl("/api/search", {"type": "dash-db"}),
        next_step="import the JSON file of the dashboard in Grafana",
    )


@check("platform.grafana.panels", needs="dashboards")
def test_every_panel_shows_data(grafana: GrafanaApi) -> None:
    """Every query of every panel of the guide's dashboards returns meaningful data."""
    assert_no_flaws(
        "every query of every panel returns meaningful data",
        [*panel_flaws(grafana, DASHBOARDS), *form_flaws(grafana, DASHBOARDS)],
        again=grafana.api.curl("/api/search", {"type": "dash-db"}),
        next_step="run the panel's query in Prometheus, then correct the panel or the exporter",
    )
