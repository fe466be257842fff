"""WebSocket listeners: connect, send the token, and wait for events."""

import json
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from suites.client import StoreClient, UnexpectedAnswerError


class Listener:
    """An open connection on which the store is ready to send."""

    def __init__(self, connection: ClientConnection, client: StoreClient) -> None:
        self._connection = connection
        self._client = client

    def next_event(self, schema: str) -> dict[str, Any]:
        """The next message, in the documented shape.

        Raises:
            UnexpectedAnswerError: no message came within the target's patience, or a message of
                another shape.
        """
        event = _receive(self._connection, self._client.target.patience_seconds)
        problems = [
            error.message for error in self._client.contract.schemas[schema].iter_errors(event)
        ]
        if problems:
            problem = problems[0][:200]
            raise UnexpectedAnswerError(f"expected a message of the shape {schema}: {problem}")
        return event


@contextmanager
def listening(
    client: StoreClient,
    operation_id: str,
    *,
    path: Mapping[str, str] = MappingProxyType({}),
    resume_after: int | None = None,
) -> Generator[Listener]:
    """Open a WebSocket as the client's user and wait until the store is ready to send.

    Args:
        client: the client of the user who listens.
        operation_id: the operation of the contract.
        path: path parameters.
        resume_after: number of the last received event; the store sends the later events.

    Raises:
        UnexpectedAnswerError: the store refuses the connection, or does not say that it is ready.
    """
    address = urlsplit(client.target.addresses.api)
    url_path = client.contract.operation(operation_id).url_path(path)
    patience = client.target.patience_seconds
    source = (client.source, 0) if client.source else None
    try:
        raw = socket.create_connection((address.hostname, address.port), patience, source)
        connection = connect(
            f"ws://{address.netloc}{url_path}",
            sock=raw,
            open_timeout=patience,
            close_timeout=1,
            additional_headers={"X-Kirana-Synthetic": "websocket"},
        )
    except (OSError, WebSocketException) as error:
        raise UnexpectedAnswerError(f"{operation_id}: no WebSocket: {error}") from None
    with connection:
        connection.send(json.dumps({"token": client.token, "resume_after": resume_after}))
        ready = _receive(connection, patience)
        if ready != {"type": "ready"}:
            raise UnexpectedAnswerError(f"{operation_id}: expected ready, got {ready}")
        yield Listener(connection, client)


def _receive(connection: ClientConnection, seconds: float) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(connection.recv(timeout=seconds))
    except TimeoutError:
        raise UnexpectedAnswerError(f"no message over the WebSocket within {seconds:g} s") from None
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 1006
        raise UnexpectedAnswerError(f"the WebSocket was closed with {code}") from None
    return message
