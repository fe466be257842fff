"""Defects of time: time stamps, order by time, expiry, and what a socket sends over seconds."""

import asyncio
import contextlib
from datetime import timedelta, timezone
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import events, orders, realtime, sync, tokens
from testbed.store.context import Context, Reply, integer, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import not_found

INDIA = timezone(timedelta(hours=5, minutes=30))
PUBLIC_ORDER, PUBLIC_EVENT, HAND_OUT = (
    orders.public_order,
    events.public_event,
    realtime.Hub.hand_out,
)
BY_ID_ONLY = [("points", -1), ("_id", 1)]
AGAIN_SECONDS = 2.5
HANG_UP_SECONDS = 3.0
SHORT_LOCK = timedelta(minutes=1)
LONG_SESSION = timedelta(days=300)


def order_in_local_time(order: Document) -> dict[str, object]:
    return {**PUBLIC_ORDER(order), "created_at": order["created_at"].astimezone(INDIA)}


def order_with_present_time(order: Document) -> dict[str, object]:
    return {**PUBLIC_ORDER(order), "created_at": now()}


def event_in_the_future(event: Document) -> dict[str, object]:
    return {**PUBLIC_EVENT(event), "at": event["at"] + timedelta(hours=5, minutes=30)}


def event_with_present_time(event: Document) -> dict[str, object]:
    return {**PUBLIC_EVENT(event), "at": now()}


async def unlock_a_day_ago(db: Database, user_id: str, key: str) -> None:
    achievement = {"user_id": user_id, "key": key, "unlocked_at": now() - timedelta(days=1)}
    await db.achievements.update_one(
        {"_id": f"{user_id}:{key}"}, {"$setOnInsert": achievement}, upsert=True
    )


def changes_by_clock(changes: list[sync.Change]) -> list[sync.Change]:
    return sorted(changes, key=lambda change: change.at)


def hand_out_again(hub: realtime.Hub, event: Document) -> None:
    HAND_OUT(hub, event)
    asyncio.get_running_loop().call_later(AGAIN_SECONDS, HAND_OUT, hub, event)


async def hang_up_soon(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        await asyncio.wait_for(socket.receive_text(), HANG_UP_SECONDS)


async def rotate_whenever(context: Context, old: str, fresh: str) -> Document | None:
    return await context.db.sessions.find_one_and_update(
        {"refresh_digest": tokens.digest(old)}, {"$set": {"refresh_digest": tokens.digest(fresh)}}
    )


async def audit_by_action(context: Context) -> Reply:
    only(context.query, "limit")
    user_id = context.path["user_id"]
    if await context.db.users.find_one({"_id": user_id}) is None:
        raise not_found("user")
    limit = integer(context.query, "limit", 50, 200)
    cursor = context.db.audit_logs.find({"$or": [{"actor_id": user_id}, {"subject_id": user_id}]})
    entries: list[dict[str, Any]] = [
        {"id": entry["_id"], **{name: entry[name] for name in entry if name != "_id"}}
        async for entry in cursor.sort([("action", 1), ("at", -1)]).limit(limit)
    ]
    return Reply(200, {"entries": entries})
