"""The WebSockets: order updates to their owner, delivery updates of one order, with resume."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import auth, events, malfunctions
from testbed.store.context import Store, now
from testbed.store.database import Document
from testbed.store.errors import Refused

AUTH_SECONDS = 5.0
POLL_SECONDS = 0.25
OVERLAP = timedelta(seconds=2)
MAX_WAITING = 1000
REFUSED = 4401
NOT_FOUND = 4404


class Hello(msgspec.Struct, forbid_unknown_fields=True):
    """The first message of a connection: its token, and the number of its last event."""

    token: str
    resume_after: int | None = None


class Hub:
    """Hands each new order event to the connections of the order's owner.

    Both colours write to one database, so events are found by reading it: everything of the
    last OVERLAP, each event once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: dict[str, set[asyncio.Queue[Document]]] = {}
        self._seen: dict[str, Any] = {}

    def join(self, user_id: str) -> asyncio.Queue[Document]:
        queue: asyncio.Queue[Document] = asyncio.Queue(MAX_WAITING)
        self._listeners.setdefault(user_id, set()).add(queue)
        return queue

    def leave(self, user_id: str, queue: asyncio.Queue[Document]) -> None:
        self._listeners.get(user_id, set()).discard(queue)
        if not self._listeners.get(user_id):
            self._listeners.pop(user_id, None)

    async def run(self) -> None:
        """Poll for new events until cancelled; a database that is away is polled again."""
        failing = False
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.poll()
                failing = False
            except Exception as error:  # noqa: BLE001 - the next poll reads the same events again
                if not failing:
                    malfunctions.log_failed_poll(error)
                failing = True

    async def poll(self) -> None:
        since = now() - OVERLAP
        cursor = self._store.db.order_events.find({"at": {"$gt": since}}).sort([("at", 1)])
        fresh = [event async for event in cursor if event["_id"] not in self._seen]
        self._seen = {key: at for key, at in self._seen.items() if at > since}
        for event in fresh:
            self._seen[event["_id"]] = event["at"]
            self.hand_out(event)

    def hand_out(self, event: Document) -> None:
        for queue in self.listeners_of(event):
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(event)

    def listeners_of(self, event: Document) -> set[asyncio.Queue[Document]]:
        return set(self._listeners.get(event["user_id"], set()))


async def greet(store: Store, socket: WebSocket) -> tuple[Document, Hello]:
    """Accept the connection and authenticate its first message."""
    await socket.accept()
    text = await asyncio.wait_for(socket.receive_text(), AUTH_SECONDS)
    try:
        hello = msgspec.json.decode(text, type=Hello)
        user, _ = await auth.caller(store, hello.token, ("access",))
    except (msgspec.MsgspecError, Refused) as error:
        await socket.close(REFUSED, "Log in first.")
        raise WebSocketDisconnect(REFUSED) from error
    return user, hello


async def missed(store: Store, wanted: Document, resume_after: int | None) -> list[Document]:
    """The events after the client's last event; no events for a connection that does not resume."""
    if resume_after is None:
        return []
    cursor = store.db.order_events.find({**wanted, "seq": {"$gt": resume_after}})
    return [event async for event in cursor.sort([("order_id", 1), ("seq", 1)])]


async def orders(store: Store, hub: Hub, socket: WebSocket) -> None:
    """WebSocket ``/api/ws/orders``: every event of the caller's orders."""
    user, _ = await greet(store, socket)
    await feed(store, hub, socket, {"user_id": user["_id"]}, None)


async def delivery(store: Store, hub: Hub, socket: WebSocket) -> None:
    """WebSocket ``/api/ws/delivery/{order_id}``: one order's events, resumable by number."""
    user, hello = await greet(store, socket)
    wanted = {"order_id": socket.path_params["order_id"], "user_id": user["_id"]}
    order = await store.db.orders.find_one(order_filter(wanted))
    if order is None:
        await socket.close(NOT_FOUND, "No such order.")
        return
    await feed(store, hub, socket, {**wanted, "user_id": order["user_id"]}, hello.resume_after)


def order_filter(wanted: Document) -> Document:
    return {"_id": wanted["order_id"], "user_id": wanted["user_id"]}


async def feed(
    store: Store, hub: Hub, socket: WebSocket, wanted: Document, resume_after: int | None
) -> None:
    """Send the missed events, then new events, each once, until the client disconnects."""
    queue = hub.join(wanted["user_id"])
    listening = asyncio.create_task(hang_up(socket))
    try:
        await send(socket, {"type": "ready"})
        sent = set()
        for event in await missed(store, wanted, resume_after):
            sent.add(event["_id"])
            await send(socket, events.public_event(event))
        while not listening.done():
            fresh = await next_event(queue, listening)
            if fresh and fresh["_id"] not in sent and concerns(fresh, wanted):
                await send(socket, events.public_event(fresh))
    finally:
        hub.leave(wanted["user_id"], queue)
        listening.cancel()


def concerns(event: Document, wanted: Document) -> bool:
    return all(event[name] == value for name, value in wanted.items())


async def next_event(
    queue: asyncio.Queue[Document], listening: asyncio.Task[None]
) -> Document | None:
    """The next event; None when the client disconnects first."""
    waiting = asyncio.create_task(queue.get())
    await asyncio.wait({waiting, listening}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    return None


async def hang_up(socket: WebSocket) -> None:
    """Read until the client disconnects; its messages are ignored."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


async def send(socket: WebSocket, message: dict[str, Any]) -> None:
    await socket.send_text(msgspec.json.encode(message).decode())
