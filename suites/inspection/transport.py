"""Probe the transport: TLS versions, ciphers and certificate, redirects, and open ports."""

import socket
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from suites.inspection.edge import fetch_edge, resolved
from suites.probes.api import Observation

OLD_VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
WEAK_CIPHERS = ("NULL", "EXPORT", "RC4", "3DES", "MD5", "ADH", "AECDH", "DES")
HTTPS_PORT = 443
PERMANENT_REDIRECTS = (301, 308)
PORT_SECONDS = 0.5
PORTS_AT_A_TIME = 16
MAX_SENTENCE = 300


@dataclass(frozen=True, slots=True)
class _Server:
    """A server that uses TLS.

    Args:
        url: the address of the server, for messages.
        host: the name of the server, which must be in the certificate.
        port: the port of the server.
        seconds: how long one connection may take.
    """

    url: str
    host: str
    port: int
    seconds: float


def tls(url: str, *, ca_file: Path | None, days: int, seconds: float) -> Iterator[Observation]:
    """Check that a server refuses old TLS versions and weak ciphers, and has a valid certificate.

    Args:
        url: the https address of the server.
        ca_file: the certificate authority to trust; None for the authorities of the system.
        days: the number of days for which the certificate must still be valid.
        seconds: the longest time for one connection.
    """
    parts = urlsplit(url)
    server = _Server(url, str(parts.hostname), parts.port or HTTPS_PORT, seconds)
    for version in OLD_VERSIONS:
        problem = _handshake_problem(server, _old_context(version))
        sentence = f"{url} {'refuses' if problem else 'accepts'} {version.name}"
        yield Observation("tls", f"{url} {version.name}", not problem, sentence)
    for name in WEAK_CIPHERS:
        context = _weak_context(name)
        problem = _handshake_problem(server, context) if context else "not offered here"
        verb = "accepts" if not problem else "refuses" if context else "was not tested with"
        sentence = f"{url} {verb} TLS ciphers of {name}"
        yield Observation("tls", f"{url} {name}", not problem, sentence)
    yield _certificate(server, ca_file, days)


def _certificate(server: _Server, ca_file: Path | None, days: int) -> Observation:
    context = ssl.create_default_context(cafile=ca_file)
    place = f"{server.url} certificate"
    try:
        with (
            socket.create_connection((resolved(server.host), server.port), server.seconds) as plain,
            context.wrap_socket(plain, server_hostname=server.host) as connection,
        ):
            certificate = connection.getpeercert() or {}
    except OSError as error:
        sentence = f"{server.url}: no trusted TLS connection: {error}"[:MAX_SENTENCE]
        return Observation("tls", place, is_finding=True, sentence=sentence)
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    rest = end - datetime.now(UTC)
    sentence = (
        f"{server.url}: chain and name of the certificate are valid; the certificate expires "
        f"in {rest.days} days, and must be valid for {days} more days"
    )
    return Observation("tls", place, rest < timedelta(days=days), sentence)


def _old_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


def _weak_context(name: str) -> ssl.SSLContext | None:
    """Return a TLS context that offers only the named weak ciphers; None without such a cipher."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(f"{name}:@SECLEVEL=0")
    except ssl.SSLError:
        return None
    return context


def _handshake_problem(server: _Server, context: ssl.SSLContext) -> str:
    """Return why the TLS handshake failed; empty when the handshake succeeded."""
    try:
        with (
            socket.create_connection((resolved(server.host), server.port), server.seconds) as plain,
            context.wrap_socket(plain, server_hostname=server.host),
        ):
            return ""
    except OSError as error:
        return f"{type(error).__name__}: {error}"[:MAX_SENTENCE]


def redirected(http_url: str, https_url: str, seconds: float) -> Observation:
    """Check that plain HTTP redirects permanently to the same address over TLS.

    Args:
        http_url: the address over plain HTTP.
        https_url: the address over TLS.
        seconds: the longest time for the response.
    """
    answer = fetch_edge(f"{http_url}/api/health?a=1", ca_file=None, source="", seconds=seconds)
    expected = f"{https_url}/api/health?a=1"
    location = answer.headers.get("location", "nowhere")
    is_wrong = answer.status not in PERMANENT_REDIRECTS or location != expected
    sentence = (
        f"{http_url} answers {answer.status or answer.problem} and redirects to {location}; "
        f"expected status {' or '.join(map(str, PERMANENT_REDIRECTS))} and {expected}"
    )
    return Observation("tls", f"{http_url} redirect", is_wrong, sentence)


def open_ports(host: str, candidates: Iterable[int]) -> dict[int, bool]:
    """Connect to ports of a host; return whether each port accepts a connection, keyed by port.

    Args:
        host: the public address of the host.
        candidates: the ports to connect to.
    """
    numbers = sorted(set(candidates))
    with ThreadPoolExecutor(PORTS_AT_A_TIME) as pool:
        are_open = pool.map(lambda port: _is_open(host, port), numbers)
    return dict(zip(numbers, are_open, strict=True))


def ports(host: str, states: Mapping[int, bool], allowed: frozenset[int]) -> Iterator[Observation]:
    """Observe whether only the allowed ports of a host accept a connection.

    Args:
        host: the public address of the host.
        states: whether each port accepts a connection, as ``open_ports`` returns it.
        allowed: the ports that may be open.
    """
    for port, is_open in states.items():
        verb = "accepts" if is_open else "does not accept"
        sentence = f"port {port} of {host} {verb} a connection"
        place = f"{host}:{port}"
        yield Observation("open-port", place, is_open and port not in allowed, sentence)


def _is_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), PORT_SECONDS):
            return True
    except OSError:
        return False
