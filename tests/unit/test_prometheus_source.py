"""The Prometheus source on answers nobody should trust."""

import contextlib
import gzip
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from gates.errors import UnknownNameError
from gates.model import Access, Measured
from gates.sources import source_named
from gates.sources.health import parse as parse_health
from gates.sources.http import get
from gates.sources.prometheus import Prometheus, parse


def matrix(*values: object, result_type: str = "matrix", **more: object) -> bytes:
    result = [{"metric": {"slot": "green"}, "values": list(values)}]
    data = {"resultType": result_type, "result": result}
    return json.dumps({"status": "success", "data": data, **more}).encode()


def test_a_good_answer_is_read() -> None:
    problem, (series,) = parse(200, matrix([1.0, "5"], [2.0, "7"]))
    assert problem == ""
    assert [(sample.at, sample.value) for sample in series.samples] == [(1.0, 5.0), (2.0, 7.0)]


BAD = {
    "html": (200, b"<html>"),
    "an error": (200, b'{"status": "error", "error": "timeout"}'),
    "status 500": (500, matrix([1.0, "5"])),
    "warnings": (200, matrix([1.0, "5"], warnings=["partial"])),
    "a vector": (200, matrix([1.0, "5"], result_type="vector")),
    "no data": (200, b'{"status": "success"}'),
    "a list": (200, b"[]"),
    "null": (200, b"null"),
    "text for a value": (200, matrix([1.0, "many"])),
    "three in a pair": (200, matrix([1.0, "5", "6"])),
    "a time that is no number": (200, matrix(["NaN", "5"])),
    "times that go back": (200, matrix([2.0, "5"], [1.0, "7"])),
    "one time twice": (200, matrix([1.0, "5"], [1.0, "7"])),
    "values that are no list": (200, matrix(5)),
    "booleans": (200, matrix([True, "5"])),
    "a partial answer": (200, matrix([1.0, "5"], isPartial=True)),
    "a value that is no text": (200, matrix([1.0, 5])),
    "one series twice": (
        200,
        json.dumps(
            {
                "status": "success",
                "data": {
                    "resultType": "matrix",
                    "result": [{"metric": {}, "values": []}, {"metric": {}, "values": []}],
                },
            }
        ).encode(),
    ),
    "deep nesting": (200, b"[" * 100_000),
    "nothing": (200, b""),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_answer_is_a_problem_and_no_series(what: str) -> None:
    problem, series = parse(*BAD[what])
    assert problem
    assert series == ()


@contextmanager
def server(answer: Callable[[socketserver.StreamRequestHandler], None]) -> Iterator[str]:
    """A server on loopback that answers every connection so."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            with contextlib.suppress(OSError):
                answer(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


# An answer that takes far longer than its reader waits, also on a busy machine.
ENDLESS_SECONDS = 3.0


def hang(handler: socketserver.StreamRequestHandler) -> None:
    del handler
    time.sleep(ENDLESS_SECONDS)


def drip(handler: socketserver.StreamRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(int(10 * ENDLESS_SECONDS)):
        handler.wfile.write(b"x")
        time.sleep(0.1)


def drip_headers(handler: socketserver.StreamRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(int(10 * ENDLESS_SECONDS)):
        handler.wfile.write(b"X-%d: y\r\n" % number)
        time.sleep(0.1)


def cut(handler: socketserver.StreamRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")


def huge(handler: socketserver.StreamRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)


@pytest.mark.parametrize(
    ("answer", "seconds", "problem"),
    [
        (hang, 0.5, "no response within 0.5 s"),
        (drip_headers, 0.5, "no response within 0.5 s"),
        (drip, 0.5, "no response within 0.5 s"),
        (cut, 10, "the response ended early"),
        (huge, 10, "the response has more than 1000 bytes"),
    ],
)
def test_a_get_is_bounded(
    answer: Callable[[socketserver.StreamRequestHandler], None], seconds: float, problem: str
) -> None:
    with server(answer) as url:
        began = time.monotonic()
        got = get(url, Access(seconds), max_bytes=1000)
        assert time.monotonic() - began < ENDLESS_SECONDS - 0.5
    assert (got.status, got.body, got.problem) == (0, b"", problem)


def long_ago(handler: socketserver.StreamRequestHandler) -> None:
    body = matrix([1.0, "5"])
    head = f"Date: Wed, 28 Jan 2026 10:00:00 GMT\r\nContent-Length: {len(body)}\r\n\r\n"
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + body)


def test_a_server_of_another_time_is_an_error() -> None:
    with server(long_ago) as url:
        answer = Prometheus(url, Access(2.0)).samples("up", timedelta(seconds=60), time.time())
    assert answer.measured is Measured.ERROR
    assert "the clocks of Prometheus and of the gate differ" in answer.problem


PACKED = gzip.compress(matrix([1.0, "5"]))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (PACKED, ""),
        (PACKED[:-9], "a header of the response says gzip, but the body is not gzip"),
        (b"plain", "a header of the response says gzip, but the body is not gzip"),
        (gzip.compress(b" " * 5000), "the response has more than 1000 bytes"),
    ],
    ids=["whole", "cut", "plain", "too large"],
)
def test_a_body_that_a_proxy_compressed_is_read_within_the_limit(body: bytes, problem: str) -> None:
    def answer(handler: socketserver.StreamRequestHandler) -> None:
        head = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + body)

    with server(answer) as url:
        got = get(url, Access(2.0), max_bytes=1000)
    assert got.problem == problem
    assert got.body == (b"" if problem else matrix([1.0, "5"]))


def test_a_closed_port_is_a_problem() -> None:
    answer = Prometheus("http://127.0.0.1:1", Access(2.0)).samples(
        "up", timedelta(seconds=60), 1000.0
    )
    assert answer.measured is Measured.ERROR
    assert answer.query == "up[60s]"


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean prometheus"):
        source_named("promtheus", "http://127.0.0.1:1", Access(2.0))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"release": "v5"}',
        b'{"release": 5, "version": "5", "digest": "d"}',
        b'{"release": "v5", "version": "5\\u001b[2J", "digest": "d", "deployment": "green"}',
        b'{"release": "v5", "version": "' + b"9" * 500 + b'", "digest": "d", "deployment": "g"}',
    ],
)
def test_a_health_answer_that_names_no_build_is_an_error(body: bytes) -> None:
    assert parse_health("http://h", 200, body).measured is Measured.ERROR
