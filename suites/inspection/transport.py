"""Probes of the transport: TLS versions and certificates, redirects, and open ports."""

import socket
import ssl
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from suites.inspection.edge import fetch_edge, resolved
from suites.probes.api import Observation

OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
WEAK = ("NULL", "EXPORT", "RC4", "3DES", "MD5", "ADH", "AECDH", "DES")


def tls(url: str, *, ca_file: Path | None, days: int, seconds: float) -> Iterator[Observation]:
    """Old versions and weak ciphers are refused; the certificate is valid for so many days.

    Args:
        url: the https address.
        ca_file: the authority to trust; None for the system's.
        days: how long the certificate must last.
        seconds: how long one connection may take.
    """
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or 443
    for version in OLD:
        problem = _handshake(host, port, _old_context(version), seconds)
        said = f"{url}: {version.name} is {'refused' if problem else 'accepted'}"
        yield Observation("tls", f"{url} {version.name}", not problem, said)
    for name in WEAK:
        context = _weak_context(name)
        problem = _handshake(host, port, context, seconds) if context else "not offered here"
        said = f"{url}: ciphers of {name} are {'refused' if problem else 'accepted'}"
        yield Observation("tls", f"{url} {name}", not problem, said)
    yield _certificate(url, host, port, ca_file, days, seconds)


def _certificate(  # noqa: PLR0913, PLR0917 - one connection's facts
    url: str, host: str, port: int, ca_file: Path | None, days: int, seconds: float
) -> Observation:
    context = ssl.create_default_context(cafile=ca_file)
    try:
        with (
            socket.create_connection((resolved(host), port), seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            shown = connection.getpeercert() or {}
    except OSError as error:
        return Observation("tls", f"{url} certificate", True, f"{url}: {error}"[:300])  # noqa: FBT003
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    left = until - datetime.now(UTC)
    said = f"{url}: chain and name are valid; it expires in {left.days} days"
    return Observation("tls", f"{url} certificate", left < timedelta(days=days), said)


def _old_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


def _weak_context(name: str) -> ssl.SSLContext | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(f"{name}:@SECLEVEL=0")
    except ssl.SSLError:
        return None
    return context


def _handshake(host: str, port: int, context: ssl.SSLContext, seconds: float) -> str:
    """Why no connection came about; empty when one did."""
    try:
        with (
            socket.create_connection((resolved(host), port), seconds) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return ""
    except OSError as error:
        return f"{type(error).__name__}: {error}"[:200]


def redirected(http_url: str, https_url: str, seconds: float) -> Observation:
    """Plain HTTP leads to the same address over TLS, and nowhere else."""
    answer = fetch_edge(f"{http_url}/api/health?a=1", ca_file=None, source="", seconds=seconds)
    wanted = f"{https_url}/api/health?a=1"
    location = answer.headers.get("location", "nowhere")
    found = answer.status not in (301, 308) or location != wanted
    said = f"{http_url} answers {answer.status or answer.problem}, leading to {location}"
    return Observation("tls", f"{http_url} redirect", found, said)


def ports(host: str, tried: Iterable[int], stated: frozenset[int]) -> Iterator[Observation]:
    """Of the ports tried, only the stated ones take a connection.

    Args:
        host: the public address.
        tried: which ports.
        stated: which may be open.
    """
    listed = sorted(set(tried))
    with ThreadPoolExecutor(16) as pool:
        open_ = dict(zip(listed, pool.map(lambda port: _is_open(host, port), listed), strict=True))
    for port, answers in open_.items():
        said = f"{host}:{port} {'answers' if answers else 'does not answer'}"
        yield Observation("open-port", f"{host}:{port}", answers and port not in stated, said)


def _is_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 0.5):
            return True
    except OSError:
        return False
