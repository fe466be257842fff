"""Offline sync: applies the changes of a device without a connection once, in their order."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pymongo.errors import DuplicateKeyError

from testbed.store import cart, orders
from testbed.store.context import Context, Reply, now
from testbed.store.errors import Refused

if TYPE_CHECKING:
    from testbed.store.database import Document

ChangeId = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Change(msgspec.Struct, forbid_unknown_fields=True):
    client_id: ChangeId
    kind: Literal["order.place", "cart.set"]
    base_version: Annotated[int, msgspec.Meta(ge=0)]
    at: datetime
    items: Annotated[list[orders.Item], msgspec.Meta(max_length=100)]


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    device_id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    changes: Annotated[list[Change], msgspec.Meta(min_length=1, max_length=100)]


async def offline(context: Context, body: Batch) -> Reply:
    """``POST /api/sync/offline``: one result a change, in the order of the changes."""
    await context.db.mobile_devices.update_one(
        {"_id": f"{context.user['_id']}:{body.device_id}"},
        {"$set": {"user_id": context.user["_id"], "seen_at": now()}},
        upsert=True,
    )
    results = [await apply_once(context, change) for change in in_order(body.changes)]
    return Reply(200, {"results": results})


def in_order(changes: list[Change]) -> list[Change]:
    """Changes in the order they were made, as the device's list says it."""
    return changes


async def apply_once(context: Context, change: Change) -> dict[str, object]:
    """Apply a change, unless the user has already sent its client id."""
    key = f"{context.user['_id']}:{change.client_id}"
    record: Document = {"_id": key, "user_id": context.user["_id"], "kind": change.kind}
    try:
        await context.db.offline_sync.insert_one({**record, "at": now()})
    except DuplicateKeyError:
        return result(change, "duplicate")
    try:
        if change.kind == "order.place":
            return await place_order(context, change)
        return await set_cart(context, change)
    except Refused as refusal:
        return result(change, "rejected", reason=refusal.code)


async def place_order(context: Context, change: Change) -> dict[str, object]:
    body = orders.PlaceOrder(client_order_id=change.client_id, items=change.items or None)
    reply = await orders.place(context, body)
    return result(change, "applied", order=reply.body)


async def set_cart(context: Context, change: Change) -> dict[str, object]:
    """Replace the cart, when its version is still the version that the device has."""
    current = await cart.load(context.db, context.user["_id"])
    if is_stale(change.base_version, current["version"]):
        return result(change, "conflict", cart=await cart.priced(context.db, current))
    items = {item.product_id: item.quantity for item in change.items}
    changed = await cart.put(context.db, current, items)
    return result(change, "applied", cart=await cart.priced(context.db, changed))


def is_stale(base_version: int, current_version: int) -> bool:
    return base_version != current_version


def result(change: Change, status: str, **details: object) -> dict[str, object]:
    defaults: dict[str, object] = {"order": None, "cart": None, "reason": None}
    return {"client_id": change.client_id, "status": status, **defaults, **details}
