"""A very small web framework for the services that the tests of the scan attack on loopback."""

import json
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_BODY = 2_000_000
PROTECTIVE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """One request, parsed.

    Args:
        method: HTTP method.
        path: the path, with escapes resolved.
        values: the values of the parameters in the path.
        query: the query parameters.
        headers: header by lower-case name.
        body: the JSON value or the fields of the form; None when the body cannot be read.
    """

    method: str
    path: str
    values: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """One answer: a JSON value, or a text with its media type."""

    status: int
    content: Any = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """The request is refused with a status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"error": message})


Handler = Callable[[Request], Reply]


class SmallService:
    """The routes of a service; a subclass adds them."""

    def __init__(self) -> None:
        self.routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def route(self, method: str, template: str, handler: Handler) -> None:
        """Answer a method and a path template with a function."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        self.routes.append((method, re.compile(f"{pattern}\\Z"), handler))

    def headers(self, request: Request) -> Mapping[str, str]:
        """Headers of every answer."""
        del request
        return PROTECTIVE_HEADERS

    def on_error(self, request: Request, error: Exception) -> Reply:
        """The answer when a handler fails."""
        del request, error
        return Reply(400, {"error": "the request cannot be processed"})

    def answer(self, request: Request, raw_path: str) -> Reply:
        """The answer to a request."""
        for method, pattern, handler in self.routes:
            match = pattern.match(raw_path)
            if match and method == request.method:
                values = {name: unquote(text) for name, text in match.groupdict().items()}
                filled = Request(
                    request.method,
                    request.path,
                    values,
                    request.query,
                    request.headers,
                    request.body,
                )
                try:
                    return handler(filled)
                except RefusedError as refusal:
                    return refusal.reply
                except Exception as error:  # noqa: BLE001 - the service decides what it shows
                    return self.on_error(filled, error)
        if request.method == "OPTIONS":
            return Reply(204)
        return Reply(404, {"error": "not found"})


def trace(error: Exception) -> str:
    """The stack trace of an error, as a careless service shows it."""
    return "".join(traceback.format_exception(error))


class _Handler(BaseHTTPRequestHandler):
    service: ClassVar[SmallService]
    server_version, sys_version = "small", ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Print nothing."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        size = min(int(self.headers.get("content-length") or 0), MAX_BODY)
        request = Request(
            self.command,
            unquote(parts.path),
            {},
            dict(parse_qsl(parts.query, keep_blank_values=True, errors="replace")),
            {name.lower(): value for name, value in self.headers.items()},
            _parsed(self.rfile.read(size), self.headers.get("content-type", "")),
        )
        reply = self.service.answer(request, parts.path)
        is_json = reply.media_type == "application/json"
        text = json.dumps(reply.content) if is_json and reply.content is not None else reply.content
        content = (text or "").encode(errors="replace")
        self.send_response(reply.status)
        media_type = reply.media_type + ("" if is_json else "; charset=utf-8")
        sent = {
            "Content-Type": media_type,
            "Content-Length": str(len(content)),
            **self.service.headers(request),
            **reply.headers,
        }
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - names of http.server


def _parsed(raw: bytes, media_type: str) -> Any:
    if media_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
    try:
        return json.loads(raw or b"null")
    except (ValueError, RecursionError):
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing when a client hangs up."""


@contextmanager
def served(service: SmallService) -> Iterator[str]:
    """A running service; its address."""
    handler = type("Running", (_Handler,), {"service": service})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
