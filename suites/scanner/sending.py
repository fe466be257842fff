"""Send the requests of a scan over HTTP, with limits on number, time and address."""

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
    """The service gave no response, so the scan could not test the service."""


class TimedOutError(UnreachableError):
    """The service accepted the connection, but gave no response in time."""


class NotAllowedError(Exception):
    """The scan may not send attacks to this address, or has sent too many requests."""


class ShareOverError(Exception):
    """The time for one operation is over; the scan continues with the next operation."""


class BudgetOverError(NotAllowedError):
    """The time for the whole scan is over."""


@dataclass(slots=True)
class Budget:
    """The time limit of a scan, which all senders of the scan share.

    Args:
        seconds: the longest time that the scan may take, in seconds.
        started: when the scan began, in seconds on the monotonic clock.
        requests: how many requests were sent.
        share_end: when the time of the present operation ends, in seconds on the monotonic clock.
    """

    seconds: float
    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    share_end: float = math.inf

    def left(self) -> float:
        """Return how many seconds of the scan are left; negative when the time is over."""
        return self.started + self.seconds - time.monotonic()

    def spend(self) -> float:
        """Count one request, and return how many seconds of the scan are left.

        Raises:
            BudgetOverError: the time of the scan is over.
            ShareOverError: the time of the present operation is over.
        """
        left = self.left()
        if left <= 0:
            raise BudgetOverError(f"the time budget of {self.seconds:g} s is over")
        if time.monotonic() > self.share_end:
            raise ShareOverError("the time for this operation is over; use a larger --time-budget")
        self.requests += 1
        return left

    def share(self, part: float) -> None:
        """Limit the time of the next operation.

        Args:
            part: the fraction (0 to 1) of the remaining time that the operation gets; the
                operation gets at least ``MIN_SHARE_SECONDS``.
        """
        self.share_end = time.monotonic() + max(MIN_SHARE_SECONDS, part * self.left())


@dataclass(slots=True)
class HttpSender:
    """Sends requests to one base address; each request uses a new connection.

    Args:
        base: scheme, host and port of the service.
        headers: the headers of every request.
        source: returns the local address to send from; an empty text for any address.
        max_requests: the largest number of requests.
        seconds: the longest time for one request, in seconds.
        ca_file: the certificate authority to trust; None for the authorities of the system.
        allow_remote: whether the base address may be another address than loopback.
        sent: how many requests were sent.
        throttled: how many requests got status 429.
        budget: the time limit of the scan; None without a limit.
        is_stopped: whether the user stopped the scan; then every request raises KeyboardInterrupt.

    Raises:
        NotAllowedError: the address is not a loopback address, and allow_remote is not set.
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
    is_stopped: bool = False

    def __post_init__(self) -> None:
        host = resolved(str(urlsplit(self.base).hostname))
        if not self.allow_remote and not _is_loopback(host):
            raise NotAllowedError(
                f"{self.base} is not a loopback address; a scan attacks only loopback addresses"
            )

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send a request to an operation, and return the exchange.

        Raises:
            UnreachableError: no response came.
            NotAllowedError: the scan has sent too many requests, or its time is over.
            ShareOverError: the time of the present operation is over.
        """
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
        """Return a request that got no response as an exchange with status 0; send nothing."""
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
        """Send one request with the given path, headers and body; raise the errors of ``send``.

        Args:
            method: the HTTP method.
            path: path and query, below the base address.
            headers: all headers of the request.
            body: the body; None without a body.
        """
        if self.is_stopped:
            raise KeyboardInterrupt
        self.sent += 1
        if self.sent > self.max_requests:
            raise NotAllowedError(f"the scan has reached its limit of {self.max_requests} requests")
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
    """Return the headers; a question mark replaces each character that is not in Latin-1."""
    return {
        name: value.encode("latin-1", "replace").decode("latin-1")
        for name, value in headers.items()
    }


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """Return the first MAX_BYTES bytes of the body.

    Raises:
        TimeoutError: the body does not end before the deadline.
    """
    parts: list[bytes] = []
    while (part := answer.read1(65536)) and sum(map(len, parts)) < MAX_BYTES:
        parts.append(part)
        if time.perf_counter() > deadline:
            raise TimeoutError("the body of the response did not end in time")
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
    """Return form fields; a nested field is written ``name[key]``, as PHP and Express read it."""
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
