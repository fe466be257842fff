"""A small store that is not Kirana Store: other metric names, another label, its own OpenAPI file.

Two servers, ``stable`` and ``canary``, and a balancer with the control endpoint ``/config``.
Customers are counted and not sent: a thread adds their requests to the counters of both servers, by
the weights of the balancer. Metric names are those of Spring Boot with Micrometer.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

OPENAPI = Path(__file__).with_name("second_store_openapi.yaml")
REQUESTS_PER_SECOND = 400
TICK_SECONDS = 0.1
ROUTES = ("/teas", "/basket")
# Micrometer's boundaries near one second are other ones than the boundaries of the guide.
BOUNDARIES = (("0.25", 0.80), ("0.5", 0.97), ("1.43", 0.996), ("5.72", 1.0), ("+Inf", 1.0))
BUILDS = {
    "stable": ("spring", "7.1.0", "sha256:" + "1a" * 32),
    "canary": ("summer", "7.2.0", "sha256:" + "2b" * 32),
}


@dataclass(slots=True)
class Colour:
    """One server of the store.

    Args:
        name: ``stable`` or ``canary``.
        failing: the ratio of requests that fail, 0 to 1.
    """

    name: str
    failing: float = 0.0005
    requests: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ROUTES, 0.0))
    failures: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ROUTES, 0.0))
    started_at: float = field(default_factory=time.time)

    def serve(self, number: float) -> None:
        """Count some requests of customers."""
        for route in ROUTES:
            self.requests[route] += number / len(ROUTES)
            self.failures[route] += number / len(ROUTES) * self.failing

    def health(self) -> dict[str, str]:
        release, version, digest = BUILDS[self.name]
        return {"release": release, "version": version, "digest": digest, "deployment": self.name}

    def metrics(self) -> str:
        """The exposition of the counters."""
        name = "http_server_requests_seconds"
        lines = [
            f"process_start_time_seconds {self.started_at:.3f}",
            'application_info{{release="{}",version="{}",digest="{}"}} 1'.format(
                *BUILDS[self.name]
            ),
        ]
        for route in ROUTES:
            total, failed = int(self.requests[route]), int(self.failures[route])
            for status, count in (("200", total - failed), ("500", failed)):
                labels = f'method="GET",uri="{route}",status="{status}"'
                lines.append(f"{name}_count{{{labels}}} {count}")
                lines += [
                    f'{name}_bucket{{{labels},le="{le}"}} {int(count * part)}'
                    for le, part in BOUNDARIES
                ]
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class SecondStore:
    """The running store.

    Args:
        colours: the servers by name.
        weights: each server's share of the traffic, 0 to 1.
        urls: the addresses of both servers and of the balancer's control.
    """

    colours: dict[str, Colour]
    weights: dict[str, float]
    urls: dict[str, str] = field(default_factory=dict)

    def scrapes(self) -> list[dict[str, Any]]:
        """The scrape configuration: the label of the colours is ``track``."""
        configs = [
            {"targets": [self.urls[name].partition("//")[2]], "labels": {"track": name}}
            for name in self.colours
        ]
        return [{"job_name": "teas", "static_configs": configs}]

    def answer(self, server: str, path: str) -> tuple[int, bytes]:
        """The answer of a server to a GET."""
        if server == "control":
            return 200, json.dumps(self.weights).encode()
        colour = self.colours[server]
        if path == "/metrics":
            return 200, colour.metrics().encode()
        if path == "/health":
            return 200, json.dumps(colour.health()).encode()
        return 404, b"{}"


@contextmanager
def second_store() -> Iterator[SecondStore]:
    """The store with its customers; all of them go to stable at first."""
    store = SecondStore({name: Colour(name) for name in BUILDS}, {"stable": 1.0, "canary": 0.0})
    stop = threading.Event()
    with ExitStack() as stack:
        for name in (*BUILDS, "control"):
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store, name))
            server.daemon_threads = True
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            store.urls[name] = f"http://127.0.0.1:{server.server_address[1]}"
        customers = threading.Thread(target=_shop, args=(store, stop), daemon=True)
        customers.start()
        stack.callback(customers.join)
        stack.callback(stop.set)
        yield store


def _shop(store: SecondStore, stop: threading.Event) -> None:
    before = time.monotonic()
    while not stop.wait(TICK_SECONDS):
        now = time.monotonic()
        for name, weight in store.weights.items():
            store.colours[name].serve(REQUESTS_PER_SECOND * weight * (now - before))
        before = now


def _handler(store: SecondStore, name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.say(*store.answer(name, self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            store.weights.update(json.loads(body))
            self.say(*store.answer(name, self.path))

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
