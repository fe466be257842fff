"""Sends calls over HTTP: bounded in number and time, and to allowed addresses only."""

import http.client
import ipaddress
import json
import math
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from suites.inspection.edge import resolved
from suites.probes.api import FORM, Call, Endpoint, Exchange, filled

MAX_BYTES = 1_000_000
MAX_SHOWN = 2000
TOO_MANY = 429
MIN_SHARE_SECONDS = 20.0
UNQUOTED = "%/?&=+:;,@!$'()*[]~-._"
HTTP_PORT, HTTPS_PORT = 80, 443


class UnreachableError(Exception):
    """The service gave no answer, so it could not be tested."""


class TimedOutError(UnreachableError):
    """The service accepted the connection and gave no answer in time."""


class NotAllowedError(Exception):
    """Attack traffic to this address is not allowed, or too many requests were sent."""


class ShareOverError(Exception):
    """One operation has used its share of the time; others are still to be tested."""


class BudgetOverError(NotAllowedError):
    """The time of the scan is over."""


@dataclass(slots=True)
class Budget:
    """The time that a scan may take; all senders of the scan share it.

    Args:
        seconds: how long the scan may take.
        started: when the scan began, on the monotonic clock.
        requests: how many requests were sent.
        share_end: when the share of the present operation ends, on the monotonic clock.
    """

    seconds: float
    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    share_end: float = math.inf

    def left(self) -> float:
        """The seconds that are left; negative when the time is over."""
        return self.started + self.seconds - time.monotonic()

    def spend(self) -> float:
        """Count one request, and return the seconds that are left.

        Raises:
            BudgetOverError: no time is left.
        """
        left = self.left()
        if left <= 0:
            raise BudgetOverError(f"the time of {self.seconds:g} s is over")
        if time.monotonic() > self.share_end:
            raise ShareOverError("its share of the time is over")
        self.requests += 1
        return left

    def share(self, part: float) -> None:
        """Give the next operation this part of the time that is left, and at least some seconds."""
        self.share_end = time.monotonic() + max(MIN_SHARE_SECONDS, part * self.left())


