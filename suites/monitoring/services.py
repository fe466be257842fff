"""Check that the services of a target run in the stated version.

The checks ask each service directly, and ask Prometheus about the service.
"""

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
    """The response of a service to a direct request.

    Args:
        problem: why the service is not up; empty when the service is up.
        version: the version that the service states; empty when it states no version.
    """

    problem: str
    version: str = ""


def up_flaws(service: Service, prometheus: PrometheusApi) -> list[str]:
    """Find instances of a service for which the metric ``up`` in Prometheus is not 1.

    Args:
        service: the service; a service that Prometheus does not scrape has no flaw.
        prometheus: the client of the Prometheus that scrapes the service.

    Returns:
        A sentence for each flaw; missing time series are one flaw.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    if not service.up:
        return []
    rows = prometheus.query(service.up)
    if not rows:
        return [f"{service.name}: Prometheus has no time series {service.up}"]
    return [
        f"{service.name}: {service.up} is {row.value:g} at {row.labels.get('instance', '?')}, "
        "expected 1"
        for row in rows
        if row.value != 1
    ]


def ask_service(service: Service, database_uri: str, access: Access) -> ServiceAnswer:
    """Send a request to a service, and return its response.

    The database gets a ping; any other ``tcp`` service only gets a connection.

    Args:
        service: the service, with its address.
        database_uri: the address of the database with its credentials; empty without a database.
        access: the log-in and the certificates for an HTTP service, and the longest time.
    """
    parts, seconds = urlsplit(service.address), access.deadline_seconds
    if parts.scheme != "tcp":
        return _of_http(service.address, access)
    host, port = str(parts.hostname), parts.port or MONGODB_PORT
    if database_uri and (host, port) in parse_uri(database_uri)["nodelist"]:
        return _of_database(database_uri, seconds)
    return _of_tcp(host, port, seconds)


def version_flaws(service: Service, answer: ServiceAnswer, prometheus: PrometheusApi) -> list[str]:
    """Find versions of a service that differ from the stated version.

    Args:
        service: the service, with the version that it must have.
        answer: the response of the service, with its version.
        prometheus: the client of the Prometheus with the build information of the service.

    Returns:
        A sentence for each flaw; an unknown version is a flaw.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    if not service.version:
        return []
    named = dict(_named_versions(service, answer, prometheus))
    if not named:
        return [f"{service.name}: neither {service.address} nor Prometheus states a version"]
    return [
        f"{service.name}: {place} states the version {version or 'none'}, expected "
        f"{service.version}"
        for place, version in named.items()
        if not is_version(version, service.version)
    ]


def is_version(version: str, expected: str) -> bool:
    """Return whether a version begins with all parts of the expected version.

    Args:
        version: the version of a service, such as ``2.42.0+ds``.
        expected: the stated version, such as ``2.42``.
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
    """Return the version in a JSON response; empty for any other response."""
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
