"""Sends one HTTP request, with a time limit and a size limit for the complete response."""

import threading
import time
import zlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from gates.errors import ConfigurationError
from gates.model import Access
from gates.sources import access_problems, connection

STARS = b"***"
# Shorter secrets are not replaced, because such a text may occur by chance: in the text of an
# error, and in a body that is read as data.
MIN_SECRET_LENGTH, MIN_SECRET_LENGTH_IN_DATA = 3, 8
# A response of a health address with status 503 names the build, too.
DATA = (200, 503)
GZIP = ("gzip", "x-gzip")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, or the reason why no response came.

    Args:
        status: the HTTP status; 0 without a response.
        body: the body without the secrets of the access; empty without a response.
        problem: why no response came, or why the response means that the gate has no access; else
            empty.
        server_time: the time of the Date header, in seconds since the epoch; None without this
            header.
        clock_difference: how far the time of the Date header is before the request or after the
            response, in seconds; 0 without this header.
    """

    status: int
    body: bytes
    problem: str
    server_time: float | None = None
    clock_difference: float = 0.0


def get(url: str, access: Access, *, max_bytes: int) -> Answer:
    """Send a GET request; a redirect is not followed.

    Args:
        url: an http or https URL.
        access: log-in, certificates, proxy and the time limit for the whole request.
        max_bytes: the largest size of the response body that is accepted.

    Returns:
        The response, or the reason why no response came.
    """
    return _exchange(url, None, access, max_bytes)


def post(url: str, body: bytes, access: Access, *, max_bytes: int) -> Answer:
    """Send a POST request with JSON; a redirect is not followed.

    Args:
        url: an http or https URL.
        body: the JSON of the request.
        access: log-in, certificates, proxy and the time limit for the whole request.
        max_bytes: the largest size of the response body that is accepted.

    Returns:
        The response, or the reason why no response came.
    """
    return _exchange(url, body, access, max_bytes)


def _exchange(url: str, body: bytes | None, access: Access, max_bytes: int) -> Answer:
    if problem := access_problems.unset_problem(access):
        return Answer(0, b"", problem)
    parts, seconds = urlsplit(url), access.deadline_seconds
    try:
        proxy = connection.proxy_of(parts, access)
        opened = connection.connection_to(parts, access, proxy)
    except ConfigurationError as error:
        return Answer(0, b"", str(error))
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        connection.hang_up(opened)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        headers = {"Accept": "application/json", **access.request_headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        path = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
        if proxy and parts.scheme == "http":
            path, headers = url, {**headers, **proxy.headers, "Host": parts.netloc}
        sent_at = time.time()
        opened.request("GET" if body is None else "POST", path, body, headers)
        answer = _complete(opened.getresponse(), access, max_bytes, sent_at)
    except TimeoutError:
        late.set()
    except (OSError, HTTPException, ValueError) as error:
        problem = access_problems.exchange_problem(error, access, is_tls=parts.scheme == "https")
        answer = Answer(0, b"", problem)
    finally:
        timer.cancel()
        opened.close()
    return Answer(0, b"", _late(access)) if late.is_set() else answer


def _late(access: Access) -> str:
    """Return the sentence about a request that took too long."""
    return f"no response within {access.deadline_seconds:g} s"


def _complete(response: HTTPResponse, access: Access, max_bytes: int, sent_at: float) -> Answer:
    """Return the response with its complete body, or why the body is not complete."""
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        return Answer(0, b"", f"the response has more than {max_bytes} bytes")
    if response.length:
        return Answer(0, b"", "the response ended early")
    if response.headers.get("Content-Encoding", "identity").lower() in GZIP:
        try:
            body = _decompressed(body, max_bytes + 1)
        except (zlib.error, EOFError):
            return Answer(0, b"", "a header of the response says gzip, but the body is not gzip")
        if len(body) > max_bytes:
            return Answer(0, b"", f"the response has more than {max_bytes} bytes")
    try:
        server_time = _seconds(response.headers["Date"])
    except (ValueError, TypeError, ArithmeticError):
        return Answer(0, b"", "the Date header of the response is not a date")
    body = _without_secrets(body, access, is_data=response.status in DATA)
    place = _without_secrets((response.headers["Location"] or "").encode(), access, is_data=False)
    location = place.decode(errors="replace")
    problem = access_problems.status_problem(response.status, body, location, access)
    difference = _clock_difference(server_time, sent_at, time.time())
    return Answer(response.status, body, problem, server_time, difference)


def _decompressed(body: bytes, max_bytes: int) -> bytes:
    """Return the first bytes of a gzip body; some proxies compress without a request for gzip.

    Raises:
        zlib.error: the body is not gzip.
        EOFError: the body ends early.
    """
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    content = reader.decompress(body, max_bytes)
    if not reader.eof and len(content) < max_bytes:
        raise EOFError
    return content


def _without_secrets(body: bytes, access: Access, *, is_data: bool) -> bytes:
    """Return a body without the secrets of the request; a server may repeat secrets in errors."""
    min_length = MIN_SECRET_LENGTH_IN_DATA if is_data else MIN_SECRET_LENGTH
    for secret in access.secrets:
        if len(secret) >= min_length:
            body = body.replace(secret.encode(), STARS)
    return body


def _seconds(date: str | None) -> float | None:
    """Return the time of a Date header, in seconds since the epoch."""
    return parsedate_to_datetime(date).timestamp() if date else None


def _clock_difference(server_time: float | None, earliest: float, latest: float) -> float:
    """Return how far ``server_time`` is outside a period, in seconds.

    A Date header has no fractions of a second, so the real time may be up to 1 s later.
    """
    if server_time is None:
        return 0.0
    return max(0.0, earliest - server_time - 1, server_time - latest)
