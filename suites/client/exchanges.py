"""The last exchange with the store, which the message of a failure shows."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from gates.model import Access
from suites.client.masking import masked, masked_body

JSON_HEADERS = {"content-type": "application/json"}
MAX_BODY = 300


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer.

    Args:
        request: the request as sent.
        status: HTTP status; None when no answer came.
        body: the parsed body of the answer.
        seconds: wall time until the whole body was received, or until the request failed.
        failure: why no answer came; an empty text with an answer.
        access: how the store is accessed; None for a store without a log-in of its own.
    """

    request: requests.PreparedRequest
    status: int | None
    body: object
    seconds: float
    failure: str = ""
    access: Access | None = None

    def summary(self) -> str:
        """Method, path, status and short body in one line, without secrets."""
        request = f"{self.request.method} {masked(self.request.path_url)}"
        if self.status is None:
            return f"{request} got no answer within {self.seconds:.1f} s ({self.failure})"
        body = "an empty body" if self.body is None else masked_body(self.body, MAX_BODY)
        return f"{request} answered {self.status} in {self.seconds:.3f} s: {body}"

    def curl(self) -> str:
        """The curl line that repeats the request, without secrets."""
        return curl(self.request, self.access)


class _LastExchange:
    exchange: Exchange | None = None


def remember(exchange: Exchange) -> None:
    """Keep an exchange as the last of this process; a process runs one test at a time."""
    _LastExchange.exchange = exchange


def last_exchange() -> Exchange | None:
    """The last exchange since ``forget``; None without an exchange."""
    return _LastExchange.exchange


def forget() -> None:
    """Drop the last exchange, at the beginning of a test."""
    _LastExchange.exchange = None


def parsed(raw: bytes, headers: Mapping[str, str]) -> object:
    """A parsed body: JSON if headers and content are JSON, else text; None for an empty body."""
    if not raw:
        return None
    if headers.get("content-type", "").startswith("application/json"):
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode(errors="replace")
    return raw.decode(errors="replace")


def curl(request: requests.PreparedRequest, access: Access | None = None) -> str:
    """The curl line that repeats a request, with its secrets masked.

    Args:
        request: the request.
        access: how the store is accessed; None without a log-in of its own.
    """
    parts = ["curl", "-i", "-X", str(request.method)]
    login = access.request_headers.get("Authorization") if access else None
    is_user = request.headers.get("Authorization") != login
    for name, value in request.headers.items():
        if name.lower() == "authorization" and is_user:
            parts += ["-H", "Authorization: Bearer $TOKEN"]
        elif name.lower() == "content-type":
            parts += ["-H", f"{name}: {masked(str(value))}"]
    if request.body:
        parts += ["-d", masked_body(parsed(_bytes(request.body), JSON_HEADERS))]
    parts.append(masked(str(request.url)))
    quoted = [f'"{part}"' if "$TOKEN" in part else shlex.quote(part) for part in parts]
    options = access.curl_options(with_login=not is_user) if access else ""
    return f"{quoted[0]} {options}{' '.join(quoted[1:])}"


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
