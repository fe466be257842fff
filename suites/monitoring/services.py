"""Whether the services of a target run, and in which version: asked twice, in different ways."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from gates.model import Access, Service
from gates.sources import json_values
from gates.sources.http import get
from suites.monitoring.prometheus_api import PrometheusApi

OK = 200
MAX_BYTES = 1_000_000
MONGODB_PORT = 27017
# Where the answers of the store, of Prometheus, of Alertmanager and of Grafana name a version.
VERSION_PATHS = (("version",), ("data", "version"), ("versionInfo", "version"))


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a service answered.

    Args:
        problem: why the service is not up; empty where the service is up.
        version: the version that it names; empty where it names none.
    """

    problem: str
    version: str = ""


def up_flaws(service: Service, prometheus: PrometheusApi) -> list[str]:
    """The ``up`` series of a service that are missing or 0.

    Args:
        service: the service; one that Prometheus does not scrape has no flaw.
        prometheus: the Prometheus that scrapes it.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    if not service.up:
        return []
    rows = prometheus.query(service.up)
    if not rows:
        return [f"{service.name}: Prometheus has no series {service.up}"]
    return [
        f"{service.name}: {service.up} is {row.value:g} at {row.labels.get('instance', '?')}"
        for row in rows
        if row.value != 1
    ]


def ask_service(service: Service, database_uri: str, access: Access) -> ServiceAnswer:
    """Ask a service itself.

    Args:
        service: the service.
        database_uri: the database's address with its credentials; the database is pinged, and any
            other ``tcp`` service is only connected to.
        access: log-in and certificates of an HTTP service, and the longest time.
    """
    parts, seconds = urlsplit(service.address), access.deadline_seconds
    if parts.scheme != "tcp":
        return _of_http(service.address, access)
    host, port = str(parts.hostname), parts.port or MONGODB_PORT
    if database_uri and (host, port) in parse_uri(database_uri)["nodelist"]:
        return _of_database(database_uri, seconds)
    return _of_tcp(host, port, seconds)


def version_flaws(service: Service, answer: ServiceAnswer, prometheus: PrometheusApi) -> list[str]:
    """The versions of a service that differ from the stated version.

    Args:
        service: the service, with the version that it must have.
        answer: the answer of the service itself.
        prometheus: for its build information.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    if not service.version:
        return []
    named = dict(_named_versions(service, answer, prometheus))
    if not named:
        return [f"{service.name}: neither {service.address} nor Prometheus names a version"]
    return [
        f"{service.name}: {place} says {version or 'nothing'}, expected {service.version}"
        for place, version in named.items()
        if not is_version(version, service.version)
    ]


def is_version(version: str, expected: str) -> bool:
    """Whether a version is the expected version, or begins with its parts.

    Args:
        version: such as ``2.42.0+ds``.
        expected: such as ``2.42``.
    """
    return re.match(rf"v?{re.escape(expected)}(?![\w])", version) is not None


def _named_versions(
    service: Service, answer: ServiceAnswer, prometheus: PrometheusApi
) -> Iterator[tuple[str, str]]:
    if answer.version:
        yield service.address, answer.version
    if service.build_info:
        rows = prometheus.query(service.build_info)
        versions = {row.labels.get("version", "") for row in rows} or {""}
        for version in sorted(versions):
            yield f"{service.build_info} ({version or 'no series'})", version


def _of_http(address: str, access: Access) -> ServiceAnswer:
    answer = get(address, access, max_bytes=MAX_BYTES)
    if answer.problem:
        return ServiceAnswer(answer.problem)
    problem = "" if answer.status == OK else f"status {answer.status}"
    return ServiceAnswer(problem, _version(answer.body))


def _version(body: bytes) -> str:
    """The version that a JSON answer names; empty for any other answer."""
    try:
        content = json_values.loads(body)
    except (ValueError, RecursionError):
        return ""
    for path in VERSION_PATHS:
        value: object = content
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return ""


def _of_tcp(host: str, port: int, seconds: float) -> ServiceAnswer:
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as error:
        return ServiceAnswer(error.strerror or type(error).__name__)
    return ServiceAnswer("")


def _of_database(uri: str, seconds: float) -> ServiceAnswer:
    try:
        with MongoClient[dict[str, object]](
            uri, serverSelectionTimeoutMS=round(seconds * 1000)
        ) as client:
            client.admin.command("ping")
            return ServiceAnswer("", str(client.server_info().get("version", "")))
    except PyMongoError as error:
        # The text of some errors has the address with its credentials.
        return ServiceAnswer(f"the database does not answer a ping ({type(error).__name__})")
