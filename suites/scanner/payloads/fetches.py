"""Check whether the service fetches a URL that a user sends (SSRF), with a listener on loopback."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from suites.probes.api import Exchange, Observation, Parameter
from suites.probes.openapi import places, value_at
from suites.scanner.result import Gap
from suites.scanner.sending import UnreachableError
from suites.scanner.survey.service import GoodCall, Survey
from suites.scanner.survey.vocabulary import ADDRESS_OF_WEB

WAIT_SECONDS = 0.4
LAST_WAIT_SECONDS = 2.0
MAX_PATHS = 1000


class _Listener(BaseHTTPRequestHandler):
    """Answers every request with a short JSON text, and stores the requested path."""

    def _answer(self) -> None:
        paths = self.server.paths  # type: ignore[attr-defined]
        if len(paths) < MAX_PATHS:
            paths.append(self.path)
        content = b'{"probe": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = do_PUT = _answer  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Print nothing."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.paths: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing when a client closes the connection."""


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Run an HTTP listener on loopback inside the block.

    Yields:
        The URL of the listener, and the list of requested paths, which grows with each request.
    """
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def fetches(survey: Survey) -> Iterator[Observation | Gap]:
    """Send the listener's URL in every parameter that looks like a URL, and check for fetches."""
    targets = [(good, place) for good in survey.good.values() for place in _addresses(good)]
    if not targets:
        yield Gap("ssrf", "no parameter of the OpenAPI file looks like a URL")
        return
    sent: list[tuple[GoodCall, Parameter, Exchange | None]] = []
    with listening() as (base, paths):
        host = urlsplit(base).netloc
        forms: tuple[Callable[[str], str], ...] = (
            lambda path: f"http://{host}{path}",
            lambda path: f"{host}{path}",
        )
        for good, place in targets:
            number = len(sent)
            answer = _fetched(
                good,
                place,
                [form(f"/kp{number}/") for form in forms],
                partial(_is_hit, paths, number),
            )
            sent.append((good, place, answer))
        time.sleep(LAST_WAIT_SECONDS if not paths else WAIT_SECONDS)
        for number, (good, place, answer) in enumerate(sent):
            is_hit = _is_hit(paths, number)
            name = f"{good.endpoint.name} {place.name}"
            verb = "fetches" if is_hit else "does not fetch"
            sentence = f"{good.endpoint.name}: the service {verb} the URL in {place.name}"
            yield Observation("ssrf", name, is_hit, sentence, answer)


def _is_hit(paths: list[str], number: int) -> bool:
    """Return whether the service requested the URL with this number."""
    return any(path.startswith(f"/kp{number}/") for path in paths)


def _addresses(good: GoodCall) -> Iterator[Parameter]:
    for place in places(good.endpoint, good.call):
        value = value_at(good.call, place)
        name = place.name.rpartition(".")[2]
        is_address = isinstance(value, str) and value.startswith(("http://", "https://"))
        is_text = isinstance(value, str) or place.schema.get("type", "string") == "string"
        is_named = ADDRESS_OF_WEB.search(name) or place.schema.get("format") in ("uri", "url")
        if is_address or (is_text and is_named):
            yield place


def _fetched(
    good: GoodCall, place: Parameter, addresses: list[str], is_hit: Callable[[], bool]
) -> Exchange | None:
    """Send each form of the URL until the service fetches it; return the last exchange."""
    answer = None
    for address in addresses:
        call = good.call.with_value(place, address)
        try:
            answer = good.account.send(good.endpoint, call)
        except UnreachableError:
            continue
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and not is_hit():
            time.sleep(0.02)
        if is_hit():
            return answer
    return answer
