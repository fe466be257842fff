"""One HTTP exchange, with a deadline for the complete answer and a limit on its size."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or the reason why no answer came.

    Args:
        status: the HTTP status; 0 without an answer.
        body: the body; empty without an answer.
        problem: why no answer came; an empty text with an answer.
        server_time: the answer's Date header, in seconds since the epoch; None without this header.
    """

    status: int
    body: bytes
    problem: str
    server_time: float | None = None


def get(url: str, *, seconds: float, max_bytes: int, token: str = "") -> Answer:
    """GET a URL; redirects are not followed.

    Args:
        url: an http or https URL.
        seconds: the longest time for the whole exchange.
        max_bytes: the largest body that is accepted.
        token: a bearer token; empty for none.

    Returns:
        The answer, or the problem of a failed exchange.
    """
    return _exchange(url, None, seconds, max_bytes, token)


def post(url: str, body: bytes, *, seconds: float, max_bytes: int, token: str = "") -> Answer:
    """POST JSON to a URL; redirects are not followed.

    Args:
        url: an http or https URL.
        body: the JSON.
        seconds: the longest time for the whole exchange.
        max_bytes: the largest body that is accepted.
        token: a bearer token; empty for none.

    Returns:
        The answer, or the problem of a failed exchange.
    """
    return _exchange(url, body, seconds, max_bytes, token)


def _exchange(url: str, body: bytes | None, seconds: float, max_bytes: int, token: str) -> Answer:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=seconds)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("GET" if body is None else "POST", path or "/", body, headers)
        answer = _complete(connection.getresponse(), max_bytes)
    except TimeoutError:
        late.set()
    except (OSError, HTTPException, ValueError) as error:
        answer = Answer(0, b"", getattr(error, "strerror", None) or type(error).__name__)
    finally:
        timer.cancel()
        connection.close()
    return Answer(0, b"", f"no answer within {seconds:g} s") if late.is_set() else answer


def _complete(response: HTTPResponse, max_bytes: int) -> Answer:
    """The answer with its complete body, or the reason why it is not complete."""
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        return Answer(0, b"", f"the answer has more than {max_bytes} bytes")
    if response.length:
        return Answer(0, b"", "the answer ended early")
    try:
        server_time = _seconds(response.headers["Date"])
    except (ValueError, TypeError, ArithmeticError):
        return Answer(0, b"", "the answer's Date header is not a date")
    return Answer(response.status, body, "", server_time)


def _seconds(date: str | None) -> float | None:
    """A Date header, in seconds since the epoch."""
    return parsedate_to_datetime(date).timestamp() if date else None
