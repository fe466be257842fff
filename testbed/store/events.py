"""The numbered events of an order, which WebSockets send and can resume from."""

from testbed.store.context import new_id, now
from testbed.store.database import Database, Document

COURIER_STAGES = ("packed", "out_for_delivery", "delivered")


async def emit(db: Database, order: Document, status: str) -> None:
    """Set the order's status and add the event that says so."""
    changed = await set_status(db, order, status)
    if changed is None:
        return
    await write_event(db, changed, status)


async def set_status(db: Database, order: Document, status: str) -> Document | None:
    """The order with its new status and the number of the event; None where it is gone."""
    return await db.orders.find_one_and_update(
        {"_id": order["_id"]},
        {"$set": {"status": status}, "$inc": {"event_seq": 1}},
        return_document=True,
    )


async def write_event(db: Database, order: Document, status: str) -> None:
    event = {
        "_id": new_id("evt"),
        "order_id": order["_id"],
        "user_id": order["user_id"],
        "seq": order["event_seq"],
        "status": status,
        "at": now(),
    }
    await db.order_events.insert_one(event)


def public_event(event: Document) -> dict[str, object]:
    return {
        "type": "order",
        "order_id": event["order_id"],
        "seq": event["seq"],
        "status": event["status"],
        "at": event["at"],
    }
