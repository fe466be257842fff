"""Probe: one GET at the public edge, over plain HTTP or TLS, without following redirects."""

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
    """The answer of the edge.

    Args:
        status: HTTP status; 0 without an answer.
        headers: header by lower-case name.
        body: parsed JSON, or None.
        tls_version: such as ``TLSv1.3``; empty over plain HTTP.
        problem: why no answer came; empty with an answer.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    tls_version: str
    problem: str


def resolved(host: str) -> str:
    """The host to connect to: names under localhost are loopback (RFC 6761, section 6.3)."""
    return "127.0.0.1" if host.endswith(".localhost") else host


def fetch_edge(url: str, *, ca_file: Path | None, source: str, seconds: float) -> EdgeAnswer:
    """GET a URL at the edge.

    Args:
        url: http or https; its host is sent as Host and, over TLS, compared with the
            certificate.
        ca_file: the authority to trust; None for the authorities of the system.
        source: the address to send from, or empty.
        seconds: how long the connection, or the answer, may take.

    Returns:
        The answer; after a failure of any kind, an answer with a problem.
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
