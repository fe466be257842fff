"""Stores the last request to the store and its response, for the message of a failed check."""

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
    """A request to the store, and the response.

    Args:
        request: the request as it was sent.
        status: the HTTP status of the response; None if no response came.
        body: the parsed body of the response; None for an empty body or no response.
        seconds: the wall time until the whole body was received, or until the request failed.
        failure: the reason why no response came; an empty text if a response came.
        access: the log-in, certificates and proxy of the target file; None without these settings.
    """

    request: requests.PreparedRequest
    status: int | None
    body: object
    seconds: float
    failure: str = ""
    access: Access | None = None

    def summary(self) -> str:
        """Return method, path, status and a part of the body in one line, without secrets."""
        request = f"{self.request.method} {masked(self.request.path_url)}"
        if self.status is None:
            return f"{request} got no answer within {self.seconds:.1f} s ({self.failure})"
        body = "an empty body" if self.body is None else masked_body(self.body, MAX_BODY)
        return f"{request} got status {self.status} in {self.seconds:.3f} s: {body}"

    def curl(self) -> str:
        """Return the curl command that repeats the request, without secrets."""
        return curl(self.request, self.access)


class _LastExchange:
    exchange: Exchange | None = None


def remember(exchange: Exchange) -> None:
    """Store an exchange as the last exchange of this process, which runs one test at a time."""
    _LastExchange.exchange = exchange


def last_exchange() -> Exchange | None:
    """Return the last exchange since ``forget`` was called; None without an exchange."""
    return _LastExchange.exchange


def forget() -> None:
    """Delete the stored exchange; call this function at the beginning of a test."""
    _LastExchange.exchange = None


def parsed(raw: bytes, headers: Mapping[str, str]) -> object:
    """Parse the body of a response.

    Args:
        raw: the bytes of the body.
        headers: the headers of the response, by lower-case name.

    Returns:
        The JSON value if the headers and the content are JSON; else the text; None for an empty
        body.
    """
    if not raw:
        return None
    if headers.get("content-type", "").startswith("application/json"):
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode(errors="replace")
    return raw.decode(errors="replace")


def curl(request: requests.PreparedRequest, access: Access | None = None) -> str:
    """Return the curl command that repeats a request, with masked secrets.

    Args:
        request: the request as it was sent.
        access: the log-in, certificates and proxy of the target file; None without these settings.
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
