"""Sends many requests at the same moment, each over its own connection."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from suites.client import Answer, StoreClient

Value = TypeVar("Value")
NewClient = Callable[[], StoreClient]

SENDERS = 24
START_SECONDS = 10


def at_once(acts: Sequence[Callable[[], Value]]) -> list[Value]:
    """Call all functions at the same moment, each in its own thread.

    Args:
        acts: the functions.

    Returns:
        The results of the functions, in the order of the functions.
    """
    barrier = Barrier(len(acts), timeout=START_SECONDS)

    def begin_together(act: Callable[[], Value]) -> Value:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin_together, acts))


def devices(new_client: NewClient, token: str, count: int = SENDERS) -> list[StoreClient]:
    """Make clients with the same token, and open the connection of each client.

    Args:
        new_client: a function that makes a client.
        token: the access token of the clients; empty for clients that are not logged in.
        count: the number of clients.
    """
    clients = [new_client() for _ in range(count)]
    for client in clients:
        client.token = token
    at_once([_opened(client) for client in clients])
    return clients


def _opened(client: StoreClient) -> Callable[[], Answer]:
    client.wait_longer()
    return lambda: client.ask("health")


def same_call(clients: Sequence[StoreClient], operation_id: str, **parts: Any) -> list[Answer]:  # noqa: ANN401 - the parts of a request, as in StoreClient
    """Send the same request from each client at the same moment, and return the responses.

    Args:
        clients: the clients.
        operation_id: the operation.
        parts: the parts of the request, as in ``StoreClient.ask``.
    """

    def act(client: StoreClient) -> Callable[[], Answer]:
        return lambda: client.ask(operation_id, **parts)

    return at_once([act(client) for client in clients])


def own_calls(
    clients: Sequence[StoreClient], operation_id: str, bodies: Sequence[dict[str, Any]]
) -> list[Answer]:
    """Send one request from each client at the same moment, and return the responses.

    Args:
        clients: the clients.
        operation_id: the operation.
        bodies: the body of the request of each client, in the order of the clients.
    """

    def act(client: StoreClient, body: dict[str, Any]) -> Callable[[], Answer]:
        client.wait_longer()
        return lambda: client.ask(operation_id, body=body)

    return at_once([act(client, body) for client, body in zip(clients, bodies, strict=True)])


def statuses(answers: Sequence[Answer]) -> dict[int, int]:
    """Count the responses with each status."""
    return dict(Counter(answer.status for answer in answers))


def codes(answers: Sequence[Answer]) -> set[str]:
    """Return the error codes of the responses that report an error."""
    return {answer.body["error"]["code"] for answer in answers if "error" in (answer.body or {})}
