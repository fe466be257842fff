"""Sends calls over HTTP: bounded in number and time, and to allowed addresses only."""

import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from suites.inspection.edge import resolved
from suites.probes.api import FORM, Call, Endpoint, Exchange, filled

MAX_BYTES = 1_000_000
MAX_SHOWN = 2000
TOO_MANY = 429
UNQUOTED = "%/?&=+:;,@!$'()*[]~-._"
HTTP_PORT, HTTPS_PORT = 80, 443


class UnreachableError(Exception):
    """The service gave no answer, so it could not be tested."""


class NotAllowedError(Exception):
    """Attack traffic to this address is not allowed, or too many requests were sent."""


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

    def __post_init__(self) -> None:
        host = resolved(str(urlsplit(self.base).hostname))
        if not self.allow_remote and not _is_loopback(host):
            raise NotAllowedError(f"{self.base} is not a loopback address")

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one call; see ``Sender``."""
        path = call.raw_path or filled(endpoint.path, call.path)
        if call.query:
            path += ("&" if "?" in path else "?") + urlencode(call.query, errors="surrogatepass")
        body, kind = _body(endpoint, call)
        content_type = {"Content-Type": kind} if body is not None else {}
        headers = {**content_type, **self.headers, **call.headers}
        return self.exchange(endpoint.method, path, headers, body)

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Exchange:
        """Send one request as it is; raises as ``send`` does."""
        self.sent += 1
        if self.sent > self.max_requests:
            raise NotAllowedError(f"more than {self.max_requests} requests")
        parts = urlsplit(self.base)
        path = f"{parts.path.rstrip('/')}{path}"
        started = time.perf_counter()
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port or HTTP_PORT)
        try:
            connection.sock = self._connected(parts.scheme, str(parts.hostname), parts.port)
            quoted_path = quote(path, safe=UNQUOTED)
            connection.request(method, quoted_path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            text = _read(answer, started + self.seconds).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
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
        )

    def _connected(self, scheme: str, host: str, port: int | None) -> socket.socket:
        source = self.source()
        default_port = HTTPS_PORT if scheme == "https" else HTTP_PORT
        plain = socket.create_connection(
            (resolved(host), port or default_port), self.seconds, (source, 0) if source else None
        )
        if scheme != "https":
            return plain
        context = ssl.create_default_context(cafile=self.ca_file)
        return context.wrap_socket(plain, server_hostname=host)


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
