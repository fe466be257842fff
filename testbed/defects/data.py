"""Defects that leave wrong data behind: documents that contradict one another."""

import asyncio

from testbed.store import cart, events, loyalty, orders, payments
from testbed.store.context import Context, now
from testbed.store.database import Database, Document

GONE = "_gone"
FEE_PAISE = 2900
ACCOUNT_SECONDS = 0.05
ORDER_DOCUMENT, PAYMENT_DOCUMENT = orders.order_document, payments.payment_document
PUBLIC_ORDER, LINE, PUT = orders.public_order, cart.line, cart.put
EARNED_ENTRY, WRITE_EVENT = loyalty.earned_entry, events.write_event
TAKE_ONE, CHANGE_ACCOUNT, STORE_OUTCOME = (
    orders.take_one,
    loyalty.change_account,
    payments.store_outcome,
)
Lines = list[dict[str, object]]


async def order_without_items(db: Database, order: Document) -> None:
    await db.orders.insert_one({**order, "items": []})


def order_with_a_fee(context: Context, lines: Lines, body: orders.PlaceOrder) -> Document:
    order = ORDER_DOCUMENT(context, lines, body)
    return {**order, "total_paise": order["total_paise"] + FEE_PAISE}


def order_of_nobody(context: Context, lines: Lines, body: orders.PlaceOrder) -> Document:
    """Only orders of several products."""
    order = ORDER_DOCUMENT(context, lines, body)
    return {**order, "user_id": order["user_id"] + GONE} if len(lines) > 1 else order


def order_of_unknown_products(context: Context, lines: Lines, body: orders.PlaceOrder) -> Document:
    items = [{**line, "product_id": f"{line['product_id']}{GONE}"} for line in lines]
    return ORDER_DOCUMENT(context, items, body)


def line_without_quantity(product: Document, quantity: int) -> dict[str, object]:
    return {**LINE(product, quantity), "line_total_paise": product["price_paise"]}


def order_shown_dearer(order: Document) -> dict[str, object]:
    """Only when the order is read again."""
    extra = 100 if order["event_seq"] > 0 else 0
    return {**PUBLIC_ORDER(order), "total_paise": order["total_paise"] + extra}


async def order_not_stored(db: Database, order: Document) -> None:
    """Only orders of several products."""
    if len(order["items"]) == 1:
        await db.orders.insert_one(order)


async def take_twice(db: Database, product_id: str, quantity: int) -> bool:
    return await TAKE_ONE(db, product_id, 2 * quantity)


async def take_beyond_stock(db: Database, product_id: str, quantity: int) -> bool:
    change = {"$inc": {"stock": -quantity, "taken": quantity}}
    changed = await db.products.update_one({"_id": product_id}, change)
    return changed.modified_count == 1


async def take_from_a_copy(db: Database, product_id: str, quantity: int) -> bool:
    """The stock is read from a copy of the day when the goods were received, and written back."""
    product = await db.products.find_one({"_id": product_id})
    if product is None or product["received"] < quantity:
        return False
    left = {"stock": product["received"] - quantity}
    change = {"$set": left, "$inc": {"taken": quantity}}
    changed = await db.products.update_one({"_id": product_id}, change)
    return changed.modified_count == 1


def payment_of_nobody(context: Context, order: Document, method: str) -> Document:
    payment = PAYMENT_DOCUMENT(context, order, method)
    return {**payment, "user_id": payment["user_id"] + GONE}


def payment_of_a_rupee_less(context: Context, order: Document, method: str) -> Document:
    payment = PAYMENT_DOCUMENT(context, order, method)
    return {**payment, "amount_paise": payment["amount_paise"] - 100}


async def payment_not_stored(db: Database, payment: Document) -> None:
    del db, payment


async def outcome_not_stored(db: Database, payment: Document, change: Document) -> None:
    if change["status"] != "captured":
        await STORE_OUTCOME(db, payment, change)


async def status_that_is_never_paid(db: Database, order: Document, status: str) -> Document | None:
    """The event is numbered and the order keeps its status."""
    del status
    return await db.orders.find_one_and_update(
        {"_id": order["_id"]}, {"$inc": {"event_seq": 1}}, return_document=True
    )


async def status_without_the_last(db: Database, order: Document, status: str) -> Document | None:
    change: Document = {"$inc": {"event_seq": 1}}
    if status != "delivered":
        change["$set"] = {"status": status}
    return await db.orders.find_one_and_update({"_id": order["_id"]}, change, return_document=True)


async def event_of_another_order(db: Database, order: Document, status: str) -> None:
    await WRITE_EVENT(db, {**order, "_id": order["_id"] + GONE}, status)


async def event_lost_when_packed(db: Database, order: Document, status: str) -> None:
    if status != "packed":
        await WRITE_EVENT(db, order, status)


def entry_of_another_order(user_id: str, order: Document, points: int) -> Document:
    return {**EARNED_ENTRY(user_id, order, points), "order_id": order["_id"] + GONE}


def entry_of_one_more(user_id: str, order: Document, points: int) -> Document:
    return EARNED_ENTRY(user_id, order, points + 1)


async def read_then_write_account(
    db: Database, user: Document, points: int, *, lifetime: int
) -> Document:
    """Requests at the same moment overwrite each other's sums."""
    account = await loyalty.account_of(db, user["_id"])
    await asyncio.sleep(ACCOUNT_SECONDS)
    changed = {
        "balance": account["balance"] + points,
        "points": account["points"] + lifetime,
        "name": user["name"],
        "reached_at": now(),
    }
    await db.leaderboards.update_one({"_id": user["_id"]}, {"$set": changed}, upsert=True)
    return changed


async def lifetime_twice(db: Database, user: Document, points: int, *, lifetime: int) -> Document:
    return await CHANGE_ACCOUNT(db, user, points, lifetime=2 * lifetime)


async def spend_unchecked(db: Database, user_id: str, points: int) -> bool:
    changed = await db.leaderboards.update_one({"_id": user_id}, {"$inc": {"balance": -points}})
    return changed.modified_count == 1


def earned_by_everybody(paid_orders: int, total_paise: int) -> list[str]:
    del paid_orders, total_paise
    return list(loyalty.ACHIEVEMENTS)


async def cart_of_nobody(db: Database, current: Document, items: dict[str, int]) -> Document:
    written = await PUT(db, current, items)
    await db.carts.replace_one(
        {"_id": written["_id"] + GONE}, {**written, "_id": written["_id"] + GONE}, upsert=True
    )
    return written
