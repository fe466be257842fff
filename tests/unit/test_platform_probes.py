"""What the platform checks see of services, Prometheus, rules and Alertmanager, on recordings."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from recorded_server import Answer, Recording, recorded
from worlds import ROOT, run

from gates.model import Access, AlertLevel, Service
from suites.monitoring.alert_rules.loaded_rules import evaluation_flaws, loading_flaws
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.alertmanager_api import (
    AlertmanagerApi,
    NotificationInbox,
    address_flaws,
)
from suites.monitoring.delivery import FIRING, RESOLVED, deliveries, synthetic_alerts
from suites.monitoring.http_json import MonitoringError
from suites.monitoring.prometheus_api import PrometheusApi, PrometheusFacts, ScrapeTarget
from suites.monitoring.routing import routing_of
from suites.monitoring.scraping import (
    OF_EXPORTERS,
    clock_flaws,
    interval_flaws,
    slot_flaws,
    target_flaws,
)
from suites.monitoring.services import ask_service, is_version, up_flaws, version_flaws

FILES = ROOT / "tests" / "support" / "monitoring_files"
LEVELS = (
    AlertLevel("critical", ("pager",), ("ApiDown",)),
    AlertLevel("warning", ("chat", "mail"), ("ApiSlow",)),
)
LATE = """
route: {receiver: pager, group_wait: 30m}
receivers: [{name: pager, webhook_configs: [{url: "http://a/hook/pager"}]}]
"""
STORE = ScrapeTarget("store", "a:5001", "http://a:5001/metrics", "up", "", 1.0)
SELECTOR = 'up{job="store",instance="a:5001"}'


@pytest.fixture
def recording() -> Iterator[Recording]:
    with recorded({}) as server:
        yield server


@pytest.fixture
def prometheus(recording: Recording) -> PrometheusApi:
    return PrometheusApi(recording.url, Access(2.0))


def success(data: object) -> Answer:
    return 200, {"status": "success", "data": data}


def vector(*rows: tuple[dict[str, str], float]) -> Answer:
    result = [{"metric": labels, "value": [time.time(), str(value)]} for labels, value in rows]
    return success({"resultType": "vector", "result": result})


def matrix(*times: float) -> Answer:
    values = [[moment, "1"] for moment in times]
    return success({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})


def active(**changed: Any) -> dict[str, Any]:
    return {
        "labels": {"job": "store", "instance": "a:5001"},
        "scrapeUrl": "http://a:5001/metrics",
        "health": "up",
        "lastError": "",
        "scrapeInterval": "1m30s",
        **changed,
    }


def test_targets_are_read(recording: Recording, prometheus: PrometheusApi) -> None:
    recording.answers["GET /api/v1/targets"] = success({"activeTargets": [active()]})
    (target,) = prometheus.targets()
    assert (target.job, target.instance, target.interval_seconds) == ("store", "a:5001", 90)
    assert target_flaws([target]) == []


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"status": "error"}),
        (200, {"status": "error", "error": "x"}),
        (200, b"x"),
        success({"activeTargets": [{}]}),
        success({"activeTargets": [active(scrapeInterval="x")]}),
        success([]),
    ],
)
def test_targets_of_another_shape_are_an_error(
    recording: Recording, prometheus: PrometheusApi, answer: Answer
) -> None:
    recording.answers["GET /api/v1/targets"] = answer
    with pytest.raises(MonitoringError, match="again: curl -s"):
        prometheus.targets()


def test_a_target_that_is_down_is_named_with_its_error() -> None:
    down = ScrapeTarget("node", "a:9100", "http://a:9100/metrics", "down", "refused", 1.0)
    failed = ScrapeTarget("node", "b:9100", "http://b:9100/metrics", "up", "too slow", 1.0)
    assert target_flaws([STORE, down, failed]) == [
        "node a:9100: the scrape target is down, last error: refused (http://a:9100/metrics)",
        "node b:9100: the scrape target is up, last error: too slow (http://b:9100/metrics)",
    ]


@pytest.mark.parametrize(
    ("times", "longest", "flaw"),
    [
        (range(60), 1.0, ""),
        ((*range(20), *range(40, 60)), 1.0, ""),
        (range(0, 60, 2), 0.0, "was scraped every 2.0 s (median), the longest gap was 2.0 s"),
        (range(40), 1.0, "was last scraped 2"),
        (range(60), 0.5, "the configured scrape interval is 1 s, expected at most 0.5 s"),
        ((0, 1), 1.0, "2 scrapes in the last minutes"),
    ],
)
def test_rare_scrapes_are_named(
    recording: Recording, prometheus: PrometheusApi, times: range, longest: float, flaw: str
) -> None:
    began = time.time() - 60
    samples = matrix(*(began + number for number in times))
    recording.answers[f"GET /api/v1/query?{SELECTOR}[60s]"] = samples
    flaws = interval_flaws(
        prometheus, [STORE], longest_seconds=longest, tolerance=0.5, now=time.time()
    )
    assert len(flaws) == bool(flaw)
    assert all(flaw in sentence for sentence in flaws)


@pytest.mark.parametrize(
    ("age", "flaw"), [(1.0, ""), (-1.0, ""), (90.0, "is 90.0 s old"), (-30.0, "is -30.0 s old")]
)
def test_samples_of_another_time_are_named(
    recording: Recording, prometheus: PrometheusApi, age: float, flaw: str
) -> None:
    now = time.time()
    newest = vector(({"job": "store", "instance": "a:5001"}, now - age))
    query = f"max by (job, instance) (timestamp({OF_EXPORTERS}))"
    recording.answers[f"GET /api/v1/query?{query}"] = newest
    recording.answers["GET /api/v1/status/buildinfo"] = success({"version": "2.42.0"})
    flaws = clock_flaws(prometheus, [STORE], now=now, limit_seconds=2)
    assert len(flaws) == bool(flaw)
    assert all(flaw in sentence for sentence in flaws)


def test_without_samples_the_clock_is_not_known_to_be_right(
    recording: Recording, prometheus: PrometheusApi
) -> None:
    recording.answers[f"GET /api/v1/query?max by (job, instance) (timestamp({OF_EXPORTERS}))"] = (
        vector()
    )
    recording.answers["GET /api/v1/status/buildinfo"] = success({})
    assert clock_flaws(prometheus, [STORE], now=time.time(), limit_seconds=2) != []


def rule(name: str, **changed: Any) -> Rule:
    labels = {"severity": "critical" if name == "ApiDown" else "warning"}
    values = {"labels": labels, "health": "ok", "seconds_since_evaluation": 1.0, **changed}
    return Rule(name, "up == 0", interval_seconds=1.0, **values)


@pytest.mark.parametrize(
    ("rules", "flaws"),
    [
        ([rule("ApiDown"), rule("ApiSlow")], []),
        (
            [rule("ApiDown")],
            ["ApiSlow: the policy names this alert rule, but Prometheus has not loaded it"],
        ),
        (
            [rule("ApiDown"), rule("ApiSlow"), rule("Other")],
            ["Other: the alert rule is loaded, but the policy does not name it"],
        ),
        (
            [rule("ApiDown"), rule("ApiSlow"), rule("ApiSlow")],
            ["ApiSlow: the alert rule is loaded 2 times, expected once"],
        ),
        (
            [rule("ApiDown", labels={}), rule("ApiSlow")],
            ["ApiDown: the alert rule has the severity none, expected critical"],
        ),
        ([rule("ApiDown"), rule("ApiSlow"), rule("a:b", is_alert=False)], []),
    ],
)
def test_rules_that_are_not_those_of_the_policy_are_named(
    rules: list[Rule], flaws: list[str]
) -> None:
    assert loading_flaws(rules, LEVELS) == flaws


def test_a_slot_that_is_not_scraped_is_named(
    recording: Recording, prometheus: PrometheusApi
) -> None:
    recording.answers |= {
        'GET /api/v1/query?up{slot="green"}': vector(({"slot": "green"}, 1)),
        'GET /api/v1/query?up{slot="blue"}': vector(),
    }
    assert slot_flaws(prometheus, ("green", "blue", "")) == [
        "slot blue: Prometheus has no scrape target with this slot"
    ]


def test_the_loaded_configuration_is_read(recording: Recording, prometheus: PrometheusApi) -> None:
    recording.answers["GET /api/v1/status/config"] = success({"yaml": "global: {}"})
    assert prometheus.configuration() == "global: {}"
    recording.answers["GET /api/v1/status/config"] = success({})
    with pytest.raises(MonitoringError):
        prometheus.configuration()


def test_an_address_without_an_alertmanager_is_named(recording: Recording) -> None:
    recording.answers |= {"GET /-/healthy": (200, b"OK"), "GET /-/ready": (200, b"OK")}
    with recorded({}) as other:
        addresses = [f"{url}/api/v2/alerts" for url in (recording.url, other.url, "http://known")]
        assert address_flaws(addresses, "http://known", 2.0) == [
            f"Prometheus sends alerts to {other.url}, but no Alertmanager is ready there"
        ]


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({}, ""),
        (
            {"health": "err", "error": "many-to-many"},
            "ApiDown: the health of the rule is err, last error: many-to-many",
        ),
        ({"health": "unknown"}, "ApiDown: the health of the rule is unknown, last error: no error"),
        ({"seconds_since_evaluation": 60.0}, "ApiDown: the rule was last evaluated 60 s ago"),
        ({"seconds_since_evaluation": None}, "ApiDown: the rule was never evaluated"),
    ],
)
def test_a_rule_that_is_not_evaluated_is_named(changed: dict[str, Any], flaw: str) -> None:
    flaws = evaluation_flaws([rule("ApiDown", **changed)])
    assert len(flaws) == bool(flaw)
    assert all(sentence.startswith(flaw) for sentence in flaws)


def test_loaded_rules_are_read_and_analysed(
    recording: Recording, prometheus: PrometheusApi
) -> None:
    loaded = {
        "type": "alerting",
        "name": "ApiDown",
        "query": "up > 1",
        "duration": 300,
        "labels": {"severity": "critical"},
        "annotations": {},
        "alerts": [],
        "health": "ok",
        "lastEvaluation": "2026-11-27T10:00:00.123456789+05:30",
    }
    groups = [{"name": "critical", "file": "a.yml", "interval": 1, "rules": [loaded]}]
    recording.answers |= {
        "GET /api/v1/rules": success({"groups": groups}),
        "GET /api/v1/targets": success({"activeTargets": [active()]}),
        "GET /api/v1/query?count(up)": vector(({}, 3)),
        "GET /api/v1/metadata": success({"up": [{"type": "gauge", "help": "", "unit": ""}]}),
        "GET /api/v1/status/runtimeinfo": success({"storageRetention": "15d or 10GiB"}),
    }
    (read,) = prometheus.rules()
    facts = PrometheusFacts(prometheus)
    assert (read.severity, read.for_seconds, facts.retention_seconds) == ("critical", 300, 1296000)
    assert [str(flaw) for flaw in rule_flaws([read], facts)] == [
        "ApiDown: up > 1 is never true: the left side is at most 1"
    ]
    loaded["lastEvaluation"] = "0001-01-01T00:00:00Z"
    assert evaluation_flaws(prometheus.rules()) == [
        "ApiDown: the rule was never evaluated; expected an evaluation in the last 7 s"
    ]


@pytest.mark.parametrize(
    ("version", "expected", "holds"),
    [
        ("2.42.0+ds", "2.42", True),
        ("2.42.0", "2.42.0", True),
        ("v5.0.0", "5.0.0", True),
        ("2.421.0", "2.42", False),
        ("12.42", "2.42", False),
        ("2.4", "2.42", False),
        ("5.0.0-rc1", "5.0.0", True),
        ("", "5", False),
    ],
)
def test_a_version_is_stated_by_its_first_parts(
    version: str, expected: str, *, holds: bool
) -> None:
    assert is_version(version, expected) is holds


@pytest.mark.parametrize(
    ("answer", "problem", "version"),
    [
        ((200, {"status": "ok", "version": "5.0.0"}), "", "5.0.0"),
        ((200, {"status": "success", "data": {"version": "2.42.0"}}), "", "2.42.0"),
        ((200, {"versionInfo": {"version": "0.25.0"}}), "", "0.25.0"),
        ((200, b"Healthy."), "", ""),
        ((200, [3]), "", ""),
        ((503, {"version": "5.0.0"}), "status 503", "5.0.0"),
    ],
)
def test_a_service_is_asked(
    recording: Recording, answer: Answer, problem: str, version: str
) -> None:
    recording.answers["GET /health"] = answer
    answered = ask_service(Service("api", f"{recording.url}/health"), "", Access(2.0))
    assert (answered.problem, answered.version) == (problem, version)


def test_a_port_is_asked_by_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        service = Service("mail", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        assert ask_service(service, "", Access(2.0)).problem == ""
    assert ask_service(service, "", Access(2.0)).problem == "Connection refused"


def test_a_database_that_does_not_answer_is_named_without_its_credentials() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        uri = f"mongodb://reader:{'pass' + 'phrase'}@127.0.0.1:{port}/kirana"
        answered = ask_service(Service("database", f"tcp://127.0.0.1:{port}"), uri, Access(0.2))
    assert answered.problem.startswith("the database does not answer a ping")
    assert "reader" not in answered.problem


@pytest.mark.parametrize(
    ("rows", "flaws"),
    [
        ([({"instance": "a"}, 1)], []),
        ([({"instance": "a"}, 1), ({"instance": "b"}, 0)], ["api: up is 0 at b, expected 1"]),
        ([], ["api: Prometheus has no time series up"]),
    ],
)
def test_the_up_series_of_a_service_are_read(
    recording: Recording, prometheus: PrometheusApi, rows: list[Any], flaws: list[str]
) -> None:
    recording.answers["GET /api/v1/query?up"] = vector(*rows)
    assert up_flaws(Service("api", "http://a", up="up"), prometheus) == flaws
    assert up_flaws(Service("api", "http://a"), prometheus) == []


@pytest.mark.parametrize(
    ("versions", "flaw"),
    [
        (["5.0.0"], ""),
        (["5.0.0", "4.9.2"], "api: info (4.9.2) states the version 4.9.2, expected 5.0"),
        ([], "api: info (no series) states the version none, expected 5.0"),
    ],
)
def test_the_versions_that_prometheus_knows_are_compared(
    recording: Recording, prometheus: PrometheusApi, versions: list[str], flaw: str
) -> None:
    rows = [({"version": version}, 1.0) for version in versions]
    recording.answers["GET /api/v1/query?info"] = vector(*rows)
    service = Service("api", f"{recording.url}/none", version="5.0", build_info="info")
    flaws = version_flaws(service, ask_service(service, "", Access(2.0)), prometheus)
    assert flaws == [flaw] * bool(flaw)


ROUTING = routing_of((FILES / "routes" / "critical_to_mail.corrected.yml").read_text())


def webhook(receiver: str, status: str, name: str) -> dict[str, Any]:
    body = {"receiver": receiver, "alerts": [{"status": status, "labels": {"alertname": name}}]}
    return {"kind": "webhook", "receiver": receiver, "time": time.time(), "body": json.dumps(body)}


def mail(receiver: str, status: str, name: str) -> dict[str, Any]:
    body = f"Subject: [{status}:1] {name}\n\nlabels"
    return {"kind": "mail", "receiver": receiver, "time": time.time(), "body": body}


def test_the_ways_of_each_severity_are_those_of_the_configuration() -> None:
    ways = deliveries(ROUTING, LEVELS)
    assert [str(way) for way in ways] == [
        "critical by webhook to pager",
        "warning by webhook to chat",
        "warning by mail to mail",
    ]
    assert {way.group_wait for way in ways} == {timedelta(seconds=30)}


def test_notifications_of_the_run_are_awaited_and_its_alerts_ended(recording: Recording) -> None:
    recording.answers["POST /api/v2/alerts"] = (200, {})
    api = AlertmanagerApi(recording.url, 2.0)
    inbox = NotificationInbox(recording.url, 2.0)
    ways = [
        way.__class__(
            **{**_fields(way), "group_wait": timedelta(0), "group_interval": timedelta(0)}
        )
        for way in deliveries(ROUTING, LEVELS)
    ]
    severities = ["critical", "warning"]
    within = timedelta(seconds=0.2)

    def fail_at_the_end() -> None:
        with synthetic_alerts(api, inbox, "r1", severities=severities, equal=["slot"]) as sent:
            names = {name: alert.labels["alertname"] for name, alert in sent.alerts.items()}
            received = [
                webhook("pager", "firing", names["critical"]),
                webhook("chat", "firing", names["critical"]),
                mail("mail", "FIRING", names["warning"]),
            ]
            recording.answers["GET /received"] = (200, {"received": received})
            assert sent.undelivered(ways, FIRING, within) == [
                "warning by webhook to chat: no firing notification arrived within 0.2 s"
            ]
            received += [webhook("chat", "firing", names["warning"])]
            received += [webhook("pager", "resolved", names["critical"])]
            assert sent.undelivered(ways, FIRING, within) == []
            assert sent.undelivered(ways[:1], RESOLVED, within) == []
            assert len(sent.undelivered(ways, RESOLVED, within)) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_at_the_end()
    (_, begun), (_, ended) = recording.posted
    assert [alert["labels"] for alert in begun] == [alert["labels"] for alert in ended]
    assert len({alert["labels"]["slot"] for alert in begun}) == 2
    assert {alert["labels"]["run"] for alert in begun} == {"r1"}
    now = datetime.now(UTC)
    assert all(datetime.fromisoformat(alert["endsAt"]) > now for alert in begun)
    assert all(datetime.fromisoformat(alert["endsAt"]) <= now for alert in ended)


def _fields(way: Any) -> dict[str, Any]:
    return {name: getattr(way, name) for name in way.__slots__}


def test_a_notification_that_comes_too_late_is_not_awaited(recording: Recording) -> None:
    recording.answers["POST /api/v2/alerts"] = (200, {})
    api, inbox = AlertmanagerApi(recording.url, 2.0), NotificationInbox(recording.url, 2.0)
    routing = routing_of(LATE)
    ways = deliveries(routing, LEVELS[:1])
    began = time.monotonic()
    with synthetic_alerts(api, inbox, "run-1", severities=["critical"], equal=[]) as alerts:
        flaws = alerts.undelivered(ways, FIRING, timedelta(seconds=5))
    assert flaws == [
        (
            "critical by webhook to pager: Alertmanager waits 1800 s before the firing "
            "notification, and the check 5 s longer; a check waits at most 600 s"
        )
    ]
    assert time.monotonic() - began < 30


def test_an_alertmanager_that_refuses_an_alert_is_an_error(recording: Recording) -> None:
    recording.answers["POST /api/v2/alerts"] = (400, b"start time must be before end time")
    api, inbox = AlertmanagerApi(recording.url, 2.0), NotificationInbox(recording.url, 2.0)
    refused = pytest.raises(MonitoringError, match="status 400: start time")
    with refused, synthetic_alerts(api, inbox, "r1", severities=["critical"], equal=[]):
        pass


def test_status_and_silences_of_alertmanager_are_read(recording: Recording) -> None:
    silence = {
        "id": "s1",
        "createdBy": "asha",
        "comment": "",
        "status": {"state": "active"},
        "matchers": [
            {"name": "severity", "value": "crit.*", "isRegex": True, "isEqual": True},
            {"name": "slot", "value": "blue", "isRegex": False, "isEqual": False},
        ],
    }
    expired = {**silence, "id": "s2", "status": {"state": "expired"}}
    status = {"config": {"original": "route: {}"}, "versionInfo": {"version": "0.25.0"}}
    recording.answers |= {
        "GET /api/v2/silences": (200, [silence, expired]),
        "GET /api/v2/status": (200, status),
        "GET /-/healthy": (200, b"OK"),
        "GET /-/ready": (503, b"no"),
    }
    api = AlertmanagerApi(recording.url, 2.0)
    assert api.status().version == "0.25.0"
    assert api.is_ready() is False
    (active_silence,) = api.silences()
    assert active_silence.matchers == (("severity", "=~", "crit.*"), ("slot", "!=", "blue"))


def command(*arguments: str) -> tuple[int, str]:
    done = run("suites.monitoring", *arguments)
    return done.code, done.out


def test_the_command_names_the_flaws_of_files() -> None:
    flawed, corrected = (str(FILES / f"{name}_rules.yml") for name in ("flawed", "corrected"))
    routes = str(FILES / "routes" / "critical_to_mail.flawed.yml")
    code, out = command(
        "--rules", flawed, "--alertmanager", routes, "--receivers", "critical=pager"
    )
    assert code == 1
    assert "HighErrorRate: rate(http_errors_total[5m]) is a number of events per second" in out
    assert "critical: any alert goes to mail" in out
    assert command("--rules", corrected)[0] == 0
    assert command("--rules", str(FILES / "store_series.txt"))[0] == 3
    assert command("--rules", str(FILES / "none.yml"))[0] == 3
    assert command()[0] == 2
