"""The monitoring of a running testbed: scrapes, rules, notifications, dashboards, faults."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from worlds import TestWorld

from suites.client.waiting import wait_until

RECEIVERS = {
    "critical": {("webhook", "pager")},
    "warning": {("webhook", "chat"), ("mail", "mail")},
    "info": {("mail", "daily-mail")},
}
SECONDS = 12


def answer(world: TestWorld, part: str, path: str) -> Any:
    """The JSON answer of a part of the world to a GET."""
    response = requests.get(f"http://127.0.0.1:{world.ports[part]}{path}", timeout=5)
    assert response.ok, response.text
    return response.json()


def rules(world: TestWorld) -> dict[str, str]:
    """The health of each loaded alert rule, by its name."""
    groups = answer(world, "prometheus", "/api/v1/rules")["data"]["groups"]
    return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}


def send(world: TestWorld, severity: str, name: str, *, ends: timedelta) -> None:
    """Send an alert to Alertmanager, as Prometheus does."""
    alert = {
        "labels": {"alertname": name, "severity": severity, "service": f"test-{severity}"},
        "endsAt": (datetime.now(UTC) + ends).isoformat(),
    }
    url = f"http://127.0.0.1:{world.ports['alertmanager']}/api/v2/alerts"
    assert requests.post(url, json=[alert], timeout=5).ok


def arrived(world: TestWorld, since: float, *texts: str) -> Callable[[], set[tuple[str, str]]]:
    """Reads which receivers have a notification since a moment that has all texts."""

    def read() -> set[tuple[str, str]]:
        received = answer(world, "notifications", f"/received?since={since}")["received"]
        return {
            (notification["kind"], notification["receiver"])
            for notification in received
            if all(text.lower() in notification["body"].lower() for text in texts)
        }

    return read


def test_prometheus_scrapes_every_target_and_notifies_alertmanager(world: TestWorld) -> None:
    targets = answer(world, "prometheus", "/api/v1/targets")["data"]["activeTargets"]
    jobs = sorted(target["labels"]["job"] for target in targets)
    assert jobs == ["alertmanager", "balancer", "node", "prometheus", "store", "store"]
    assert {(target["health"], target["lastError"]) for target in targets} == {("up", "")}
    active = answer(world, "prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [place["url"] for place in active] == [
        f"http://127.0.0.1:{world.ports['alertmanager']}/api/v2/alerts"
    ]


def test_every_rule_is_loaded_and_evaluated(world: TestWorld) -> None:
    wait_until("evaluated rules", lambda: set(rules(world).values()), {"ok"}.__eq__, seconds=10)
    assert len(rules(world)) == 27


@pytest.mark.parametrize(
    "severity",
    [
        # proof-platform runs the others
        pytest.param(name, marks=[] if name == "critical" else [pytest.mark.slow])
        for name in RECEIVERS
    ],
)
def test_an_alert_arrives_where_its_severity_belongs_and_is_resolved(
    world: TestWorld, severity: str
) -> None:
    began, name = time.time(), f"Test{severity.capitalize()}{time.time_ns()}"
    send(world, severity, name, ends=timedelta(minutes=5))
    firing = arrived(world, began, name, "firing")
    wait_until("the notification", firing, RECEIVERS[severity].__le__, seconds=SECONDS)
    send(world, severity, name, ends=timedelta(seconds=-1))
    resolved = arrived(world, began, name, "resolved")
    wait_until("its end", resolved, RECEIVERS[severity].__le__, seconds=SECONDS)
    assert firing() == RECEIVERS[severity]


def test_every_panel_returns_data_on_a_quiet_world(world: TestWorld) -> None:
    empty = []
    for dashboard in answer(world, "grafana", "/api/search"):
        board = answer(world, "grafana", f"/api/dashboards/uid/{dashboard['uid']}")["dashboard"]
        for panel in board["panels"]:
            body = {"from": "now-5m", "to": "now", "queries": panel["targets"]}
            url = f"http://127.0.0.1:{world.ports['grafana']}/api/ds/query"
            results = requests.post(url, json=body, timeout=10).json()["results"]
            empty += [
                (panel["title"], reference)
                for reference, result in results.items()
                if not result["frames"]
            ]
    assert empty == []


def test_a_fault_of_the_rules_is_loaded_and_undone(world: TestWorld) -> None:
    with world.fault("rules.missing"):
        assert "LicenceExpiry" not in rules(world)
        second = world.testbed("fault", "on", "rules.dead")
    assert (second.code, "rules.missing is on" in second.err) == (1, True)
    assert set(rules(world).values()) == {"ok"}
    assert len(rules(world)) == 27


def test_a_fault_of_the_routes_is_loaded_and_undone(world: TestWorld) -> None:
    def configuration() -> str:
        return str(answer(world, "alertmanager", "/api/v2/status")["config"]["original"])

    before = configuration()
    with world.fault("routes.critical_by_mail"):
        assert configuration() != before
    assert configuration() == before


def test_a_service_that_ended_is_no_longer_scraped_and_comes_back(world: TestWorld) -> None:
    def up() -> str:
        query = "/api/v1/query?query=up{job=%22node%22}"
        return str(answer(world, "prometheus", query)["data"]["result"][0]["value"][1])

    with world.fault("services.node_exporter_down"):
        assert up() == "0"
        assert world.testbed("status").code == 1
    assert up() == "1"
    assert world.testbed("status").code == 0
