"""A client of the store refuses an answer that was made for another person, or that did more."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread

import pytest
from worlds import ROOT

from gates.policy import target_file
from suites.client import Answer, StoreClient, UnexpectedAnswerError, connections
from suites.client.observing import Call
from suites.contract import load

PAYMENT = {"id": "pay_1", "order_id": "ord_1", "amount_paise": 5, "method": "upi"}
BODY = {"order_id": "ord_1", "amount_paise": 5, "method": "upi", "vpa": "a@upi"}
AT_ONCE = 4
NewClient = Callable[[object], StoreClient]


class Witness:
    """An observer that writes down what it sees, and has one problem with every answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int | None]] = []

    def begin(self, call: Call) -> None:
        self.calls.append((call.operation.name, None))

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        assert body == ({**PAYMENT, "status": "pending"} if status else None)
        self.calls.append((call.operation.name, status))
        return ["a cart of another user changed"]


@pytest.fixture
def client_that_gets(monkeypatch: pytest.MonkeyPatch) -> NewClient:
    """Returns a function that makes a client whose every request has one answer, or an error."""

    def make(answer: object) -> StoreClient:
        client = StoreClient(target_file.load("green", ROOT / "targets"), load(), "run", "")

        def send(*_: object) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return Answer(202, answer, {}, 0.1)

        monkeypatch.setattr(client, "_send", send)
        return client

    return make


def test_the_right_answer_is_accepted(client_that_gets: NewClient) -> None:
    client = client_that_gets({**PAYMENT, "status": "pending"})
    assert client.call("process_payment", expect=202, body=BODY).body["id"] == "pay_1"
    assert client.ask("process_payment", body=BODY).status == 202


def test_the_answer_for_another_order_is_refused(client_that_gets: NewClient) -> None:
    client = client_that_gets({**PAYMENT, "order_id": "ord_2", "status": "pending"})
    message = r"\['ord_2'\], but the request had \['ord_1'\]"
    with pytest.raises(UnexpectedAnswerError, match=message):
        client.call("process_payment", expect=202, body=BODY)
    with pytest.raises(UnexpectedAnswerError, match=message):
        client.ask("process_payment", body=BODY)


def test_what_the_observer_has_against_a_call_is_an_error(client_that_gets: NewClient) -> None:
    client, witness = client_that_gets({**PAYMENT, "status": "pending"}), Witness()
    client.observer = witness
    with pytest.raises(UnexpectedAnswerError, match="a cart of another user changed"):
        client.call("process_payment", expect=202, body=BODY)
    assert witness.calls == [("process_payment", None), ("process_payment", 202)]


def test_the_observer_hears_of_a_call_without_an_answer(client_that_gets: NewClient) -> None:
    client, witness = client_that_gets(UnexpectedAnswerError("no answer")), Witness()
    client.observer = witness
    with pytest.raises(UnexpectedAnswerError, match="no answer"):
        client.call("process_payment", expect=202, body=BODY)
    assert witness.calls == [("process_payment", None), ("process_payment", None)]


class ImpatientServer(BaseHTTPRequestHandler):
    """Answers requests; closes a connection on which the next request arrives too late."""

    protocol_version = "HTTP/1.1"
    idle_seconds = 0.2
    response_seconds = 0.0
    connections: list[object]

    def setup(self) -> None:
        super().setup()
        self.connections.append(self.connection)
        self.answered_at = time.monotonic()

    def do_GET(self) -> None:
        if time.monotonic() - self.answered_at > self.idle_seconds:
            self.close_connection = True
            return
        time.sleep(self.response_seconds)
        body = b'{"status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.answered_at = time.monotonic()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def client_of_impatient_server() -> Iterator[StoreClient]:
    ImpatientServer.connections = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), ImpatientServer)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    target = target_file.load("green", ROOT / "targets")
    api = f"http://127.0.0.1:{server.server_port}"
    target = replace(target, addresses=replace(target.addresses, api=api))
    client = StoreClient(target, load(), "run", "")
    yield client
    client.close()
    server.shutdown()
    server.server_close()


def send(client: StoreClient) -> Answer:
    request = client._request(client.contract.operation("health"), {})
    return client._send(request, "an answer")


def test_a_connection_is_used_again_at_once(client_of_impatient_server: StoreClient) -> None:
    assert [send(client_of_impatient_server).status for _ in range(3)] == [200, 200, 200]
    assert len(ImpatientServer.connections) == 1


def test_a_connection_that_was_idle_is_not_used_again(
    client_of_impatient_server: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may close an idle connection at the moment at which a request is sent."""
    client = client_of_impatient_server
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 0.1)
    send(client)
    time.sleep(0.3)
    assert send(client).status == 200
    assert len(ImpatientServer.connections) == 2
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 10.0)
    time.sleep(0.3)
    with pytest.raises(UnexpectedAnswerError, match=r"no answer within .*ConnectionError"):
        send(client)


def test_each_connection_of_several_threads_has_its_own_idle_time(
    client_of_impatient_server: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One busy connection does not hide that the other connections are idle."""
    client = client_of_impatient_server
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 0.4)
    monkeypatch.setattr(ImpatientServer, "idle_seconds", 0.8)
    monkeypatch.setattr(ImpatientServer, "response_seconds", 0.1)
    gate = Barrier(AT_ONCE, timeout=5)

    def burst() -> list[int]:
        def send_with_the_others(_: int) -> int:
            gate.wait()
            return send(client).status

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(send_with_the_others, range(AT_ONCE)))

    send(client)
    assert burst() == [200] * AT_ONCE
    assert len(ImpatientServer.connections) == AT_ONCE
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert send(client).status == 200
    assert burst() == [200] * AT_ONCE
