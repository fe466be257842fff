"""Send one GET request to the public edge, over HTTP or TLS; redirects are not followed."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """The response of the public edge to one request.

    Args:
        status: the HTTP status; 0 without a response.
        headers: the headers, keyed by name in lower case.
        body: the parsed JSON body; None if the body is not JSON, or without a response.
        tls_version: the TLS version, such as ``TLSv1.3``; empty over plain HTTP.
        problem: why no response came; empty with a response.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    tls_version: str
    problem: str


def resolved(host: str) -> str:
    """Return the host to connect to: 127.0.0.1 for names under localhost (RFC 6761, 6.3)."""
    return "127.0.0.1" if host.endswith(".localhost") else host


def fetch_edge(url: str, *, ca_file: Path | None, source: str, seconds: float) -> EdgeAnswer:
    """Send a GET request to a URL of the edge.

    Args:
        url: an http or https URL. Its host becomes the header Host; over TLS, the certificate must
            have this host.
        ca_file: the certificate authority to trust; None for the authorities of the system.
        source: the local address to send from; empty for any address.
        seconds: the longest time for the connection, and for the response.

    Returns:
        The response; after a failure of any kind, an ``EdgeAnswer`` with the problem.
    """
    parts = urlsplit(url)
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        plain = socket.create_connection(
            (resolved(host), port), seconds, (source, 0) if source else None
        )
        connection.sock = plain
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET", path, headers={"X-Kirana-Synthetic": "edge"})
        response = connection.getresponse()
        return _answer(response, connection.sock)
    except (OSError, http.client.HTTPException) as error:
        return EdgeAnswer(0, {}, None, "", f"{type(error).__name__}: {error}"[:300])
    finally:
        connection.close()


def _answer(response: http.client.HTTPResponse, connection: socket.socket | None) -> EdgeAnswer:
    raw = response.read(MAX_BYTES)
    version = connection.version() if isinstance(connection, ssl.SSLSocket) else None
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    return EdgeAnswer(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body=body,
        tls_version=version or "",
        problem="",
    )