@dataclass(slots=True)
class HttpSender:
    """Sends to one base address, each request on a new connection.

    Args:
        base: scheme, host and port.
        headers: sent with every request.
        source: returns the address to send from, or an empty text.
        max_requests: how many requests may be sent.
        seconds: how long a request may take.
        ca_file: the authority to trust over TLS; None for the authorities of the system.
        allow_remote: whether addresses other than loopback are allowed.
        sent: how many requests were sent.
        throttled: how many requests were answered 429.
        budget: the time of the scan; None without a limit.

    Raises:
        NotAllowedError: the address is not loopback and allow_remote is not set.
    """

    base: str
    headers: Mapping[str, str] = field(default_factory=dict)
    source: Callable[[], str] = str
    max_requests: int = 20_000
    seconds: float = 10.0
    ca_file: Path | None = None
    allow_remote: bool = False
    sent: int = 0
    throttled: int = 0
    budget: Budget | None = None

    def __post_init__(self) -> None:
        host = resolved(str(urlsplit(self.base).hostname))
        if not self.allow_remote and not _is_loopback(host):
            raise NotAllowedError(f"{self.base} is not a loopback address")

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one call; see ``Sender``."""
        path, headers, body = self._parts(endpoint, call)
        return self.exchange(endpoint.method, path, headers, body)

    def _parts(self, endpoint: Endpoint, call: Call) -> tuple[str, Mapping[str, str], bytes | None]:
        path = call.raw_path or filled(endpoint.path, call.path)
        if call.query:
            path += ("&" if "?" in path else "?") + urlencode(call.query, errors="surrogatepass")
        body, kind = _body(endpoint, call)
        content_type = {"Content-Type": kind} if body is not None else {}
        return path, {**content_type, **self.headers, **call.headers}, body

    def unanswered(self, endpoint: Endpoint, call: Call) -> Exchange:
        """The request of a call as an exchange with status 0, not sent."""
        path, headers, body = self._parts(endpoint, call)
        quoted_path = quote(path, safe=UNQUOTED, errors="surrogatepass")
        return Exchange(
            method=endpoint.method,
            url=f"{self.base}{path}"[:MAX_SHOWN],
            sent=(body or b"").decode(errors="replace")[:MAX_SHOWN],
            status=0,
            headers={},
            text="",
            seconds=self.seconds,
            sent_headers=headers,
            payload=body,
            target=f"{self.base}{quoted_path}",
        )

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Exchange:
        """Send one request as it is; raises as ``send`` does."""
        self.sent += 1
        if self.sent > self.max_requests:
            raise NotAllowedError(f"more than {self.max_requests} requests")
        seconds = min(self.seconds, self.budget.spend()) if self.budget else self.seconds
        parts = urlsplit(self.base)
        path = f"{parts.path.rstrip('/')}{path}"
        started = time.perf_counter()
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port or HTTP_PORT)
        quoted_path = quote(path, safe=UNQUOTED, errors="surrogatepass")
        try:
            connection.sock = self._connected(parts, seconds)
            connection.request(method, quoted_path, body=body, headers=_latin(headers))
            answer = connection.getresponse()
            text = _read(answer, started + seconds).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            kind = TimedOutError if isinstance(error, TimeoutError) else UnreachableError
            raise kind(
                f"{method} {self.base}{path[:200]}: {type(error).__name__}: {error}"[:500]
            ) from error
        finally:
            connection.close()
        self.throttled += answer.status == TOO_MANY
        received: dict[str, str] = {}
        for name, value in answer.getheaders():
            earlier = received.get(name.lower())
            received[name.lower()] = f"{earlier}\n{value}" if earlier else value
        return Exchange(
            method=method,
            url=f"{parts.scheme}://{parts.netloc}{path}"[:MAX_SHOWN],
            sent=(body or b"").decode(errors="replace")[:MAX_SHOWN],
            status=answer.status,
            headers=received,
            text=text,
            seconds=time.perf_counter() - started,
            sent_headers=headers,
            payload=body,
            target=f"{parts.scheme}://{parts.netloc}{quoted_path}",
        )

    def _connected(self, parts: SplitResult, seconds: float) -> socket.socket:
        host, source = str(parts.hostname), self.source()
        default_port = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        address = (resolved(host), parts.port or default_port)
        plain = socket.create_connection(address, seconds, (source, 0) if source else None)
        if parts.scheme != "https":
            return plain
        context = ssl.create_default_context(cafile=self.ca_file)
        return context.wrap_socket(plain, server_hostname=host)


def _latin(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that can be sent; a character that no header can hold is sent as a question mark."""
    return {
        name: value.encode("latin-1", "replace").decode("latin-1")
        for name, value in headers.items()
    }


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, up to MAX_BYTES.

    Raises:
        TimeoutError: the body does not end before the deadline.
    """
    parts: list[bytes] = []
    while (part := answer.read1(65536)) and sum(map(len, parts)) < MAX_BYTES:
        parts.append(part)
        if time.perf_counter() > deadline:
            raise TimeoutError("the answer has no end")
    return b"".join(parts)[:MAX_BYTES]


def _body(endpoint: Endpoint, call: Call) -> tuple[bytes | None, str]:
    if call.raw_body is not None:
        return call.raw_body, endpoint.body_type
    if call.body is None:
        return None, ""
    if endpoint.body_type == FORM:
        return urlencode(_flat(call.body), errors="surrogatepass").encode(), FORM
    return json.dumps(call.body).encode("utf-8", "surrogatepass"), endpoint.body_type


def _flat(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """Form fields; a nested field is written as PHP and Express read it: ``name[key]``."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}[{key}]", str(item)) for key, item in value.items()]
        elif isinstance(value, list):
            pairs += [(f"{name}[]", str(item)) for item in value]
        else:
            pairs.append((name, str(value)))
    return pairs


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
