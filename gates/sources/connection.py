"""Opens a connection to an address: TLS with the CA and certificate of an access, or a proxy."""

import base64
import contextlib
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from gates.errors import ConfigurationError
from gates.model import Access

PORTS = {"http": 80, "https": 443}
# Some libraries ask at the terminal for the password of an encrypted key; a gate must not wait.
NO_PASSWORD = ""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of the environment.

    Args:
        host: the host of the proxy.
        port: the port of the proxy.
        headers: the headers that log in to the proxy; may be empty.
    """

    host: str
    port: int
    headers: dict[str, str]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; RFC 6761 reserves ``localhost`` and the names below it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(parts: SplitResult, access: Access) -> Proxy | None:
    """The proxy for an address; None where the connection is direct.

    Args:
        parts: the address.
        access: says whether the proxies of the environment are used.

    Raises:
        ConfigurationError: the environment names a proxy that cannot be used.
    """
    host = str(parts.hostname)
    if not access.uses_system_proxy or is_loopback(host):
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to import, and rarely needed

    url = getproxies().get(parts.scheme, "")
    if not url or proxy_bypass(host):
        return None
    named = urlsplit(url if "//" in url else f"http://{url}")
    if named.scheme != "http" or not named.hostname:
        raise ConfigurationError(
            f"the environment names a proxy for {parts.scheme} that is not an http:// address; "
            f"{access.key('proxy')} uses it"
        )
    login = f"{unquote(named.username or '')}:{unquote(named.password or '')}"
    value = f"Basic {base64.b64encode(login.encode()).decode()}"
    headers = {"Proxy-Authorization": value} if named.username else {}
    return Proxy(named.hostname, named.port or PORTS["http"], headers)


def connection_to(parts: SplitResult, access: Access, proxy: Proxy | None) -> HTTPConnection:
    """A connection that is not open yet.

    Args:
        parts: the address.
        access: certificates and time limit.
        proxy: the proxy; None for a direct connection.

    Raises:
        ConfigurationError: a file of certificates cannot be used.
    """
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    seconds = access.deadline_seconds
    if parts.scheme == "http":
        if proxy:
            return HTTPConnection(proxy.host, proxy.port, timeout=seconds)
        return HTTPConnection(host, port, timeout=seconds)
    context = tls_context(access)
    if not proxy:
        return HTTPSConnection(host, port, timeout=seconds, context=context)
    connection = HTTPSConnection(proxy.host, proxy.port, timeout=seconds, context=context)
    connection.set_tunnel(host, port, headers=proxy.headers)
    return connection


def tls_context(access: Access) -> ssl.SSLContext:
    """The TLS settings of an access; files that were replaced meanwhile are read again.

    Raises:
        ConfigurationError: a file cannot be read, or is no certificate or key.
    """
    files = (access.ca_file, access.certificate_file, access.key_file)
    stamps = tuple(_stamp(path) for path in files)
    return _context(access.table, files, stamps)


def _stamp(path: Path | None) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime if path else 0.0
    return 0.0


@lru_cache(maxsize=16)
def _context(
    table: str, files: tuple[Path | None, Path | None, Path | None], _stamps: tuple[float, ...]
) -> ssl.SSLContext:
    access = Access(0.0, table)
    authorities, certificate, key = files
    try:
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except (OSError, ValueError) as error:
        raise _file_error(access.key("ca_file"), authorities, error) from error
    if certificate:
        try:
            context.load_cert_chain(certificate, key, NO_PASSWORD)
        except (OSError, ValueError) as error:
            name = access.key("certificate_file")
            if key and os.access(certificate, os.R_OK):
                name += " and key_file"
            raise _file_error(name, certificate, error) from error
    return context


def _file_error(key: str, path: Path | None, error: Exception) -> ConfigurationError:
    if isinstance(error, ssl.SSLError):
        problem = "is not PEM, or certificate and key do not belong together; the key must not be "
        return ConfigurationError(f"{key}: {path} {problem}encrypted")
    if isinstance(error, OSError):
        return ConfigurationError(f"{key}: {path} cannot be read: {error.strerror}")
    return ConfigurationError(f"{key}: {path} is not a PEM file without a password")


def hang_up(connection: HTTPConnection) -> None:
    """End the exchange of another thread."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
