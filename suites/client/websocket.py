"""Connects to WebSockets of the store, sends the token, and waits for events."""

import contextlib
import json
import math
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
    """The connection to the store is open, but no message came in time."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A message of the store, and its time of arrival.

    Args:
        event: the message.
        at: the moment at which the message arrived, by the clock of this machine.
    """

    event: dict[str, Any]
    at: datetime

    @property
    def lateness(self) -> timedelta:
        """The time between the moment that the event states and the arrival of the event."""
        return self.at - datetime.fromisoformat(self.event["at"])


class Listener:
    """Receives events from the store over an open WebSocket."""

    def __init__(self, connection: ClientConnection, client: StoreClient) -> None:
        self._connection = connection
        self._client = client

    def events_during(self, schema: str, seconds: float) -> list[ReceivedEvent]:
        """Return all messages that arrive within a time, each with its moment of arrival.

        Args:
            schema: the name of the schema in the contract that every message must match.
            seconds: the time to listen, in seconds.

        Raises:
            UnexpectedAnswerError: the store closed the connection, or sent a message that does not
                match the schema.
        """
        received = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(NoMessageError):
                event = self._documented(schema, _receive(self._connection, left))
                received.append(ReceivedEvent(event, datetime.now(UTC)))
        return received

    def next_event(self, schema: str) -> dict[str, Any]:
        """Wait for the next message, compare it with a schema of the contract, and return it.

        Args:
            schema: the name of the schema in the contract that the message must match.

        Raises:
            UnexpectedAnswerError: no message came within the target's patience, or the message does
                not match the schema.
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
            raise UnexpectedAnswerError(
                f"expected a WebSocket message of the schema {schema}: {problem}"
            )
        return event


@contextmanager
def listening(
    client: StoreClient,
    operation_id: str,
    *,
    path: Mapping[str, str] = MappingProxyType({}),
    resume_after: int | None = None,
) -> Generator[Listener]:
    """Open a WebSocket as the user of a client, and wait until the store is ready to send.

    Args:
        client: the client of the user who listens.
        operation_id: the id of the operation in the contract.
        path: the values of the path parameters, by name.
        resume_after: the number of the last received event, after which the store sends all later
            events; None for new events only.

    Raises:
        UnexpectedAnswerError: the store refuses the connection, or does not report that it is
            ready.
    """
    patience = client.target.patience_seconds
    with _connected(client, operation_id, path) as connection:
        connection.send(json.dumps({"token": client.token, "resume_after": resume_after}))
        ready = _receive(connection, patience)
        if ready != {"type": "ready"}:
            raise UnexpectedAnswerError(
                f"{operation_id}: expected the first message of the WebSocket to be of the type "
                f"ready, got {ready}"
            )
        yield Listener(connection, client)


def _connected(client: StoreClient, operation_id: str, path: Mapping[str, str]) -> ClientConnection:
    address = urlsplit(client.target.addresses.api)
    url_path = client.contract.operation(operation_id).url_path(path)
    patience, access = client.target.patience_seconds, client.target.access.api
    source = (client.source, 0) if client.source else None
    try:
        is_tls = address.scheme == "https"
        port = address.port or (443 if is_tls else 80)
        raw = socket.create_connection((str(address.hostname), port), patience, source)
        return connect(
            f"{'wss' if is_tls else 'ws'}://{address.netloc}{url_path}",
            sock=raw,
            ssl=tls_context(access) if is_tls else None,
            open_timeout=patience,
            close_timeout=1,
            additional_headers={**access.request_headers, "X-Kirana-Synthetic": "websocket"},
        )
    except (OSError, WebSocketException, ConfigurationError) as error:
        raise UnexpectedAnswerError(
            f"{operation_id}: the WebSocket could not be opened: {error}"
        ) from None


def opens_a_socket(client: StoreClient) -> tuple[str, bool]:
    """Open the WebSocket of orders; return a sentence about the result, and whether it opened."""
    try:
        with listening(client, "order_updates"):
            return "the WebSocket order_updates opens", True
    except UnexpectedAnswerError as error:
        return f"the WebSocket order_updates does not open ({error})", False


def closing_seconds(client: StoreClient, operation_id: str, first: str, seconds: float) -> float:
    """Open a WebSocket, send an invalid first message or none, and wait until the store closes it.

    Args:
        client: the client, whose token is not sent.
        operation_id: the id of the operation in the contract.
        first: the text of the first message; empty to send nothing.
        seconds: the longest time to wait, in seconds.

    Returns:
        The time until the store closed the WebSocket, in seconds; ``inf`` if it stayed open.
    """
    begin = time.monotonic()
    with _connected(client, operation_id, MappingProxyType({})) as connection:
        if first:
            connection.send(first)
        try:
            _receive(connection, seconds)
        except NoMessageError:
            return math.inf
        except UnexpectedAnswerError:
            return time.monotonic() - begin
    return math.inf


def _receive(connection: ClientConnection, seconds: float) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(connection.recv(timeout=seconds))
    except TimeoutError:
        raise NoMessageError(f"no message came over the WebSocket within {seconds:g} s") from None
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 1006
        raise UnexpectedAnswerError(f"the store closed the WebSocket with code {code}") from None
    return message
