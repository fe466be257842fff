"""One bounded HTTP exchange: a deadline for the whole answer and a limit on its size."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and body, or why nothing did.

    Args:
        status: HTTP status; 0 when there was no answer.
        body: the body; empty when there was no answer.
        problem: why there was no answer, or empty.
        server_time: the Date of the answer, seconds since the epoch; None without one.
    """

    status: int
    body: bytes
    problem: str
    server_time: float | None = None


def get(url: str, *, seconds: float, most_bytes: int) -> Answer:
    """GET a URL; redirects are not followed.

    Args:
        url: an http or https URL.
        seconds: time for the whole exchange.
        most_bytes: largest body accepted.

    Returns:
        The answer; a failure of any kind is an answer with a problem.
    """
    return _exchange(url, None, seconds, most_bytes)


def post(url: str, body: bytes, *, seconds: float, most_bytes: int) -> Answer:
    """POST JSON to a URL; arguments and answer as for ``get``."""
    return _exchange(url, body, seconds, most_bytes)


def _exchange(url: str, body: bytes | None, seconds: float, most_bytes: int) -> Answer:
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
        connection.request("GET" if body is None else "POST", path or "/", body, headers)
        answer = _whole(connection.getresponse(), most_bytes)
    except TimeoutError:
        late.set()
    except (OSError, HTTPException, ValueError) as error:
        answer = Answer(0, b"", getattr(error, "strerror", None) or type(error).__name__)
    finally:
        timer.cancel()
        connection.close()
    return Answer(0, b"", f"no answer within {seconds:g} s") if late.is_set() else answer


def _whole(response: HTTPResponse, most_bytes: int) -> Answer:
    """The whole body, within the size."""
    body = response.read(most_bytes + 1)
    if len(body) > most_bytes:
        return Answer(0, b"", f"an answer of over {most_bytes} bytes")
    if response.length:
        return Answer(0, b"", "an answer that ended early")
    try:
        server_time = _seconds(response.headers["Date"])
    except (ValueError, TypeError, ArithmeticError):
        return Answer(0, b"", "an answer whose Date header is no date")
    return Answer(response.status, body, "", server_time)


def _seconds(date: str | None) -> float | None:
    """A Date header in seconds since the epoch."""
    return parsedate_to_datetime(date).timestamp() if date else None
