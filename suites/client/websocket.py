"""WebSocket listeners: connect, send the token, and wait for events."""

import contextlib
import json
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from gates.errors import ConfigurationError
from gates.sources.connection import tls_context
from suites.client import StoreClient, UnexpectedAnswerError


class NoMessageError(UnexpectedAnswerError):
    """The connection is open, and no message came in time."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A message, and when it came.

    Args:
        event: the message.
        at: the moment at which it came, by the clock of this machine.
    """

    event: dict[str, Any]
    at: datetime

    @property
    def lateness(self) -> timedelta:
        """The time from the moment that the event states to its arrival."""
        return self.at - datetime.fromisoformat(self.event["at"])


class Listener:
    """An open connection on which the store is ready to send."""

    def __init__(self, connection: ClientConnection, client: StoreClient) -> None:
        self._connection = connection
        self._client = client

    def events_during(self, schema: str, seconds: float) -> list[ReceivedEvent]:
        """All messages of a time, each with the moment at which it came.

        Args:
            schema: the shape of every message.
            seconds: how long to listen.

        Raises:
            UnexpectedAnswerError: the store closed the connection, or sent another shape.
        """
        received = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(NoMessageError):
                event = self._documented(schema, _receive(self._connection, left))
                received.append(ReceivedEvent(event, datetime.now(UTC)))
        return received

    def next_event(self, schema: str) -> dict[str, Any]:
        """The next message, in the documented shape.

        Raises:
            UnexpectedAnswerError: no message came within the target's patience, or a message of
                another shape.
        """
        event = _receive(self._connection, self._client.target.patience_seconds)
        return self._documented(schema, event)

    def _documented(self, schema: str, event: dict[str, Any]) -> dict[str, Any]:
        problems = [
            f"{error.message}{f': {error.cause}' if error.cause else ''}"
            for error in self._client.contract.schemas[schema].iter_errors(event)
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
    patience, access = client.target.patience_seconds, client.target.access.api
    source = (client.source, 0) if client.source else None
    try:
        is_tls = address.scheme == "https"
        port = address.port or (443 if is_tls else 80)
        raw = socket.create_connection((str(address.hostname), port), patience, source)
        connection = connect(
            f"{'wss' if is_tls else 'ws'}://{address.netloc}{url_path}",
            sock=raw,
            ssl=tls_context(access) if is_tls else None,
            open_timeout=patience,
            close_timeout=1,
            additional_headers={**access.request_headers, "X-Kirana-Synthetic": "websocket"},
        )
    except (OSError, WebSocketException, ConfigurationError) as error:
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
        raise NoMessageError(f"no message over the WebSocket within {seconds:g} s") from None
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 1006
        raise UnexpectedAnswerError(f"the WebSocket was closed with {code}") from None
    return message
