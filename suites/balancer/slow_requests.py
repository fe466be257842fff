"""Requests with slowly sent bodies, which are in progress while the balancer moves traffic."""

import http.client
import json
import socket
import ssl
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from suites.client import StoreClient, loopback_source
from suites.inspection.edge import resolved


class SlowRequests:
    """Unfinished requests to the public edge: only the first half of each body was sent.

    Args:
        connections: the connection of each request.
        second_half: the second half of the body, which is the same for each request.
    """

    def __init__(self, connections: list[http.client.HTTPConnection], second_half: bytes) -> None:
        self._connections = connections
        self._second_half = second_half

    def end(self) -> list[str]:
        """Send the second half of each body, one request after the other.

        Returns:
            For each request, the status of the response as text, or the reason for a missing
            response.
        """
        return [self._answer(connection) for connection in self._connections]

    def _answer(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.send(self._second_half)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return f"no response ({type(error).__name__})"
        return str(response.status)


@contextmanager
def slow_requests(
    client: StoreClient, operation_id: str, body: Mapping[str, object], *, count: int
) -> Generator[SlowRequests]:
    """Send the first halves of requests to the public edge; close the connections at the end.

    Args:
        client: the client of a user. The requests have the user's token, and go to the edge of the
            client's target.
        operation_id: the id of an operation with a request body and without path parameters.
        body: the JSON body of each request.
        count: the number of requests.

    Raises:
        OSError: the edge accepts no connection.
    """
    raw = json.dumps(body).encode()
    half = len(raw) // 2
    with ExitStack() as stack:
        connections = [_connection(client) for _ in range(count)]
        for connection in connections:
            stack.callback(connection.close)
            operation = client.contract.operation(operation_id)
            connection.putrequest(operation.method, operation.url_path({}))
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(raw)))
            connection.putheader("Authorization", f"Bearer {client.token}")
            connection.putheader("X-Kirana-Synthetic", client.run_id)
            connection.endheaders(raw[:half])
        yield SlowRequests(connections, raw[half:])


def _connection(client: StoreClient) -> http.client.HTTPConnection:
    """Open a TLS connection to the public edge."""
    target = client.target
    parts = urlsplit(target.shop)
    host, patience = str(parts.hostname), target.patience_seconds
    source = (loopback_source(), 0) if target.loopback_sources else None
    plain = socket.create_connection((edge_host(host), parts.port or 443), patience, source)
    connection = http.client.HTTPConnection(host, parts.port, timeout=patience)
    context = ssl.create_default_context(cafile=target.addresses.edge_ca_file)
    connection.sock = context.wrap_socket(plain, server_hostname=host)
    return connection


def edge_host(host: str) -> str:
    """Return the host to connect to; for ``localhost``, the edge listens at 127.0.0.1."""
    return "127.0.0.1" if host == "localhost" else resolved(host)
