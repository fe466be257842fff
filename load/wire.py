"""A shopper's connection: keep-alive HTTP from the shopper's own address, and WebSockets."""

import http.client
import json
import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

MAX_BYTES = 1_000_000
# Many servers close connections that are idle for 5 s. A request on such a connection would fail,
# although the server works, and no request is sent twice. So idle connections are not used again.
MAX_IDLE_SECONDS = 4.0


class NoAnswerError(Exception):
    """There was no complete response; the message gives the reason, such as a time limit."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: its status, and its JSON body; the body is None where it is not JSON."""

    status: int
    body: Any


class Connection:
    """One keep-alive connection to the target; the first request opens the connection.

    Args:
        base_url: the address of the target.
        source: the address from which requests are sent; an empty text for the machine's address.
        headers: the headers of every request.
        patience: the longest time to wait for a response, in seconds.
        ca_file: the file of the CA certificate for the target; an empty text for the system's CAs.
    """

    def __init__(
        self,
        base_url: str,
        source: str,
        headers: Mapping[str, str],
        patience: float,
        ca_file: str = "",
    ) -> None:
        parts = urlsplit(base_url)
        usual = 443 if parts.scheme == "https" else 80
        self._address = (parts.hostname or "", parts.port or usual)
        self._tls = _context(ca_file) if parts.scheme == "https" else None
        self._source = (source, 0) if source else None
        self._headers = dict(headers)
        self._patience = patience
        self._open: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Reply:
        """Send one request and read the response; a request is never sent twice.

        Raises:
            NoAnswerError: no complete response came within the patience.
        """
        headers = dict(self._headers)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        url = f"{path}?{urlencode(query)}" if query else path
        self._close_if_stale()
        until = time.monotonic() + self._patience
        try:
            reply = self._exchange(method, url, content, headers)
        except TimeoutError:
            self.close()
            raise NoAnswerError(f"no answer within {self._patience:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswerError(f"no answer ({type(error).__name__})") from None
        if time.monotonic() > until:
            raise NoAnswerError(f"no complete answer within {self._patience:g} s")
        return reply

    def _close_if_stale(self) -> None:
        """Close a connection that was idle for too long, or that the server has closed."""
        if self._open is None or self._open.sock is None:
            return
        idle = time.monotonic() - self._used_at
        if idle > MAX_IDLE_SECONDS or select.select([self._open.sock], [], [], 0)[0]:
            self.close()

    def _exchange(
        self, method: str, url: str, content: bytes | None, headers: dict[str, str]
    ) -> Reply:
        opened = self._open
        if opened is None:
            host, port = self._address
            if self._tls:
                opened = http.client.HTTPSConnection(
                    host,
                    port,
                    timeout=self._patience,
                    source_address=self._source,
                    context=self._tls,
                )
            else:
                opened = http.client.HTTPConnection(
                    host, port, timeout=self._patience, source_address=self._source
                )
            self._open = opened
        opened.request(method, url, content, headers)
        answer = opened.getresponse()
        raw = answer.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise http.client.HTTPException("too large")
        if answer.length:
            raise http.client.IncompleteRead(raw, answer.length)
        self._used_at = time.monotonic()
        if answer.will_close:
            self.close()
        return Reply(answer.status, _json(raw))

    def listen(self, path: str, hello: object, count: int) -> list[object]:
        """Open a WebSocket, send a message, and wait for a number of messages.

        Args:
            path: the path of the WebSocket.
            hello: the message to send, a value that JSON can write.
            count: the number of messages to wait for.

        Returns:
            The values of the received messages; None for a message that is not JSON.

        Raises:
            NoAnswerError: the messages did not come within the patience.
        """
        host, port = self._address
        until = time.monotonic() + self._patience
        scheme = "wss" if self._tls else "ws"
        messages: list[object] = []
        try:
            raw = socket.create_connection((host, port), self._patience, self._source)
            if self._tls:
                raw = self._tls.wrap_socket(raw, server_hostname=host)
            opened = websocket.create_connection(
                f"{scheme}://{host}:{port}{path}",
                socket=raw,
                timeout=self._patience,
                header=self._headers,
            )
            try:
                opened.send(json.dumps(hello))
                while len(messages) < count:
                    opened.settimeout(max(0.01, until - time.monotonic()))
                    messages.append(_json(opened.recv()))
            finally:
                opened.shutdown()  # type: ignore[no-untyped-call]
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise NoAnswerError(f"no message within {self._patience:g} s") from None
        except (OSError, websocket.WebSocketException) as error:
            raise NoAnswerError(f"no WebSocket ({type(error).__name__})") from None
        return messages

    def close(self) -> None:
        """Close the connection; the next request opens a new connection."""
        if self._open:
            self._open.close()
        self._open = None


@lru_cache
def _context(ca_file: str) -> ssl.SSLContext:
    """Return the TLS context of all connections; one context saves reading the CA file again."""
    return ssl.create_default_context(cafile=ca_file or None)


def _json(raw: bytes | str) -> Any:  # noqa: ANN401 - the body is any JSON value
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
