"""The parts of a world: for each process, its command and the test that it is ready."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from testbed import balancer
from testbed.loopback import get
from testbed.monitoring import configuration
from testbed.world import World

# What the node exporter measures: what the rules and the dashboards read, and no more.
COLLECTORS = ("cpu", "filesystem", "loadavg", "meminfo", "netdev", "textfile", "time")


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a world.

    Args:
        name: as ``status`` shows it.
        command: builds the command line, writing its configuration on the way.
        is_ready: whether it does its work.
        port: the name of the port to show.
    """

    name: str
    command: Callable[[World], list[str]]
    is_ready: Callable[[World], bool]
    port: str


def _database(world: World) -> list[str]:
    program = Path(sys.executable).with_name("secantusd-py")
    data = world.folder / "data" / "database"
    return [
        str(program),
        "--port",
        str(world.ports["database"]),
        "--storage-path",
        str(data),
        "--cache-size",
        "256M",
        "--log-level",
        "WARNING",
        # A fault lets a command fail, which is a test command of the database.
        "--enable-test-commands",
    ]


def _colour(name: str) -> Callable[[World], list[str]]:
    def command(world: World) -> list[str]:
        return [
            sys.executable,
            "-m",
            "testbed.serve",
            "--control",
            str(world.switch(name)),
            "--port",
            str(world.ports[f"{name}_api"]),
            "--port",
            str(world.ports[f"{name}_web"]),
        ]

    return command


def _balancer(world: World) -> list[str]:
    return [balancer.program(), "-db", "-f", str(balancer.write_configuration(world))]


def _control(world: World) -> list[str]:
    return [
        sys.executable,
        "-m",
        "testbed.control",
        "--port",
        str(world.ports["control"]),
        "--socket",
        str(world.balancer_socket),
    ]


def _prometheus(world: World) -> list[str]:
    return [
        "prometheus",
        f"--config.file={configuration.write_prometheus(world)}",
        f"--storage.tsdb.path={world.folder / 'data' / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{world.ports['prometheus']}",
        "--storage.tsdb.retention.time=2d",  # a rule compares with a day ago
        "--web.enable-lifecycle",
        "--log.level=warn",
    ]


def _database_answers(world: World) -> bool:
    uri = world.environment["KIRANA_DATABASE_URI"]
    try:
        with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=300) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _answers(port: str, path: str) -> Callable[[World], bool]:
    def is_ready(world: World) -> bool:
        status, _ = get(world.ports[port], path)
        return status == 200  # noqa: PLR2004 - the status OK

    return is_ready


def _scrapes(world: World) -> bool:
    status, body = get(world.ports["prometheus"], "/api/v1/query?query=up")
    return status == 200 and configuration.scrapes_everything(body)  # noqa: PLR2004 - the status OK


def _alertmanager(world: World) -> list[str]:
    return [
        "prometheus-alertmanager",
        f"--config.file={configuration.write_alertmanager(world)}",
        f"--storage.path={world.folder / 'data' / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{world.ports['alertmanager']}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def _node_exporter(world: World) -> list[str]:
    return [
        "prometheus-node-exporter",
        f"--web.listen-address=127.0.0.1:{world.ports['node_exporter']}",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in COLLECTORS),
        f"--collector.textfile.directory={configuration.textfile_folder(world)}",
        "--log.level=warn",
    ]


def _notifications(world: World) -> list[str]:
    return [
        sys.executable,
        "-m",
        "testbed.monitoring.notifications",
        "--port",
        str(world.ports["notifications"]),
        "--mail",
        str(world.ports["mail"]),
    ]


def _grafana(world: World) -> list[str]:
    return [
        sys.executable,
        "-m",
        "testbed.monitoring.grafana",
        "--port",
        str(world.ports["grafana"]),
        "--folder",
        str(configuration.grafana_folder(world)),
    ]


PARTS = (
    Part("database", _database, _database_answers, "database"),
    Part("blue", _colour("blue"), _answers("blue_api", "/api/health"), "blue_api"),
    Part("green", _colour("green"), _answers("green_api", "/api/health"), "green_api"),
    Part("balancer", _balancer, _answers("balancer_metrics", "/metrics"), "edge_tls"),
    Part("control", _control, _answers("control", "/config"), "control"),
    Part("prometheus", _prometheus, _scrapes, "prometheus"),
    Part("alertmanager", _alertmanager, _answers("alertmanager", "/-/ready"), "alertmanager"),
    Part("node-exporter", _node_exporter, _answers("node_exporter", "/"), "node_exporter"),
    Part("notifications", _notifications, _answers("notifications", "/health"), "notifications"),
    Part("grafana", _grafana, _answers("grafana", "/api/health"), "grafana"),
)


def missing_programs() -> list[str]:
    """The programs that are missing, each with the package that installs it."""
    missing = [
        f"{program} (Debian package {program})"
        for program in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
        if shutil.which(program) is None
    ]
    if not Path(sys.executable).with_name("secantusd-py").exists():
        missing.append("secantusd-py (Python package SecantusDB)")
    return missing
