"""One bounded HTTP GET: a deadline for the whole answer and a limit on its size."""

import socket
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and body, or why nothing did.

    Args:
        status: HTTP status; 0 when there was no answer.
        body: the body; empty when there was no answer.
        problem: why there was no answer, or empty.
    """

    status: int
    body: bytes
    problem: str


def get(url: str, *, seconds: float, most_bytes: int) -> Answer:
    """GET a URL; redirects are not followed.

    Args:
        url: an http or https URL.
        seconds: time for the whole exchange.
        most_bytes: largest body accepted.

    Returns:
        The answer; a failure of any kind is an answer with a problem.
    """
    parts = urlsplit(url)
    deadline = time.monotonic() + seconds
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=seconds)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", path or "/", headers={"Accept": "application/json"})
        response = connection.getresponse()
        return _whole(response, connection.sock, deadline, most_bytes)
    except TimeoutError:
        return Answer(0, b"", f"no answer within {seconds:g} s")
    except (OSError, HTTPException, ValueError) as error:
        return Answer(0, b"", getattr(error, "strerror", None) or type(error).__name__)
    finally:
        connection.close()


def _whole(
    response: HTTPResponse, connection: socket.socket | None, deadline: float, most_bytes: int
) -> Answer:
    """The whole body, within the deadline and the size."""
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection is not None and connection.fileno() >= 0:
            connection.settimeout(left)
        part = response.read1(CHUNK)
        if not part:
            break
        size += len(part)
        if size > most_bytes:
            return Answer(0, b"", f"an answer of over {most_bytes} bytes")
        parts.append(part)
    if response.length:
        return Answer(0, b"", "an answer that ended early")
    return Answer(response.status, b"".join(parts), "")
