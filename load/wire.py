"""A shopper's connection: keep-alive HTTP from an address of its own, and WebSockets."""

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

MOST_BYTES = 1_000_000
# Servers close idle connections, many after 5 s; one that closes just as we send is no failure of
# theirs, and sending twice is none of our choices. So older ones are not used again.
IDLE_SECONDS = 4.0


class NoAnswerError(Exception):
    """Nobody answered: refused, cut off, or out of patience; the text says which in a few words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, and the JSON body (None where there is none)."""

    status: int
    body: Any


class Connection:
    """One keep-alive connection to the target, opened when needed.

    Args:
        base_url: the target's address.
        source: the address to send from; empty for the machine's own.
        headers: what every request carries.
        ca_file: the certificate that signs the target's; empty for the machine's own.
        patience: seconds after which an answer is given up.
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
        """Send one request and read its answer; nothing is sent twice.

        Raises:
            NoAnswerError: no whole answer came within the patience.
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
            raise NoAnswerError(f"no whole answer within {self._patience:g} s")
        return reply

    def _close_if_stale(self) -> None:
        """Close one idle for long, and one with something to read: the other side closed it."""
        if self._open is None or self._open.sock is None:
            return
        idle = time.monotonic() - self._used_at
        if idle > IDLE_SECONDS or select.select([self._open.sock], [], [], 0)[0]:
            self.close()

    def _exchange(
        self, method: str, url: str, content: bytes | None, headers: dict[str, str]
    ) -> Reply:
        opened = self._open
        if opened is None:
            host, port = self._address
            if self._tls:
                opened = http.client.HTTPSConnection(
                    host, port, timeout=self._patience, source_address=self._source,
                    context=self._tls,
                )  # fmt: skip
            else:
                opened = http.client.HTTPConnection(
                    host, port, timeout=self._patience, source_address=self._source
                )
            self._open = opened
        opened.request(method, url, content, headers)
        answer = opened.getresponse()
        raw = answer.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise http.client.HTTPException("too large")
        if answer.length:
            raise http.client.IncompleteRead(raw, answer.length)
        self._used_at = time.monotonic()
        if answer.will_close:
            self.close()
        return Reply(answer.status, _parsed(raw))

    def listen(self, path: str, hello: object, wanted: int) -> list[dict[str, Any]]:
        """Open a WebSocket, say hello, and wait until it has sent a number of messages.

        Args:
            path: the WebSocket's path.
            hello: the first message, JSON.
            wanted: how many messages to wait for.

        Raises:
            NoAnswerError: they did not come within the patience.
        """
        host, port = self._address
        until = time.monotonic() + self._patience
        scheme = "wss" if self._tls else "ws"
        messages: list[dict[str, Any]] = []
        try:
            raw = socket.create_connection((host, port), self._patience, self._source)
            if self._tls:
                raw = self._tls.wrap_socket(raw, server_hostname=host)
            opened = websocket.create_connection(
                f"{scheme}://{host}:{port}{path}", socket=raw, timeout=self._patience,
                header=self._headers,
            )  # fmt: skip
            try:
                opened.send(json.dumps(hello))
                while len(messages) < wanted:
                    opened.settimeout(max(0.01, until - time.monotonic()))
                    messages.append(_parsed(opened.recv()))
            finally:
                opened.shutdown()  # type: ignore[no-untyped-call]
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise NoAnswerError(f"no message within {self._patience:g} s") from None
        except (OSError, websocket.WebSocketException) as error:
            raise NoAnswerError(f"no WebSocket ({type(error).__name__})") from None
        return messages

    def close(self) -> None:
        """Close it; the next request opens a new one."""
        if self._open:
            self._open.close()
        self._open = None


@lru_cache
def _context(ca_file: str) -> ssl.SSLContext:
    """One for all connections: reading a certificate for each would cost more than the requests."""
    return ssl.create_default_context(cafile=ca_file or None)


def _parsed(raw: bytes | str) -> Any:  # noqa: ANN401 - JSON is anything
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
