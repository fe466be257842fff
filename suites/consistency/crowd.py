"""Sends many requests at the same moment, each over a connection of its own."""

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
    """Begin all acts at the same moment, each in a thread of its own.

    Returns:
        What each act returned, in the order of the acts.
    """
    barrier = Barrier(len(acts), timeout=START_SECONDS)

    def begin_together(act: Callable[[], Value]) -> Value:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin_together, acts))


def devices(new_client: NewClient, token: str, count: int = SENDERS) -> list[StoreClient]:
    """Clients with the same token, whose connections are open already."""
    clients = [new_client() for _ in range(count)]
    for client in clients:
        client.token = token
    at_once([_opened(client) for client in clients])
    return clients


def _opened(client: StoreClient) -> Callable[[], Answer]:
    client.wait_as_part_of_a_crowd()
    return lambda: client.ask("health")


def same_call(clients: Sequence[StoreClient], operation_id: str, **parts: Any) -> list[Answer]:  # noqa: ANN401 - the parts of a request, as in StoreClient
    """The answers to the same call from each client, all sent at the same moment."""

    def act(client: StoreClient) -> Callable[[], Answer]:
        return lambda: client.ask(operation_id, **parts)

    return at_once([act(client) for client in clients])


def own_calls(
    clients: Sequence[StoreClient], operation_id: str, bodies: Sequence[dict[str, Any]]
) -> list[Answer]:
    """The answers to a different call of each client, all sent at the same moment."""

    def act(client: StoreClient, body: dict[str, Any]) -> Callable[[], Answer]:
        client.wait_as_part_of_a_crowd()
        return lambda: client.ask(operation_id, body=body)

    return at_once([act(client, body) for client, body in zip(clients, bodies, strict=True)])


def statuses(answers: Sequence[Answer]) -> dict[int, int]:
    """How many answers have each status."""
    return dict(Counter(answer.status for answer in answers))


def codes(answers: Sequence[Answer]) -> set[str]:
    """The error codes in the answers."""
    return {answer.body["error"]["code"] for answer in answers if "error" in (answer.body or {})}
