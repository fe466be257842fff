"""A fake Prometheus that knows a list of series, with samples that rise by one each second."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gates.model.selector import parse

Labels = Mapping[str, str]
RANGE = re.compile(r"(.*)\[(\d+)(ms|s)\]\Z", re.DOTALL)
EVERY_SECONDS = 5


@contextmanager
def listed_prometheus(
    series: Sequence[Labels],
    pages: Mapping[str, object],
    down: frozenset[str] = frozenset(),
    *,
    only_queries: bool = False,
) -> Iterator[str]:
    """A server, and its address.

    Args:
        series: the labels of each series, ``__name__`` among them.
        pages: other answers by path, such as health.
        down: instances whose ``up`` is 0.
        only_queries: whether the server knows no other address of the API than queries.
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path in pages:
                self.say(200, pages[parts.path])
            elif parts.path.startswith("/api/v1/query" if only_queries else "/api/v1/"):
                data = _data(parts.path.removeprefix("/api/v1/"), query, series, down)
                self.say(200, {"status": "success", "data": data})
            else:
                self.say(404, {})

        def say(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def _data(
    path: str, query: Mapping[str, str], series: Sequence[Labels], down: frozenset[str]
) -> Any:
    if path.startswith("label/"):
        return sorted({labels["__name__"] for labels in series})
    if path == "series":
        return _matching(query["match[]"], series)
    selector = RANGE.match(query["query"])
    if selector is None:
        return {"resultType": "vector", "result": []}
    seconds = int(selector[2]) / (1000 if selector[3] == "ms" else 1)
    moments = range(int(time.time() - seconds) + 1, int(time.time()) + 1, EVERY_SECONDS)
    result = [
        {"metric": labels, "values": [[at, _value(labels, at, down)] for at in moments]}
        for labels in _matching(selector[1], series)
    ]
    return {"resultType": "matrix", "result": result}


def _matching(selector: str, series: Sequence[Labels]) -> list[Labels]:
    parsed = parse(selector)
    return [labels for labels in series if parsed.matches(labels)]


def _value(labels: Labels, at: int, down: frozenset[str]) -> str:
    if labels["__name__"] == "up":
        return "0" if labels["instance"] in down else "1"
    return str(at)
