"""Defects of monitoring: of alert rules, of routes, of scrapes, of dashboards, of services.

Each is a function that changes the files of a world, has the part read them again, and undoes it.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from testbed import lifecycle, processes
from testbed.errors import TestbedError
from testbed.loopback import get, post
from testbed.monitoring import configuration
from testbed.world import World
from testbed.world_faults import Change, ask

OK = 200
CHANGE_SECONDS = 15.0
CLOSED_PORT = 1
# After so many scrapes the slow clock is farther behind than any sample may be old.
SLOW_SCRAPES = 12

Edit = Callable[[str], str]


def _replace(old: str, new: str) -> Edit:
    """An edit that replaces a text, which must occur."""

    def edit(text: str) -> str:
        if old not in text:
            raise TestbedError(f"the defect does not find {old!r}")
        return text.replace(old, new)

    return edit


def _substitute(pattern: str, replacement: str) -> Edit:
    """An edit that replaces what a pattern matches, which must be one place."""

    def edit(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
        if count != 1:
            raise TestbedError(f"the defect finds {pattern!r} {count} times")
        return changed

    return edit


def _without(pattern: str) -> Edit:
    """An edit that deletes what a pattern matches, which must be one place."""
    return _substitute(pattern, "")


def _edit(path: Path, *edits: Edit) -> None:
    text = path.read_text()
    for edit in edits:
        text = edit(text)
    path.write_text(text)


def _reload(world: World, part: str) -> None:
    """Have Prometheus or Alertmanager read its files again."""
    status, body = post(world.ports[part], "/-/reload")
    if status != OK:
        raise TestbedError(f"{part} does not reload: {body.decode(errors='replace')[:200]}")


def _reload_prometheus(world: World) -> None:
    """Have Prometheus read its files again; then it knows no Alertmanager for some seconds."""
    _reload(world, "prometheus")
    _wait(lambda: _has_alertmanager(world), "Prometheus knows no Alertmanager")


def _has_alertmanager(world: World) -> bool:
    status, body = get(world.ports["prometheus"], "/api/v1/alertmanagers")
    return status == OK and bool(json.loads(body)["data"]["activeAlertmanagers"])


def _wait(condition: Callable[[], bool], sentence: str) -> None:
    deadline = time.monotonic() + CHANGE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TestbedError(f"{sentence} after {CHANGE_SECONDS:.0f} s")
        time.sleep(0.1)


def _rules(file: str, *edits: Edit) -> Change:
    """A change of one rule file; it ends when Prometheus has evaluated every rule."""

    def change(world: World, *, on: bool) -> None:
        configuration.write_rules(world)
        if on:
            _edit(world.folder / "rules" / file, *edits)
        _reload_prometheus(world)
        _wait(lambda: _evaluated(world), "the rules are not evaluated")

    return change


def _evaluated(world: World) -> bool:
    status, body = get(world.ports["prometheus"], "/api/v1/rules")
    return status == OK and configuration.rules_evaluated(body)


def _routes(*edits: Edit) -> Change:
    """A change of the routes and receivers of Alertmanager."""

    def change(world: World, *, on: bool) -> None:
        path = configuration.write_alertmanager(world)
        if on:
            _edit(path, *edits)
        _reload(world, "alertmanager")

    return change


def _scrapes(*edits: Edit, is_complete: bool = True) -> Change:
    """A change of what Prometheus scrapes; it ends when the scrapes have changed.

    Args:
        edits: the edits of prometheus.yml.
        is_complete: whether every target is scraped after the edits.
    """

    def change(world: World, *, on: bool) -> None:
        path = configuration.write_prometheus(world)
        if on:
            _edit(path, *edits)
        _reload_prometheus(world)
        time.sleep(2 * configuration.SCRAPE_SECONDS)
        complete = is_complete or not on
        _wait(lambda: _scraped(world) == complete, "Prometheus does not scrape what it should")

    return change


def _scraped(world: World) -> bool:
    status, body = get(world.ports["prometheus"], "/api/v1/query?query=up")
    return status == OK and configuration.scrapes_everything(body)


def _dashboards(damage: Callable[[World, Path], None]) -> Change:
    """A change of the files that the stand-in for Grafana reads at each request."""

    def change(world: World, *, on: bool) -> None:
        configuration.write_dashboards(world)
        if on:
            damage(world, configuration.grafana_folder(world))

    return change


def _service(name: str) -> Change:
    """Ends a part, or starts it again; the change ends when Prometheus has scraped the result."""

    def change(world: World, *, on: bool) -> None:
        if on:
            lifecycle.stop_part(world, name)
            time.sleep(2 * configuration.SCRAPE_SECONDS)
            return
        if processes.find(world.running[name]) is None:
            lifecycle.start_part(world, name, lambda _: None)
        _wait(lambda: _scraped(world), "not every target is scraped")

    return change


def _rule_block(name: str) -> str:
    """The pattern of one rule in a rule file."""
    return rf"      - alert: {name}\n(?:        [^\n]*\n)+"


# Rules.
dead_rule = _rules(
    "warning.yml",
    _replace('(rate(http_requests_total{status=~"5..",', '(rate(http_request_total{status=~"5..",'),
)
rate_as_ratio = _rules(
    "warning.yml",
    _without(
        r' +/ sum by \(slot\) \(rate\(http_requests_total\{traffic!="synthetic",'
        r'route!~"/metrics\|/api/health"\}\[5m\]\)\)\n(?= +> 0\.01\n)'
    ),
)
quantile_without_rate = _rules(
    "warning.yml",
    _replace("rate(db_query_duration_seconds_bucket[5m])", "db_query_duration_seconds_bucket"),
)
quantile_without_le = _rules(
    "warning.yml",
    _replace(
        "sum by (le, slot) (rate(db_query_duration_seconds_bucket[5m]))",
        "sum by (slot) (rate(db_query_duration_seconds_bucket[5m]))",
    ),
)
raw_counter = _rules(
    "warning.yml",
    _replace(
        "increase(alertmanager_notifications_failed_total[5m])",
        "alertmanager_notifications_failed_total",
    ),
)
for_longer_than_range = _rules(
    "warning.yml",
    _replace(
        "increase(prometheus_rule_evaluation_failures_total[5m]) > 0\n",
        "increase(prometheus_rule_evaluation_failures_total[5m]) > 0\n        for: 2h\n",
    ),
)
ratio_over_one = _rules("critical.yml", _replace("            > 0.10\n", "            > 10\n"))
rule_missing = _rules("info.yml", _without(_rule_block("LicenceExpiry")))
failing_rule = _rules(
    "warning.yml",
    _replace(
        'sum by (slot) (db_pool_connections{state="checked_out"})\n',
        "sum by (slot, state) (db_pool_connections)\n",
    ),
    _replace("/ sum by (slot) (db_pool", "/ on (slot) sum by (slot) (db_pool"),
)
unknown_rule = _rules(
    "info.yml",
    lambda text: (
        f"{text}      - alert: NodeExporterDown\n"
        '        expr: up{job="node"} == 0\n'
        "        for: 30m\n"
        "        labels: {severity: info, service: monitoring}\n"
    ),
)
wrong_severity = _rules(
    "critical.yml",
    _replace(
        "labels: {severity: critical, service: database}",
        "labels: {severity: warning, service: database}",
    ),
)

# Routes and receivers.
_CRITICAL = "    - matchers: ['severity=\"critical\"']\n      receiver: pager\n"
receiver_unreachable = _routes(
    _without(r"    - matchers: \['severity=\"info\"'\]\n(?:      [^\n]*\n)+")
)
critical_by_mail = _routes(_replace(_CRITICAL, _CRITICAL.replace("pager", "mail")))
everything_by_mail = _routes(_replace("  routes:\n", "  routes:\n    - receiver: mail\n"))
critical_inhibited = _routes(
    _substitute(r"source_matchers: \[[^\n]*\]", "source_matchers: ['severity=\"warning\"']"),
    _substitute(r"target_matchers: \[[^\n]*\]", "target_matchers: ['severity=\"critical\"']"),
)
webhook_elsewhere = _routes(_replace("/hook/pager", "/hooks/pager"))
mail_elsewhere = _routes(
    _substitute(r'smtp_smarthost: "[^"]*"', f'smtp_smarthost: "127.0.0.1:{CLOSED_PORT}"')
)
resolved_unsent = _routes(_replace("send_resolved: true", "send_resolved: false"))
critical_muted = _routes(
    _replace(_CRITICAL, f"{_CRITICAL}      mute_time_intervals: [always]\n"),
    lambda text: (
        f"{text}time_intervals:\n  - name: always\n    time_intervals:\n"
        '      - times: [{start_time: "00:00", end_time: "24:00"}]\n'
    ),
)

# Scrapes.
target_unreachable = _scrapes(
    _substitute(
        r'(job_name: node\n[^"]*"127\.0\.0\.1):\d+',
        rf"\1:{CLOSED_PORT}",
    ),
    is_complete=False,
)
target_dropped = _scrapes(
    _replace(
        "  - job_name: balancer\n",
        "  - job_name: balancer\n"
        "    relabel_configs: [{source_labels: [__address__], action: drop}]\n",
    ),
    is_complete=False,
)
interval_doubled = _scrapes(
    _replace(
        "  - job_name: store\n",
        "  - job_name: store\n"
        "    relabel_configs: [{target_label: __scrape_interval__, replacement: 2s}]\n",
    )
)


# Dashboards.
def _lose_dashboard(_: World, folder: Path) -> None:
    (folder / "dashboards" / "business-metrics.json").unlink()


def _rename_series(_: World, folder: Path) -> None:
    _edit(
        folder / "dashboards" / "infrastructure.json",
        _replace("kirana_replication_lag_seconds", "mongodb_replication_lag_seconds"),
    )


def _break_query(_: World, folder: Path) -> None:
    path = folder / "dashboards" / "system-health.json"
    board = json.loads(path.read_text())
    board["panels"][0]["targets"][0]["expr"] += ")"
    path.write_text(json.dumps(board))


def _lose_prometheus(world: World, _: Path) -> None:
    configuration.write_data_source(world, f"http://127.0.0.1:{CLOSED_PORT}")


def _lose_database(world: World, _: Path) -> None:
    configuration.write_grafana_settings(
        world, version=configuration.GRAFANA_VERSION, database="failing"
    )


def _serve_another_version(world: World, _: Path) -> None:
    configuration.write_grafana_settings(world, version="0.2.0-stand-in", database="ok")


dashboard_missing = _dashboards(_lose_dashboard)
panel_without_data = _dashboards(_rename_series)
panel_with_broken_query = _dashboards(_break_query)
data_source_unreachable = _dashboards(_lose_prometheus)
grafana_without_database = _dashboards(_lose_database)
grafana_of_another_version = _dashboards(_serve_another_version)


def slow_clock(world: World, *, on: bool) -> None:
    """The clock of green's metrics is slow; the change ends when it is far behind."""
    request = {"do": "on" if on else "off", "fault": "metrics.slow_clock"}
    ask(world.switch("green"), request)
    time.sleep((SLOW_SCRAPES if on else 2) * configuration.SCRAPE_SECONDS)


# Services.
node_exporter_down = _service("node-exporter")
alertmanager_down = _service("alertmanager")
