"""Writes what Prometheus, Alertmanager, the node exporter and the dashboards of a world read."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

from testbed.world import World

HERE = Path(__file__).parent
RULES = HERE / "rules"
DASHBOARDS = HERE / "dashboards"
# The jobs that Prometheus scrapes: store (both colours), balancer, and the four of monitoring.
SCRAPED = 6
SCRAPE_SECONDS = 1.0
DATA_SOURCE = "prometheus"
# Grafana cannot be installed here; the version says that another program answers.
GRAFANA_VERSION = "0.1.0-stand-in"
LICENCE = timedelta(days=365)
# What production waits before it notifies (guide section 7: info alerts are a daily mail), and what
# the testbed waits, so that a test sees a notification within seconds.
PRODUCTION_TIMES = {"group_wait": "30s", "group_interval": "5m", "daily_interval": "24h"}
TESTBED_TIMES = {"group_wait": "1s", "group_interval": "5s", "daily_interval": "5s"}


def write_all(world: World, certificate_expiry: datetime) -> None:
    """Write the files that are there before the parts of monitoring start."""
    write_rules(world)
    write_dashboards(world)
    write_textfiles(world, certificate_expiry)


def write_prometheus(world: World) -> Path:
    """Write prometheus.yml and return its path."""
    text = Template((HERE / "prometheus.yml").read_text()).substitute(world.ports)
    return _written(world.folder / "prometheus.yml", text)


def write_rules(world: World) -> None:
    """Copy the rule files of the repository; other rule files are deleted."""
    folder = world.folder / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RULES, folder)


def alertmanager(webhooks: str, mail_host: str, times: Mapping[str, str], *, tls: bool) -> str:
    """The text of alertmanager.yml.

    Args:
        webhooks: the URL of the webhook gateway; the receiver's name is added to its path.
        mail_host: host and port of the mail server.
        times: ``group_wait``, ``group_interval`` and ``daily_interval``.
        tls: whether the mail server must offer TLS.
    """
    places = {"webhooks": webhooks, "mail_host": mail_host, "mail_tls": str(tls).lower()}
    return Template((HERE / "alertmanager.yml").read_text()).substitute(**places, **times)


def write_alertmanager(world: World) -> Path:
    """Write alertmanager.yml, which notifies the world's own receivers; return its path."""
    text = alertmanager(
        f"http://127.0.0.1:{world.ports['notifications']}/hook",
        f"127.0.0.1:{world.ports['mail']}",
        TESTBED_TIMES,
        tls=False,
    )
    return _written(world.folder / "alertmanager.yml", text)


def grafana_folder(world: World) -> Path:
    """The folder that the stand-in for Grafana reads at each request."""
    return world.folder / "grafana"


def write_dashboards(world: World) -> None:
    """Copy the dashboards, and write the settings and the data source."""
    folder = grafana_folder(world)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DASHBOARDS, folder / "dashboards")
    write_grafana_settings(world, version=GRAFANA_VERSION, database="ok")
    write_data_source(world, f"http://127.0.0.1:{world.ports['prometheus']}")


def write_grafana_settings(world: World, *, version: str, database: str) -> None:
    """Write what the health answer of the stand-in says."""
    settings = {"version": version, "database": database}
    _written(grafana_folder(world) / "settings.json", json.dumps(settings))


def write_data_source(world: World, url: str) -> None:
    """Write the one data source: Prometheus at a URL."""
    source = {"uid": DATA_SOURCE, "name": "Prometheus", "type": "prometheus", "url": url}
    _written(grafana_folder(world) / "datasources.json", json.dumps([source]))


def textfile_folder(world: World) -> Path:
    """The folder of the node exporter's text-file collector."""
    return world.folder / "textfile"


def write_textfiles(world: World, certificate_expiry: datetime) -> None:
    """Write the series that scripts of a host leave for the node exporter.

    No backup was taken yet, which the time 0 says. The database is a single node without a
    secondary, so that no replication can lag.
    """
    textfile_folder(world).mkdir(exist_ok=True)
    licence = datetime.now(UTC) + LICENCE
    series = (
        ("kirana_backup_last_success_timestamp_seconds", "", 0.0, "End of the newest backup"),
        (
            "kirana_licence_expiry_timestamp_seconds",
            '{licence="payment-gateway"}',
            licence.timestamp(),
            "Expiry of a licence",
        ),
        (
            "kirana_certificate_expiry_timestamp_seconds",
            '{host="localhost"}',
            certificate_expiry.timestamp(),
            "Expiry of the certificate of the edge",
        ),
        (
            "apt_upgrades_pending",
            '{arch="amd64",origin="Debian-Security:12/stable-security"}',
            0.0,
            "Packages that wait for an upgrade",
        ),
        ("kirana_replication_lag_seconds", "", 0.0, "Lag of the slowest secondary; 0 without one"),
        ("kirana_replication_secondaries", "", 0.0, "Secondaries of the database"),
    )
    for name, labels, value, about in series:
        text = f"# HELP {name} {about}\n# TYPE {name} gauge\n{name}{labels} {value:.0f}\n"
        _written(textfile_folder(world) / f"{name}.prom", text)


def scrapes_everything(answer: bytes) -> bool:
    """Whether the answer to the query ``up`` shows every target scraped."""
    series = json.loads(answer)["data"]["result"]
    return len(series) == SCRAPED and all(sample["value"][1] == "1" for sample in series)


def rules_evaluated(answer: bytes) -> bool:
    """Whether the answer of ``/api/v1/rules`` shows that every rule was evaluated."""
    groups = json.loads(answer)["data"]["groups"]
    return bool(groups) and all(
        rule["health"] != "unknown" for group in groups for rule in group["rules"]
    )


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
