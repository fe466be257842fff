"""A shopper's connection: nothing is sent twice, and what is late or cut off is no answer."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from load.wire import Connection, NoAnswerError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# Long enough for a busy machine; a test of impatience says how long it waits.
PATIENCE_SECONDS = 10.0
Answer = Callable[[socket.socket, int], bool]


def requests_of(client: socket.socket) -> Iterator[bytes]:
    """Each whole request of a connection, in however many parts its bytes arrive."""
    received = b""
    while True:
        head, end, _ = received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = len(head) + len(end) + (int(length[1]) if length else 0)
        if end and len(received) >= size:
            yield received[:size]
            received = received[size:]
            continue
        part = client.recv(65536)
        if not part:
            return
        received += part


class Server:
    """Serves each request with a function, which says whether to keep the connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[Connection] = []
        self.address = self._listener.getsockname()
        self.requests: list[bytes] = []
        self.ended = threading.Semaphore(0)

    def serve(self, answer: Answer, patience: float = PATIENCE_SECONDS) -> Connection:
        """Begin to serve; a connection to this server."""
        threading.Thread(target=self._work, args=(answer,), daemon=True).start()
        connection = Connection(f"http://127.0.0.1:{self.address[1]}", "127.7.7.7", {}, patience)
        self._connections.append(connection)
        return connection

    def _work(self, answer: Answer) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                for request in requests_of(client):
                    self.requests.append(request)
                    if not answer(client, len(self.requests)):
                        break
            self.ended.release()

    def close(self) -> None:
        """Close every connection and the listening socket."""
        for connection in self._connections:
            connection.close()
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a port of its own."""
    started = Server()
    yield started
    started.close()


def right(client: socket.socket, _: int) -> bool:
    client.sendall(ANSWER)
    return True


def test_a_request_that_arrives_in_two_parts_is_one_request(server: Server) -> None:
    server.serve(right)
    with socket.create_connection(server.address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
        time.sleep(0.1)
        client.sendall(b"body")
        assert client.recv(65536) == ANSWER
        client.shutdown(socket.SHUT_WR)
        assert client.recv(65536) == b""
    assert len(server.requests) == 1


def test_a_connection_is_kept(server: Server) -> None:
    connection = server.serve(right)
    assert [connection.request("GET", "/").status for _ in range(3)] == [200] * 3
    assert len(server.requests) == 3


def test_a_request_taken_and_dropped_is_a_failure_and_not_sent_again(server: Server) -> None:
    connection = server.serve(lambda client, number: number % 2 == 1 and right(client, number))
    connection.request("POST", "/", body={})
    with pytest.raises(NoAnswerError, match="no answer"):
        connection.request("POST", "/", body={})
    assert len(server.requests) == 2


def test_a_connection_closed_while_idle_is_opened_anew(server: Server) -> None:
    def once(client: socket.socket, number: int) -> bool:
        right(client, number)
        return False

    connection = server.serve(once)
    for _ in range(3):
        assert connection.request("POST", "/", body={}).status == 200
        assert server.ended.acquire(timeout=PATIENCE_SECONDS)
    assert len(server.requests) == 3


def test_a_dripping_answer_is_none(server: Server) -> None:
    def drip(client: socket.socket, _: int) -> bool:
        for byte in ANSWER:
            client.sendall(bytes([byte]))
            time.sleep(0.02)
        return True

    with pytest.raises(NoAnswerError, match="no complete answer within"):
        server.serve(drip, patience=0.5).request("GET", "/")


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", ANSWER[:-1]])
def test_a_broken_answer_is_none(server: Server, raw: bytes) -> None:
    def broken(client: socket.socket, _: int) -> bool:
        client.sendall(raw)
        return False

    with pytest.raises(NoAnswerError):
        server.serve(broken).request("GET", "/")


def test_nobody_there_is_no_answer() -> None:
    """The port is bound and nobody listens, so that no other program can take it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(NoAnswerError, match="ConnectionRefusedError"):
            Connection(address, "", {}, PATIENCE_SECONDS).request("GET", "/")
