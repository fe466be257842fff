"""Grafana's checks against recorded answers in the shapes that Grafana documents.

Grafana cannot be installed here. The answers follow the documentation of its HTTP API (health, data
source, search, dashboard, query a data source) of the versions 10 and 11.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from recorded_server import Answer, Recording, recorded

from suites.monitoring.grafana_api import GrafanaApi
from suites.monitoring.http_json import MonitoringError
from suites.monitoring.panels import (
    content_flaws,
    dashboard_flaws,
    form_flaws,
    panel_flaws,
    source_flaws,
)

TITLES = ("System Health", "Business Metrics")
TIMES, VALUES = [1790000000000, 1790000015000], [0.25, None]
FRAME = {
    "schema": {
        "refId": "A",
        "meta": {"type": "timeseries-multi", "executedQueryString": "Expr: up\nStep: 15s"},
        "fields": [
            {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}},
            {"name": "Value", "type": "number", "labels": {"slot": "green"}},
        ],
    },
    "data": {"values": [TIMES, VALUES]},
}
EMPTY_FRAME = {"schema": {"refId": "A", "fields": []}, "data": {"values": []}}
SOURCE = {"type": "prometheus", "uid": "prom-1"}
SYSTEM_HEALTH = {
    "uid": "sys",
    "title": "System Health",
    "schemaVersion": 39,
    "templating": {
        "list": [
            {"name": "slot", "type": "query", "current": {"text": "green", "value": ["green"]}},
            {"name": "route", "type": "query", "current": {"text": "All", "value": ["$__all"]}},
            {"name": "source", "type": "datasource", "current": {"value": "prom-1"}},
        ]
    },
    "panels": [
        {"id": 1, "type": "text", "title": "Read me"},
        {
            "id": 2,
            "type": "timeseries",
            "title": "Errors",
            "datasource": SOURCE,
            "targets": [
                {
                    "refId": "A",
                    "expr": "rate(http_errors_total"
                    '{slot="$slot",route=~"${route:regex}"}[$__rate_interval])',
                },
                {"refId": "B", "expr": "hidden", "hide": True},
            ],
        },
        {
            "id": 3,
            "type": "row",
            "title": "Folded",
            "collapsed": True,
            "panels": [
                {
                    "id": 4,
                    "type": "stat",
                    "title": "Up",
                    "datasource": {"type": "prometheus", "uid": "${source}"},
                    "targets": [{"refId": "A", "expr": "up", "instant": True, "range": False}],
                }
            ],
        },
    ],
}
BUSINESS = {
    "uid": "biz",
    "title": "Business Metrics",
    "schemaVersion": 39,
    "panels": [
        {
            "id": 1,
            "type": "timeseries",
            "title": "Orders",
            "datasource": SOURCE,
            "targets": [{"refId": "A", "expr": "orders_total"}],
        },
    ],
}
GOOD: dict[str, Answer] = {
    "GET /api/health": (200, {"commit": "5b85c4c2fc", "database": "ok", "version": "11.1.0"}),
    "GET /api/datasources": (
        200,
        [
            {
                "id": 2,
                "uid": "loki-1",
                "orgId": 1,
                "name": "Loki",
                "type": "loki",
                "access": "proxy",
                "url": "http://loki:3100",
                "isDefault": False,
            },
            {
                "id": 1,
                "uid": "prom-1",
                "orgId": 1,
                "name": "Prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": "http://prometheus:9090",
                "isDefault": True,
            },
        ],
    ),
    "GET /api/datasources/uid/prom-1/health": (
        200,
        {"message": "Successfully queried the Prometheus API.", "status": "OK"},
    ),
    "GET /api/search": (
        200,
        [
            {
                "id": 1,
                "uid": "sys",
                "title": "System Health",
                "uri": "db/system-health",
                "url": "/d/sys/system-health",
                "slug": "",
                "type": "dash-db",
                "tags": [],
                "isStarred": False,
                "sortMeta": 0,
            },
            {
                "id": 2,
                "uid": "biz",
                "title": "Business Metrics",
                "uri": "db/business-metrics",
                "url": "/d/biz/business-metrics",
                "slug": "",
                "type": "dash-db",
                "tags": [],
            },
        ],
    ),
    "GET /api/dashboards/uid/sys": (
        200,
        {"meta": {"type": "db", "slug": "system-health"}, "dashboard": SYSTEM_HEALTH},
    ),
    "GET /api/dashboards/uid/biz": (
        200,
        {"meta": {"type": "db", "slug": "business-metrics"}, "dashboard": BUSINESS},
    ),
    "POST /api/ds/query": (200, {"results": {"A": {"status": 200, "frames": [FRAME]}}}),
}


@pytest.fixture
def recording() -> Iterator[Recording]:
    with recorded(copy.deepcopy(GOOD)) as server:
        yield server


@pytest.fixture
def grafana(recording: Recording) -> GrafanaApi:
    return GrafanaApi(recording.url, 2.0)


def test_a_working_grafana_has_no_flaw(grafana: GrafanaApi) -> None:
    assert grafana.health_problem() == ""
    assert source_flaws(grafana) == []
    assert dashboard_flaws(grafana, TITLES) == []
    assert panel_flaws(grafana, TITLES) == []


def test_queries_are_asked_as_grafana_asks_them(grafana: GrafanaApi, recording: Recording) -> None:
    panel_flaws(grafana, TITLES)
    queries = [query for path, body in recording.posted for query in body["queries"]]
    assert {path for path, _ in recording.posted} == {"/api/ds/query"}
    assert [query["expr"] for query in queries] == [
        'rate(http_errors_total{slot="green",route=~".*"}[$__rate_interval])',
        "up",
        "orders_total",
    ]
    assert {query["datasource"]["uid"] for query in queries} == {"prom-1"}
    assert [query["instant"] for query in queries] == [False, True, False]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            (503, {"database": "failing", "version": "11.1.0"}),
            "status 503, database failing; expected status 200, database ok",
        ),
        (
            (200, {"database": "failing", "version": "11.1.0"}),
            "status 200, database failing; expected status 200, database ok",
        ),
    ],
)
def test_an_unhealthy_grafana_is_named(
    grafana: GrafanaApi, recording: Recording, answer: Answer, problem: str
) -> None:
    recording.answers["GET /api/health"] = answer
    assert grafana.health_problem() == problem


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, []), (200, {"version": "11"})])
def test_a_health_answer_of_another_program_is_an_error(
    grafana: GrafanaApi, recording: Recording, answer: Answer
) -> None:
    recording.answers["GET /api/health"] = answer
    with pytest.raises(MonitoringError, match="again: curl"):
        grafana.health_problem()


@pytest.mark.parametrize(
    ("changed", "answer", "flaw"),
    [
        ("GET /api/datasources", (200, []), "no data source of the type prometheus"),
        (
            "GET /api/datasources/uid/prom-1/health",
            (400, {"status": "ERROR", "message": "dial tcp: connection refused"}),
            "Prometheus: the data source does not work: status 400 ERROR: dial tcp: connection",
        ),
        (
            "GET /api/datasources/uid/prom-1/health",
            (404, {"message": "Data source not found"}),
            "Prometheus: the data source does not work: status 404 : Data source not found",
        ),
        (
            "GET /api/datasources/uid/prom-1/health",
            (200, {"status": "ERROR", "message": "no"}),
            "Prometheus: the data source does not work: status 200 ERROR: no",
        ),
    ],
)
def test_a_data_source_that_does_not_work_is_named(
    grafana: GrafanaApi, recording: Recording, changed: str, answer: Answer, flaw: str
) -> None:
    recording.answers[changed] = answer
    assert any(flaw in sentence for sentence in source_flaws(grafana))


def test_a_missing_dashboard_is_named(grafana: GrafanaApi, recording: Recording) -> None:
    recording.answers["GET /api/search"][1].pop()
    assert dashboard_flaws(grafana, TITLES) == ["Business Metrics: Grafana has no such dashboard"]


def test_a_folder_with_the_title_of_a_dashboard_is_no_dashboard(
    grafana: GrafanaApi, recording: Recording
) -> None:
    recording.answers["GET /api/search"][1][1]["type"] = "dash-folder"
    assert dashboard_flaws(grafana, TITLES) == ["Business Metrics: Grafana has no such dashboard"]


def test_an_empty_dashboard_is_named(grafana: GrafanaApi, recording: Recording) -> None:
    recording.answers["GET /api/dashboards/uid/biz"][1]["dashboard"]["panels"] = []
    assert dashboard_flaws(grafana, TITLES) == [
        "Business Metrics: the dashboard has no panel that shows data"
    ]


def test_a_content_that_no_panel_shows_is_named(grafana: GrafanaApi) -> None:
    contents = {
        "System Health": {"errors": r"http_errors", "network I/O": r"network"},
        "Infrastructure": {"cache hits": r"cache"},
    }
    assert content_flaws(grafana, contents) == ["System Health: no panel shows network I/O"]


@pytest.mark.parametrize(
    ("expression", "flaw"),
    [
        ("histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[5m])))", ""),
        ("histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[$__interval])))", ""),
        ("histogram_quantile(0.95, request_seconds_bucket)", "request_seconds_bucket"),
        ("avg(histogram_quantile(0.95, sum by (le, slot) (rate(r_bucket[5m]))))", "avg"),
        ("rate(sum(http_requests_total)[5m:15s])", "sum(http_requests_total)"),
        ("what is not PromQL", ""),
    ],
)
def test_a_panel_whose_number_means_nothing_is_named(
    grafana: GrafanaApi, recording: Recording, expression: str, flaw: str
) -> None:
    panel = recording.answers["GET /api/dashboards/uid/biz"][1]["dashboard"]["panels"][0]
    panel["targets"][0]["expr"] = expression
    flaws = form_flaws(grafana, TITLES)
    assert bool(flaws) == bool(flaw)
    assert not flaw or flaws[0].startswith("Business Metrics, Orders: ")
    assert flaw in "".join(flaws)


def test_a_panel_without_a_query_is_named(grafana: GrafanaApi, recording: Recording) -> None:
    del recording.answers["GET /api/dashboards/uid/biz"][1]["dashboard"]["panels"][0]["targets"]
    assert panel_flaws(grafana, TITLES) == ["Business Metrics, Orders: the panel has no query"]


@pytest.mark.parametrize(
    ("status", "result", "flaw"),
    [
        (200, {"status": 200, "frames": []}, "query A returns no data: orders_total"),
        (200, {"status": 200, "frames": [EMPTY_FRAME]}, "query A returns no data: orders_total"),
        (
            200,
            {"status": 200, "frames": [{**FRAME, "data": {"values": [[], []]}}]},
            "query A returns no data: orders_total",
        ),
        (
            400,
            {"status": 400, "error": "bad_data: parse error", "frames": []},
            "query A fails (bad_data: parse error): orders_total",
        ),
        (207, {"status": 500, "error": "client: timed out"}, "query A fails (client: timed out)"),
    ],
)
def test_a_panel_without_data_is_named(
    grafana: GrafanaApi, recording: Recording, status: int, result: Any, flaw: str
) -> None:
    recording.answers["POST /api/ds/query"] = (status, {"results": {"A": result}})
    flaws = panel_flaws(grafana, ["Business Metrics"])
    assert len(flaws) == 1
    assert flaws[0].startswith(f"Business Metrics, Orders: {flaw}")


def test_a_result_that_is_missing_is_named(grafana: GrafanaApi, recording: Recording) -> None:
    recording.answers["POST /api/ds/query"] = (200, {"results": {"C": {"frames": [FRAME]}}})
    assert panel_flaws(grafana, ["Business Metrics"]) == [
        "Business Metrics, Orders: query A has no result: orders_total"
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (401, {"message": "Unauthorized"}),
        (200, b"{"),
        (200, {}),
        (200, {"results": []}),
        (200, {"results": {"A": {"frames": [{"data": 3}]}}}),
    ],
)
def test_an_answer_to_a_query_that_is_none_is_an_error(
    grafana: GrafanaApi, recording: Recording, answer: Answer
) -> None:
    recording.answers["POST /api/ds/query"] = answer
    with pytest.raises(MonitoringError, match="again: curl"):
        panel_flaws(grafana, ["Business Metrics"])


def test_without_any_dashboard_no_panel_shows_data(
    grafana: GrafanaApi, recording: Recording
) -> None:
    recording.answers["GET /api/search"] = (200, [])
    assert panel_flaws(grafana, TITLES) != []


def test_the_token_is_sent_and_not_shown(recording: Recording) -> None:
    token = "viewer" + "-of-" + "grafana"
    grafana = GrafanaApi(recording.url, 2.0, token)
    grafana.sources()
    recording.answers["GET /api/datasources"] = (401, {"message": "Unauthorized"})
    with pytest.raises(MonitoringError) as error:
        grafana.sources()
    assert recording.tokens == {f"Bearer {token}"}
    assert "Bearer $TOKEN" in str(error.value)
    assert token not in str(error.value)
    assert token not in repr(grafana.api)
