"""Requests whose bodies take their time: they are under way while the traffic moves."""

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
    """Requests at the public edge that have sent the first half of their bodies.

    Args:
        connections: a connection for each request.
        second_half: the rest of each body.
    """

    def __init__(self, connections: list[http.client.HTTPConnection], second_half: bytes) -> None:
        self._connections = connections
        self._second_half = second_half

    def end(self) -> list[str]:
        """Send the rest of each body, one request after the other.

        Returns:
            The status of each answer, or why there was no answer.
        """
        return [self._answer(connection) for connection in self._connections]

    def _answer(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.send(self._second_half)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({type(error).__name__})"
        return str(response.status)


@contextmanager
def slow_requests(
    client: StoreClient, operation_id: str, body: Mapping[str, object], *, count: int
) -> Generator[SlowRequests]:
    """Begin requests at the edge of the client's target; the connections are closed at the end.

    Args:
        client: the client of the user who sends the requests.
        operation_id: the operation, which has a body.
        body: the body of each request.
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
    """A connection to the edge, over TLS."""
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
    """The host to connect to; on this machine the edge listens on the IPv4 address."""
    return "127.0.0.1" if host == "localhost" else resolved(host)
