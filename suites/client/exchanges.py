"""The last exchange with the store, kept so that a failure can show it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from suites.client.masking import masked, shown

JSON_HEADERS = {"content-type": "application/json"}
MOST_BODY = 300


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and how it was answered.

    Args:
        request: the request as sent.
        status: HTTP status; None when no answer came.
        body: the parsed body of the answer.
        seconds: wall time until the body was there, or until the request failed.
        failure: why no answer came, or empty.
    """

    request: requests.PreparedRequest
    status: int | None
    body: object
    seconds: float
    failure: str = ""

    def summary(self) -> str:
        """Method, path, status and short body in one line, without secrets."""
        sent = f"{self.request.method} {masked(self.request.path_url)}"
        if self.status is None:
            return f"{sent} got no answer within {self.seconds:.1f} s ({self.failure})"
        body = "an empty body" if self.body is None else shown(self.body, MOST_BODY)
        return f"{sent} answered {self.status} in {self.seconds:.3f} s: {body}"

    def curl(self) -> str:
        """The curl line that repeats the request, without secrets."""
        return curl(self.request)


class _Last:
    exchange: Exchange | None = None


def remember(exchange: Exchange) -> None:
    """Keep an exchange as this process's last; a test is alone in its process."""
    _Last.exchange = exchange


def last_exchange() -> Exchange | None:
    """The last exchange since ``forget``; None when there was none."""
    return _Last.exchange


def forget() -> None:
    """Begin anew, for the next test."""
    _Last.exchange = None


def parsed(raw: bytes, headers: Mapping[str, str]) -> object:
    """A body: JSON where the headers say so and it is, else text; None for an empty body."""
    if not raw:
        return None
    if headers.get("content-type", "").startswith("application/json"):
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode(errors="replace")
    return raw.decode(errors="replace")


def curl(request: requests.PreparedRequest) -> str:
    """The curl line that repeats a request, with its secrets masked."""
    parts = ["curl", "-i", "-X", str(request.method)]
    for name, value in request.headers.items():
        if name.lower() == "authorization":
            parts += ["-H", "Authorization: Bearer $TOKEN"]
        elif name.lower() == "content-type":
            parts += ["-H", f"{name}: {masked(str(value))}"]
    if request.body:
        parts += ["-d", shown(parsed(_bytes(request.body), JSON_HEADERS))]
    parts.append(masked(str(request.url)))
    quoted = [f'"{part}"' if "$TOKEN" in part else shlex.quote(part) for part in parts]
    return " ".join(quoted)


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
