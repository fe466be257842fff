"""Alertmanager configurations: every flaw is named, and none in the corrected files."""

from datetime import timedelta

import pytest
from worlds import ROOT

from gates.model import AlertLevel
from suites.monitoring.routing import Matcher, RoutingError, routing_of
from suites.monitoring.routing_flaws import (
    forwarding_flaws,
    inhibition_flaws,
    receiver_flaws,
    severity_flaws,
    silence_flaws,
    time_flaws,
)

FILES = ROOT / "tests" / "support" / "monitoring_files" / "routes"
LEVELS = (
    AlertLevel("critical", ("pager",), ("ApiDown", "DatabaseDown", "PaymentFailures")),
    AlertLevel("warning", ("chat", "mail"), ("ApiSlow",)),
    AlertLevel("info", ("daily-mail",), ("BackupMissing",)),
)
ALERTS = (
    {"alertname": "ApiDown", "severity": "critical", "service": "api"},
    {"alertname": "DatabaseDown", "severity": "critical", "service": "database"},
    {"alertname": "PaymentFailures", "severity": "critical", "service": "payments"},
    {"alertname": "ApiSlow", "severity": "warning", "service": "api"},
    {"alertname": "BackupMissing", "severity": "info", "service": "backup"},
)
FLAWS = {
    "receiver_not_named": "receiver daily-mail: no route names this receiver",
    "receiver_behind_everything": "receiver pager: no alert reaches this receiver",
    "receiver_behind_the_same": "receiver daily-mail: no alert reaches this receiver",
    "receiver_not_defined": (
        "receiver pagerduty: a route names this receiver, but no receiver has this name"
    ),
    "critical_to_mail": "critical: any alert goes to mail (by route.routes[0]), expected pager",
    "warning_without_continue": "warning: any alert goes to chat (by route.routes[1])",
    "pattern_is_anchored": "critical: any alert goes to mail (by route), expected pager",
    "old_form": "critical: any alert goes to mail (by route), expected pager",
    "nested_route": "critical: PaymentFailures goes to mail (by route.routes[0].routes[0])",
    "critical_muted": "critical: any alert is muted by route.routes[0] at these times: nights",
    "receiver_empty": "critical: receiver pager has no integration",
    "inhibition_reversed": 'an alert with severity="warning" mutes critical alerts',
    "inhibition_of_everything": 'an alert with alertname="Maintenance" mutes critical alerts',
    "inhibition_by_a_label_that_both_lack": (
        'an alert with alertname="DatabaseDown" mutes critical alerts'
    ),
    "inhibition_without_target": "because the inhibition rule mutes alerts with any labels",
}


def all_flaws(name: str) -> list[str]:
    routing = routing_of((FILES / f"{name}.yml").read_text())
    return [
        *receiver_flaws(routing),
        *severity_flaws(routing, LEVELS, ALERTS),
        *inhibition_flaws(routing, ALERTS),
    ]


def test_every_pair_of_files_has_its_flaw() -> None:
    assert {path.name.partition(".")[0] for path in FILES.iterdir()} == set(FLAWS)


@pytest.mark.parametrize("name", FLAWS)
def test_the_flaw_is_named(name: str) -> None:
    flaws = all_flaws(f"{name}.flawed")
    assert any(FLAWS[name] in flaw for flaw in flaws), flaws


@pytest.mark.parametrize("name", FLAWS)
def test_the_corrected_file_has_no_flaw(name: str) -> None:
    assert all_flaws(f"{name}.corrected") == []


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('severity="critical"', (Matcher("severity", "=", "critical"),)),
        ("severity = critical", (Matcher("severity", "=", "critical"),)),
        ('{a="b", c=~"d,e|f"}', (Matcher("a", "=", "b"), Matcher("c", "=~", "d,e|f"))),
        ("a!~'x.*'", (Matcher("a", "!~", "x.*"),)),
        (r'a="say \"yes\""', (Matcher("a", "=", 'say "yes"'),)),
        ('a=""', (Matcher("a", "=", ""),)),
    ],
)
def test_a_matcher_is_read_in_each_of_its_forms(text: str, matchers: tuple[Matcher, ...]) -> None:
    entry = "'" + text.replace("'", "''") + "'"
    routing = routing_of(f"route: {{receiver: a, routes: [{{matchers: [{entry}]}}]}}")
    assert routing.root.routes[0].matchers == matchers


def test_a_label_that_is_missing_is_empty() -> None:
    assert Matcher("team", "=", "").holds({})
    assert Matcher("team", "!=", "shop").holds({})
    assert Matcher("team", "=~", ".*").holds({})
    assert not Matcher("team", "=~", ".+").holds({})


