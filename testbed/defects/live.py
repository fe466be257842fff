"""Defects of WebSockets, order events and offline sync."""

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import realtime, sync
from testbed.store.context import Context, Store, new_id, now
from testbed.store.database import Database, Document


async def refuse_socket(store: Store, socket: WebSocket) -> tuple[Document, realtime.Hello]:
    del store
    await socket.close()
    raise WebSocketDisconnect


def hand_out_nothing(hub: realtime.Hub, event: Document) -> None:
    del hub, event


def leave_with_all_screens(hub: realtime.Hub, user_id: str, queue: object) -> None:
    del queue
    hub._listeners.pop(user_id, None)  # noqa: SLF001 - a defect reaches inside


def everybody_listens(hub: realtime.Hub, event: Document) -> set[object]:
    del event
    return {queue for queues in hub._listeners.values() for queue in queues}  # noqa: SLF001 - a defect reaches inside


def everything_concerns(event: Document, wanted: Document) -> bool:
    return bool(event and wanted)


def anybodys_order(wanted: Document) -> Document:
    return {"_id": wanted["order_id"]}


async def missed_one_too_many(
    store: Store, wanted: Document, resume_after: int | None
) -> list[Document]:
    if resume_after is None:
        return []
    cursor = store.db.order_events.find({**wanted, "seq": {"$gte": resume_after}})
    return [event async for event in cursor.sort("seq", 1)]


async def missed_nothing(
    store: Store, wanted: Document, resume_after: int | None
) -> list[Document]:
    del store, wanted, resume_after
    return []


async def write_event_one_ahead(db: Database, order: Document, status: str) -> None:
    event = {
        "_id": new_id("evt"),
        "order_id": order["_id"],
        "user_id": order["user_id"],
        "seq": order["event_seq"] + 1,
        "status": status,
        "at": now(),
    }
    await db.order_events.insert_one(event)


async def apply_again(context: Context, change: sync.Change) -> dict[str, object]:
    if change.kind == "order.place":
        again = msgspec.structs.replace(change, client_id=new_id("again"))
        return {**await sync.place_order(context, again), "client_id": change.client_id}
    return await sync.set_cart(context, change)


def never_stale(base_version: int, current_version: int) -> bool:
    return base_version < 0 < current_version


def last_change_first(changes: list[sync.Change]) -> list[sync.Change]:
    return changes[::-1]
