"""The rules, routes and dashboards of the repository: checked by their own tools and complete."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from worlds import ROOT

from gates.policy import policy_file
from testbed import ports
from testbed.monitoring import configuration
from testbed.world import World

FOLDER = ROOT / "testbed" / "monitoring"
SEVERITIES = ("critical", "warning", "info")
# Guide section 7, alert rules: 5 critical, 5 warning, 4 info.
GUIDE_ALERTS = {
    "ApiDown",
    "DatabaseDown",
    "AuthenticationFailures",
    "PaymentFailures",
    "MemoryUsageHigh",
    "ApiSlow",
    "ErrorRateHigh",
    "CacheHitRateLow",
    "DiskSpaceLow",
    "DatabaseSlow",
    "BackupMissing",
    "LicenceExpiry",
    "SecurityUpdates",
    "PerformanceTrend",
}
# Guide section 7, dashboards.
GUIDE_PANELS = {
    "System Health": {
        "API response times",
        "Error rates",
        "CPU utilization",
        "Memory utilization",
        "Memory by process",
        "Network I/O",
        "Database connection pool",
    },
    "Business Metrics": {
        "Orders per minute",
        "Payment success rate",
        "Average order value",
        "Customer conversion",
        "Gamification engagement",
    },
    "Infrastructure": {
        "Container status",
        "Disk space usage",
        "Network latency",
        "Cache hit rate",
        "Database replication lag",
    },
}


def output_of(*command: str | Path) -> str:
    """The output of a tool, which must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> dict[str, dict[str, Any]]:
    """Every alert rule, by its name."""
    paths = sorted((FOLDER / "rules").glob("*.yml"))
    groups = [group for path in paths for group in yaml.safe_load(path.read_text())["groups"]]
    listed = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in listed}) == len(listed)
    return {rule["alert"]: rule for rule in listed}


def dashboards() -> list[dict[str, Any]]:
    """The content of every dashboard."""
    return [json.loads(path.read_text()) for path in (FOLDER / "dashboards").glob("*.json")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of files only."""
    return World(tmp_path, dict(ports.GUIDE), tmp_path, {})


@pytest.mark.parametrize("severity", SEVERITIES)
def test_promtool_accepts_the_rules(severity: str) -> None:
    output = output_of("promtool", "check", "rules", FOLDER / "rules" / f"{severity}.yml")
    assert "SUCCESS" in output


# The alerts of the severity info look back a day: promtool needs half a minute of the processor.
@pytest.mark.parametrize(
    "severity",
    [
        pytest.param(severity, marks=[pytest.mark.slow] if severity == "info" else [])
        for severity in SEVERITIES
    ],
)
def test_each_alert_fires_and_stays_silent(severity: str) -> None:
    output = output_of("promtool", "test", "rules", FOLDER / "rule_tests" / f"{severity}.yml")
    assert "SUCCESS" in output


def test_no_alert_is_without_a_test_that_fires_and_a_test_that_is_silent() -> None:
    firing, silent = set[str](), set[str]()
    for severity in SEVERITIES:
        content = yaml.safe_load((FOLDER / "rule_tests" / f"{severity}.yml").read_text())
        for expected in (line for test in content["tests"] for line in test["alert_rule_test"]):
            (firing if expected["exp_alerts"] else silent).add(expected["alertname"])
    assert firing == silent == set(rules())


def test_the_rules_are_those_of_the_policy_and_of_the_guide() -> None:
    policy = policy_file.load(ROOT / "policies" / "release.toml")
    required = {level.severity: set(level.alerts) for level in policy.alert_levels}
    severity_of = {name: rule["labels"]["severity"] for name, rule in rules().items()}
    assert required == {
        severity: {name for name in severity_of if severity_of[name] == severity}
        for severity in SEVERITIES
    }
    assert len(severity_of) == 27
    assert set(severity_of) > GUIDE_ALERTS


def test_each_rule_names_its_service_what_is_wrong_and_a_command() -> None:
    for name, rule in rules().items():
        assert set(rule["labels"]) == {"severity", "service"}, name
        assert set(rule["annotations"]) == {"summary", "runbook"}, name


def test_promtool_accepts_the_configuration_of_a_world(world: World) -> None:
    configuration.write_rules(world)
    output = output_of("promtool", "check", "config", configuration.write_prometheus(world))
    assert output.count("SUCCESS") == 5


def test_amtool_accepts_the_routes_of_a_world_and_of_production(world: World) -> None:
    production = configuration.alertmanager(
        "https://notify.example/hook", "mail.example:587", configuration.PRODUCTION_TIMES, tls=True
    )
    (world.folder / "production.yml").write_text(production)
    for path in (configuration.write_alertmanager(world), world.folder / "production.yml"):
        output = output_of("amtool", "check-config", path)
        assert "4 receivers" in output
        assert "1 inhibit rules" in output


def test_amtool_routes_each_severity_as_the_policy_says(world: World) -> None:
    path = configuration.write_alertmanager(world)
    policy = policy_file.load(ROOT / "policies" / "release.toml")
    command = ("amtool", "config", "routes", "test", f"--config.file={path}")
    for level in policy.alert_levels:
        receivers = output_of(*command, f"severity={level.severity}", "service=api").strip()
        assert receivers.split(",") == list(level.receivers)
    assert output_of(*command, "severity=unknown").strip() == "mail"


def test_the_dashboards_have_every_panel_of_the_guide() -> None:
    panels = {
        board["title"]: {panel["title"] for panel in board["panels"]} for board in dashboards()
    }
    assert panels == GUIDE_PANELS


def test_grafana_can_import_the_dashboards() -> None:
    for board in dashboards():
        assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
        assert board["schemaVersion"] >= 36
        assert "id" not in board
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)
        sources = [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
        assert {(source["type"], source["uid"]) for source in sources} == {
            ("prometheus", configuration.DATA_SOURCE)
        }


def test_promtool_accepts_the_query_of_every_panel(tmp_path: Path) -> None:
    expressions = [
        target["expr"]
        for board in dashboards()
        for panel in board["panels"]
        for target in panel["targets"]
    ]
    recorded = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(expressions)} rules found" in output_of("promtool", "check", "rules", path)