def test_times_are_inherited() -> None:
    routing = routing_of("route: {receiver: a, group_wait: 1s, routes: [{group_interval: 2m}]}")
    times = {name: time.total_seconds() for name, time in routing.root.routes[0].times.items()}
    assert times == {"group_wait": 1, "group_interval": 120, "repeat_interval": 4 * 3600}


def test_an_alert_takes_every_route_until_one_does_not_go_on() -> None:
    routing = routing_of(
        "route: {receiver: a, routes: [{receiver: b, continue: true}, {receiver: c}, "
        "{receiver: d}]}"
    )
    assert [route.receiver for route in routing.root.selected({"x": "y"})] == ["b", "c"]


def test_a_silence_of_critical_alerts_is_named() -> None:
    silences = [
        ("silence 1: asha", (Matcher("severity", "=", "critical"),)),
        ("silence 2: ravi", (Matcher("alertname", "=", "ApiDown"), Matcher("slot", "=", "blue"))),
        ("silence 3: mira", (Matcher("severity", "=", "info"),)),
    ]
    assert silence_flaws(silences, ALERTS) == [
        f"silence 1: asha mutes the critical alert {name}"
        for name in ("ApiDown", "DatabaseDown", "PaymentFailures")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "receivers: []",
        "route: 3",
        "route: {}",
        "route: {receiver: a, routes: 3}",
        "route: {receiver: a, group_wait: soon}",
        "route: {receiver: a, routes: [{matchers: ['severity']}]}",
        "route: {receiver: a, routes: [{match_re: {severity: '('}}]}",
        "route: {receiver: a}\nreceivers: [3]",
    ],
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(RoutingError):
        routing_of(text)


LONGEST = {
    "group_wait": timedelta(minutes=2),
    "group_interval": timedelta(minutes=5),
    "repeat_interval": timedelta(days=1),
}
TIMES = """
route:
  receiver: mail
  routes:
    - matchers: ['severity="critical"']
      receiver: pager
      {time}
receivers: [{{name: mail}}, {{name: pager}}]
"""


@pytest.mark.parametrize(
    ("time", "flaw"),
    [
        ("group_wait: 2m", ""),
        ("group_wait: 30m", "group_wait is 1800 s; for critical alerts it must be at most 120 s"),
        (
            "group_interval: 12h",
            "43200 s; for critical alerts it must be at most 300 s",
        ),
        (
            "repeat_interval: 30d",
            "2592000 s; for critical alerts it must be at most 86400 s",
        ),
    ],
)
def test_a_late_notification_of_critical_alerts_is_named(time: str, flaw: str) -> None:
    flaws = time_flaws(routing_of(TIMES.format(time=time)), ALERTS, LONGEST)
    assert len(flaws) == bool(flaw)
    assert flaw in "".join(flaws)


RELABEL = "alerting: {{alert_relabel_configs: [{step}], alertmanagers: []}}"
RELABEL_OF_A_SERVER = "alerting: {{alertmanagers: [{{alert_relabel_configs: [{step}]}}]}}"


@pytest.mark.parametrize("form", [RELABEL, RELABEL_OF_A_SERVER])
@pytest.mark.parametrize(
    ("step", "flaws"),
    [
        (
            "{action: drop, source_labels: [severity], regex: info}",
            ["BackupMissing: alert_relabel_configs drop the alert (drop severity 'info')"],
        ),
        (
            "{action: drop, source_labels: [severity, alertname], regex: 'info;Back.*'}",
            [
                (
                    "BackupMissing: alert_relabel_configs drop the alert (drop severity, alertname "
                    "'info;Back.*')"
                )
            ],
        ),
        (
            "{action: keep, source_labels: [severity], regex: critical|warning}",
            [
                (
                    "BackupMissing: alert_relabel_configs drop the alert (keep severity "
                    "'critical|warning')"
                )
            ],
        ),
        (
            "{source_labels: [severity], regex: info, target_label: severity, replacement: debug}",
            ["BackupMissing: alert_relabel_configs change the label severity"],
        ),
        ("{action: drop, source_labels: [severity], regex: inf}", []),
        ("{action: labeldrop, regex: replica}", []),
        ("{source_labels: [instance], target_label: host}", []),
    ],
)
def test_an_alert_that_prometheus_does_not_forward_is_named(
    form: str, step: str, flaws: list[str]
) -> None:
    assert forwarding_flaws(form.format(step=step), ALERTS) == flaws


def test_a_removed_label_of_the_routes_is_named() -> None:
    step = "{action: labeldrop, regex: 'sev.*'}"
    flaws = forwarding_flaws(RELABEL.format(step=step), ALERTS)
    assert flaws == [
        f"{labels['alertname']}: alert_relabel_configs remove the label severity"
        for labels in ALERTS
    ]


def test_a_configuration_without_alerting_forwards_what_it_has() -> None:
    assert forwarding_flaws("global: {}", ALERTS) == []
