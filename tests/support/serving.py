"""A ``gates serve`` inside the test's own process or in another process, and requests to it."""

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import uvicorn
from worlds import ROOT, environment

from gates.serve.application import application
from gates.serve.questions import Question, RecordedAnswer
from gates.serve.server import server_of
from gates.serve.settings import ServeSettings

LISTENING = re.compile(r"listening on https?://127\.0\.0\.1:(\d+)\n\Z")
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# The body that Flagger 1 sends with each webhook.
CANARY = {
    "name": "store",
    "namespace": "kirana",
    "phase": "Progressing",
    "checksum": "85d557f47b",
    "metadata": {"team": "release"},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server."""

    port: int
    server: uvicorn.Server = field(repr=False)

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> Reply:
        """Send a request on a connection of its own; an object as body is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = dict(headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent = {"Content-Type": "application/json", **sent}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
        """Send a GET request."""
        return self.request("GET", path, headers=headers)

    def decide(self, stage: str, target: str = "green", **headers: str) -> Reply:
        """Ask for a decision."""
        question = {"stage": stage, "target": target}
        return self.request("POST", "/v1/decisions", question, headers)

    def connect(self) -> socket.socket:
        """A connection without a request."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@contextmanager
def serving(
    settings: ServeSettings, answer: Callable[[Question], RecordedAnswer] | None = None
) -> Iterator[Serving]:
    """A server with these settings, for a while.

    Args:
        settings: the settings of the server.
        answer: answers one question; None for the gate.
    """
    server = server_of(application(settings, answer), settings)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield Serving(port, server)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Running:
    """A ``gates serve`` in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def connected(self) -> closing[http.client.HTTPConnection]:
        """A connection to the server, for a while."""
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20))


@contextmanager
def started(*options: str, **variables: str) -> Iterator[Running]:
    """The command on a free port, for a while."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gates", "serve", "--listen", "127.0.0.1:0", *options],
        cwd=ROOT,
        env={**environment(), **variables},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = LISTENING.match(line)
        assert match, line + (process.stderr.read() if process.stderr else "")
        yield Running(process, int(match[1]))
    finally:
        process.kill()
        process.communicate(timeout=20)
