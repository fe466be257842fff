"""An HTTP server on loopback that gives recorded answers, and remembers what was posted."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]


@dataclass(slots=True)
class Recording:
    """Recorded answers.

    Args:
        answers: status and JSON by method and path, such as ``GET /api/health``; a query of
            Prometheus is found by ``GET /api/v1/query?`` and its expression.
        posted: path and JSON of each POST, in order.
        tokens: the Authorization headers.
        url: where the server answers.
    """

    answers: dict[str, Answer]
    posted: list[tuple[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query).get("query", [""])[0]
        keys = [f"GET {parts.path}?{query}", f"GET {parts.path}"]
        self._answer(keys)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.recording.posted.append((self.path, json.loads(body)))
        self._answer([f"POST {self.path}"])

    def _answer(self, keys: list[str]) -> None:
        recording = self.server.recording
        recording.tokens.add(self.headers.get("Authorization", ""))
        known = [recording.answers[key] for key in keys if key in recording.answers]
        status, content = known[0] if known else (404, {"message": "Not found"})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recording: Recording


@contextmanager
def recorded(answers: Mapping[str, Answer]) -> Iterator[Recording]:
    """A server with these answers, for a while."""
    server = _Server(("127.0.0.1", 0), _Handler)
    recording = server.recording = Recording(dict(answers))
    recording.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        server.shutdown()
        server.server_close()
