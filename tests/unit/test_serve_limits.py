"""``gates serve`` is bounded: shared questions, time limits, sizes, and slow or lost clients."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from format_documents import document
from serving import CANARY, Serving, serving

from gates import ledger
from gates.errors import GatesError
from gates.ledger import DecisionEntry
from gates.model import Outcome
from gates.serve import questions, request_bodies, server
from gates.serve.questions import Question, RecordedAnswer
from gates.serve.settings import ServeSettings

FLAGGER = "/v1/flagger/green/ramp-30"
CALLS = (
    ("POST", "/v1/decisions", {"stage": "ramp-30", "target": "green"}),
    ("GET", "/v1/metrics-web/green/ramp-30", None),
    ("POST", FLAGGER, CANARY),
    ("POST", f"{FLAGGER}/rollback", CANARY),
)


@dataclass(slots=True)
class SlowGate:
    """A gate that answers with a go when the test says so.

    Args:
        out: the folder of its ledger.
        may_answer: set where the gate may answer.
        questions: the questions that reached the gate.
    """

    out: Path
    may_answer: threading.Event = field(default_factory=threading.Event)
    questions: list[Question] = field(default_factory=list)

    def answer(self, question: Question) -> RecordedAnswer:
        """Write an entry to the ledger, as the gate does."""
        self.questions.append(question)
        assert self.may_answer.wait(20)
        content = document(outcome=Outcome.GO, text=question.stage)
        entry_id = ledger.append(self.out, DecisionEntry(content))
        kept = replace(content, entry_id=entry_id)
        return RecordedAnswer(kept, questions.compact_text(kept), ends_ramp=False)

    def wait_for(self, number: int) -> None:
        """Wait until so many questions have reached the gate."""
        until = time.monotonic() + 20
        while len(self.questions) < number:
            assert time.monotonic() < until
            time.sleep(0.005)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[SlowGate]:
    slow = SlowGate(tmp_path / "out")
    yield slow
    slow.may_answer.set()


def running(gate: SlowGate, seconds: float = 30.0) -> ServeSettings:
    return ServeSettings(out=str(gate.out), time_limit_seconds=seconds)


def wait_until_asked(serving_server: Serving, number: int) -> None:
    """Wait until so many questions have arrived at the server."""
    counts = serving_server.server.config.app.state.server.questions.counts  # type: ignore[union-attr]
    until = time.monotonic() + 20
    while counts.arrived < number:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_equal_questions_at_the_same_time_share_a_decision_and_its_entry(gate: SlowGate) -> None:
    with serving(running(gate), gate.answer) as gate_server, ThreadPoolExecutor(30) as clients:
        replies = [clients.submit(gate_server.decide, "ramp-30") for _ in range(20)]
        replies += [clients.submit(gate_server.decide, "ramp-40") for _ in range(5)]
        replies += [clients.submit(gate_server.decide, "ramp-40", "blue") for _ in range(5)]
        wait_until_asked(gate_server, 30)
        gate.may_answer.set()
        answers = [reply.result() for reply in replies]
        assert {reply.status for reply in answers} == {200}
        entries = [reply.json["id"] for reply in answers]
        assert sorted(entries.count(entry) for entry in set(entries)) == [5, 5, 20]
        assert {record.entry_id for record in ledger.entries(gate.out)} == set(entries)
        assert len(gate.questions) == 3
        assert (
            "gates_serve_questions_shared_total 27\n" in gate_server.get("/metrics").body.decode()
        )


def test_a_later_question_gets_a_decision_of_its_own(gate: SlowGate) -> None:
    gate.may_answer.set()
    with serving(running(gate), gate.answer) as gate_server:
        entries = [gate_server.decide("ramp-30").json["id"] for _ in range(3)]
    assert [record.entry_id for record in ledger.entries(gate.out)] == entries
    assert len(set(entries)) == 3


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[1])
def test_a_late_decision_is_an_error_and_never_a_go(
    gate: SlowGate, call: tuple[str, str, object]
) -> None:
    with serving(running(gate, 0.05), gate.answer) as gate_server:
        reply = gate_server.request(*call)
        assert reply.status == 504
        assert reply.json == {"error": "no decision within 0.05 s; send the request again"}
        gate.may_answer.set()


def test_the_decision_of_a_late_answer_is_in_the_ledger(gate: SlowGate) -> None:
    with serving(running(gate, 0.05), gate.answer) as gate_server:
        assert gate_server.decide("ramp-30").status == 504
        gate.may_answer.set()
    assert len(ledger.entries(gate.out)) == 1


def test_a_client_that_hangs_up_leaves_the_others_their_answer(gate: SlowGate) -> None:
    with serving(running(gate), gate.answer) as gate_server, ThreadPoolExecutor(1) as clients:
        lost = gate_server.connect()
        lost.sendall(b"GET /v1/metrics-web/green/ramp-30 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gate.wait_for(1)
        waiting = clients.submit(gate_server.get, "/v1/metrics-web/green/ramp-30")
        wait_until_asked(gate_server, 2)
        lost.close()
        gate.may_answer.set()
        assert waiting.result().status == 200
        assert len(gate.questions) == 1


def test_too_many_different_questions_are_refused(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MAX_QUESTIONS", 2)
    with serving(running(gate), gate.answer) as gate_server, ThreadPoolExecutor(2) as clients:
        waiting = [clients.submit(gate_server.decide, f"ramp-{share}") for share in (10, 20)]
        wait_until_asked(gate_server, 2)
        refused = gate_server.decide("ramp-30")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        gate.may_answer.set()
        assert [reply.result().status for reply in waiting] == [200, 200]
        assert gate_server.decide("ramp-30").status == 200


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (GatesError("the disk is full"), 500, "no decision: internal error: GatesError"),
        (ZeroDivisionError("secret"), 500, "no decision: internal error: ZeroDivisionError"),
        (TimeoutError(), 504, "no decision within 30 s; send the request again"),
    ],
)
def test_an_error_of_the_gate_is_no_decision(
    tmp_path: Path, error: Exception, status: int, sentence: str
) -> None:
    def fail(_: Question) -> RecordedAnswer:
        raise error

    with serving(ServeSettings(out=str(tmp_path)), fail) as gate_server:
        replies = [gate_server.request(*call) for call in CALLS]
        assert {reply.status for reply in replies} == {status}
        assert {reply.json["error"] for reply in replies} == {sentence}
        assert "gates_serve_questions_failed_total 4\n" in gate_server.get("/metrics").body.decode()


def received(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def raw_reply(serving_server: Serving, *parts: bytes) -> bytes:
    """The answer to a request in these parts, until the server closes the connection."""
    with serving_server.connect() as connection:
        for part in parts:
            connection.sendall(part)
        return received(connection)


def head(length: int) -> bytes:
    return (
        f"POST /v1/decisions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_does_not_end_is_given_up(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_bodies, "MAX_BODY_SECONDS", 0.05)
    monkeypatch.setattr(server, "MAX_HEAD_SECONDS", 0.1)
    with serving(running(gate), gate.answer) as gate_server:
        reply = raw_reply(gate_server, head(100), b'{"stage": ')
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert b'{"error":"the body did not arrive within 0.05 s"}' in reply
        assert gate.questions == []


def test_a_large_body_is_refused_before_it_has_arrived(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_SECONDS", 0.1)
    with serving(running(gate), gate.answer) as gate_server:
        reply = raw_reply(gate_server, head(10**9), b"x" * 70_000)
        assert reply.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: local"])
def test_a_connection_without_a_request_is_closed(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_SECONDS", 0.05)
    with serving(running(gate), gate.answer) as gate_server, gate_server.connect() as connection:
        connection.sendall(sent)
        assert received(connection) == b""
        assert gate_server.get("/healthz").status == 200


def test_a_slow_second_request_closes_the_connection(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_SECONDS", 0.05)
    with serving(running(gate), gate.answer) as gate_server:
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert raw_reply(gate_server, request, b"GET /heal").startswith(b"HTTP/1.1 200 ")


def test_a_question_may_take_longer_than_the_head_of_a_request(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_HEAD_SECONDS", 0.05)
    with serving(running(gate), gate.answer) as gate_server, ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(gate_server.decide, "ramp-30")
        gate.wait_for(1)
        time.sleep(0.2)
        gate.may_answer.set()
        assert waiting.result().status == 200


def test_a_large_head_is_refused(gate: SlowGate) -> None:
    with serving(running(gate), gate.answer) as gate_server:
        reply = raw_reply(gate_server, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


def test_more_connections_than_the_limit_are_refused(
    gate: SlowGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 5)
    with serving(running(gate), gate.answer) as gate_server:
        idle = [gate_server.connect() for _ in range(5)]
        assert gate_server.get("/healthz").status == 503
        for connection in idle:
            connection.close()
        until = time.monotonic() + 10
        while gate_server.get("/healthz").status != 200:
            assert time.monotonic() < until
