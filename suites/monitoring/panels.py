"""Check that Grafana's data sources work, and that its dashboards exist and show data."""

import re
from collections.abc import Iterator, Mapping, Sequence

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.grafana_api import Dashboard, DataSource, GrafanaApi
from suites.monitoring.promql.series_facts import UnknownSeries

PROMETHEUS = "prometheus"
# Grafana replaces these variables with a duration.
MACRO = re.compile(r"\$__(rate_interval|interval|range)\b")
WRONG_FORMS = frozenset(
    {
        FlawKind.QUANTILE_WITHOUT_RATE,
        FlawKind.QUANTILE_WITHOUT_LE,
        FlawKind.QUANTILE_OUTSIDE,
        FlawKind.QUANTILE_ADDED,
        FlawKind.RATE_OF_SUM,
        FlawKind.BUCKETS_ADDED,
    }
)
Contents = Mapping[str, Mapping[str, str]]


def source_flaws(grafana: GrafanaApi) -> list[str]:
    """Find Prometheus data sources of Grafana that do not work.

    Args:
        grafana: the client of the Grafana server.

    Returns:
        A sentence for each flaw; a Grafana without a Prometheus data source is one flaw.

    Raises:
        MonitoringError: Grafana does not answer, or its response is not as documented.
    """
    sources = _prometheus_sources(grafana)
    problems = [(source, grafana.source_problem(source.uid)) for source in sources]
    flaws = [
        f"{source.name}: the data source does not work: {problem}"
        for source, problem in problems
        if problem
    ]
    return flaws if sources else ["Grafana has no data source of the type prometheus"]


def dashboard_flaws(grafana: GrafanaApi, titles: Sequence[str]) -> list[str]:
    """Find dashboards that do not exist, or that have no panel that shows data.

    Args:
        grafana: the client of the Grafana server.
        titles: the titles of the dashboards that must exist.

    Returns:
        A sentence for each flaw.

    Raises:
        MonitoringError: Grafana does not answer, or its response is not as documented.
    """
    ids = grafana.dashboard_ids()
    flaws = [f"{title}: Grafana has no such dashboard" for title in titles if title not in ids]
    existing = [title for title in titles if title in ids]
    empty = [title for title in existing if not grafana.dashboard(ids[title]).panels]
    return [*flaws, *(f"{title}: the dashboard has no panel that shows data" for title in empty)]


def content_flaws(grafana: GrafanaApi, contents: Contents) -> list[str]:
    """Find contents that a dashboard must show, but that no query of its panels reads.

    Args:
        grafana: the client of the Grafana server.
        contents: for each dashboard title, the names of the contents, each with a regular
            expression that matches the metrics of the content.

    Returns:
        A sentence for each missing content.

    Raises:
        MonitoringError: Grafana does not answer, or its response is not as documented.
    """
    ids = grafana.dashboard_ids()
    expressions = {
        title: [
            query.expression
            for panel in grafana.dashboard(ids[title]).panels
            for query in panel.queries
        ]
        for title in contents
        if title in ids
    }
    return [
        f"{title}: no panel shows {content}"
        for title, shown in expressions.items()
        for content, pattern in contents[title].items()
        if not any(re.search(pattern, expression) for expression in shown)
    ]


def form_flaws(grafana: GrafanaApi, titles: Sequence[str]) -> list[str]:
    """Find panels whose query calculates quantiles or sums in a wrong way.

    Args:
        grafana: the client of the Grafana server.
        titles: the titles of the dashboards; a title without a dashboard is ignored.

    Returns:
        A sentence for each flaw.

    Raises:
        MonitoringError: Grafana does not answer, or its response is not as documented.
    """
    ids = grafana.dashboard_ids()
    rules = [
        Rule(f"{title}, {panel.title}", MACRO.sub("5m", query.expression), is_alert=False)
        for title in titles
        if title in ids
        for panel in grafana.dashboard(ids[title]).panels
        for query in panel.queries
    ]
    flaws = [flaw for rule in rules for flaw in rule_flaws([rule], UnknownSeries())]
    return [str(flaw) for flaw in flaws if flaw.kind in WRONG_FORMS]


def panel_flaws(grafana: GrafanaApi, titles: Sequence[str]) -> list[str]:
    """Find panels without a query, and queries that fail or return no data.

    Args:
        grafana: the client of the Grafana server.
        titles: the titles of the dashboards; a title without a dashboard is ignored.

    Returns:
        A sentence for each flaw.

    Raises:
        MonitoringError: Grafana does not answer, or its response is not as documented.
    """
    sources = _prometheus_sources(grafana)
    if not sources:
        return ["Grafana has no data source of the type prometheus"]
    default = next((source for source in sources if source.is_default), sources[0])
    ids = grafana.dashboard_ids()
    dashboards = [grafana.dashboard(ids[title]) for title in titles if title in ids]
    if not any(dashboard.panels for dashboard in dashboards):
        return ["no dashboard of the guide has a panel that shows data"]
    return [flaw for dashboard in dashboards for flaw in _of_dashboard(grafana, dashboard, default)]


def _of_dashboard(grafana: GrafanaApi, dashboard: Dashboard, default: DataSource) -> Iterator[str]:
    for panel in dashboard.panels:
        place = f"{dashboard.title}, {panel.title}"
        if not panel.queries:
            yield f"{place}: the panel has no query"
            continue
        for problem in grafana.query_problems(panel, default):
            yield f"{place}: {problem}"


def _prometheus_sources(grafana: GrafanaApi) -> list[DataSource]:
    return [source for source in grafana.sources() if source.kind == PROMETHEUS]
