"""A shopper's connection: nothing is sent twice, and what is late or cut off is no answer."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from load.wire import Connection, NoAnswerError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Serve = Callable[[Callable[[socket.socket, int], bool]], Connection]


@pytest.fixture
def serving() -> Iterator[tuple[Serve, list[int]]]:
    """Serves each request with a function, which says whether to keep the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[int] = []
    made: list[Connection] = []

    def serve(answer: Callable[[socket.socket, int], bool]) -> Connection:
        def work() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, contextlib.suppress(OSError):
                    while client.recv(65536):
                        seen.append(len(seen))
                        if not answer(client, len(seen)):
                            break

        threading.Thread(target=work, daemon=True).start()
        port = listener.getsockname()[1]
        made.append(Connection(f"http://127.0.0.1:{port}", "127.7.7.7", {}, 0.5))
        return made[0]

    yield serve, seen
    for connection in made:
        connection.close()
    listener.close()


def right(client: socket.socket, _: int) -> bool:
    client.sendall(ANSWER)
    return True


def test_a_connection_is_kept(serving: tuple[Serve, list[int]]) -> None:
    serve, seen = serving
    connection = serve(right)
    assert [connection.request("GET", "/").status for _ in range(3)] == [200] * 3
    assert len(seen) == 3


def test_a_request_taken_and_dropped_is_a_failure_and_not_sent_again(
    serving: tuple[Serve, list[int]],
) -> None:
    serve, seen = serving
    connection = serve(lambda client, number: number % 2 == 1 and right(client, number))
    connection.request("POST", "/", body={})
    with pytest.raises(NoAnswerError, match="no answer"):
        connection.request("POST", "/", body={})
    assert len(seen) == 2


def test_a_connection_closed_while_idle_is_opened_anew(serving: tuple[Serve, list[int]]) -> None:
    serve, seen = serving

    def once(client: socket.socket, number: int) -> bool:
        right(client, number)
        return False

    connection = serve(once)
    for _ in range(3):
        assert connection.request("POST", "/", body={}).status == 200
        time.sleep(0.05)
    assert len(seen) == 3


def test_a_dripping_answer_is_none(serving: tuple[Serve, list[int]]) -> None:
    serve, _ = serving

    def drip(client: socket.socket, _: int) -> bool:
        for byte in ANSWER:
            client.sendall(bytes([byte]))
            time.sleep(0.02)
        return True

    with pytest.raises(NoAnswerError, match="no whole answer within"):
        serve(drip).request("GET", "/")


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", ANSWER[:-1]])
def test_a_broken_answer_is_none(serving: tuple[Serve, list[int]], raw: bytes) -> None:
    serve, _ = serving

    def broken(client: socket.socket, _: int) -> bool:
        client.sendall(raw)
        return False

    with pytest.raises(NoAnswerError):
        serve(broken).request("GET", "/")


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    with pytest.raises(NoAnswerError, match="ConnectionRefusedError"):
        Connection(f"http://127.0.0.1:{port}", "", {}, 0.5).request("GET", "/")
