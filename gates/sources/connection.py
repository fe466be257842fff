"""Opens HTTP connections, directly or through a proxy, with the certificates of an access."""

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
# Without a password, a library may ask for one at the terminal, and the gate must not wait.
NO_PASSWORD = ""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that the environment variables of this process name.

    Args:
        host: the host of the proxy.
        port: the port of the proxy.
        headers: the headers of the log-in to the proxy; empty where no log-in is needed.
    """

    host: str
    port: int
    headers: dict[str, str]


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine; by RFC 6761 ``*.localhost`` is this machine, too."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(parts: SplitResult, access: Access) -> Proxy | None:
    """Return the proxy for an address; None where the gate connects to the address directly.

    Args:
        parts: the parts of the URL.
        access: the access, which says whether the system's proxies are used.

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
            f"correct the environment variable, or set {access.key('proxy')} to none"
        )
    login = f"{unquote(named.username or '')}:{unquote(named.password or '')}"
    value = f"Basic {base64.b64encode(login.encode()).decode()}"
    headers = {"Proxy-Authorization": value} if named.username else {}
    return Proxy(named.hostname, named.port or PORTS["http"], headers)


def connection_to(parts: SplitResult, access: Access, proxy: Proxy | None) -> HTTPConnection:
    """Return an HTTP connection that is not open yet.

    Args:
        parts: the parts of the URL.
        access: the certificates and the time limit.
        proxy: the proxy; None for a direct connection.

    Raises:
        ConfigurationError: a file of certificates or of a key cannot be used.
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
    """Return the TLS settings of an access; certificate files that were replaced are read again.

    Raises:
        ConfigurationError: a file cannot be read, or has no certificate or no key.
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
        problem = "is not a PEM file, or the certificate and the key do not belong together"
        return ConfigurationError(f"{key}: {path} {problem}; the key must not be encrypted")
    if isinstance(error, OSError):
        return ConfigurationError(f"{key}: {path} cannot be read: {error.strerror}")
    return ConfigurationError(f"{key}: {path} must be a PEM file without a password")


def hang_up(connection: HTTPConnection) -> None:
    """Close the connection on which another thread waits for a response."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
