"""Defects that teams ship: on other data, at the same moment, in time, in what others read."""

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pymongo.errors import PyMongoError

from testbed.store import (
    app,
    auth,
    cache,
    catalogue,
    courier,
    health,
    limits,
    loyalty,
    metrics,
    orders,
    payments,
    realtime,
    twofa,
)
from testbed.store.context import Context, Reply, now
from testbed.store.database import Database, Document

COUNT_PAUSE_SECONDS = 0.05
SEARCH_PAUSE_SECONDS = 0.03
MAX_HELD_SECONDS = 6.0
MINUTE_SECONDS = 60
STORE_OUTCOME, SAVE_METHOD, DELIVER, GET = (
    payments.store_outcome,
    payments.save_method,
    courier.deliver,
    cache.Cache.get,
)
PLACED_BEFORE, HAND_OUT, PAGE_CONTENT, SCHEMA_VERSION = (
    orders.placed_before,
    realtime.Hub.hand_out,
    app.page_content,
    health.schema_version,
)
CHANGE_PASSWORD = auth.change_password
_under_way: dict[str, asyncio.Task[Any]] = {}
_held: dict[str, Document] = {}
_minutes: dict[str, tuple[int, int]] = {}
_schema: dict[str, int] = {}


async def store_outcome_and_fail_others(db: Database, payment: Document, change: Document) -> None:
    await STORE_OUTCOME(db, payment, change)
    if change["status"] != "captured":
        return
    others = {"user_id": payment["user_id"], "status": "pending", "_id": {"$ne": payment["_id"]}}
    async for other in db.payments.find(others):
        await STORE_OUTCOME(db, other, {"status": "failed", "open_order_id": other["_id"]})


async def deliver_and_award_again(db: Database, order: Document) -> None:
    """Only points that were earned while the order was on its way."""
    await DELIVER(db, order)
    entry = await db.loyalty_points.find_one({"order_id": order["_id"]})
    user = await db.users.find_one({"_id": order["user_id"]})
    if entry and user:
        await loyalty.change_account(db, user, entry["points"], lifetime=entry["points"])


async def save_method_over_twin(context: Context, body: payments.SaveMethod) -> Reply:
    twins = {"user_id": context.user["_id"], "last4": body.card.number[-4:]}
    earlier = [method["_id"] async for method in context.db.payment_methods.find(twins)]
    reply = await SAVE_METHOD(context, body)
    await context.db.payment_methods.delete_many({"_id": {"$in": earlier}})
    return reply


async def look_then_count_failure(context: Context, collection: str, record_id: str) -> None:
    metrics.count_auth_failure(context.settings.deployment)
    record = await context.db[collection].find_one({"_id": record_id}) or {"failures": 0}
    await asyncio.sleep(COUNT_PAUSE_SECONDS)
    change: Document = {"failures": record["failures"] + 1}
    if change["failures"] >= twofa.MAX_TRIES:
        change = {"failures": 0, "locked_until": now() + twofa.LOCK}
    await context.db[collection].update_one({"_id": record_id}, {"$set": change})


async def get_shared_computation(
    pages: cache.Cache, key: str, moment: float, make: Callable[[], Awaitable[object]]
) -> object:
    """Requests at the same moment share a computation; its name leaves the filter out."""
    name = key.partition("{")[0]
    if name not in _under_way:

        async def compute() -> object:
            await asyncio.sleep(SEARCH_PAUSE_SECONDS)
            return await GET(pages, key, moment, make)

        _under_way[name] = asyncio.create_task(compute())
        _under_way[name].add_done_callback(lambda _: _under_way.pop(name))
    return await asyncio.shield(_under_way[name])


async def change_password_of_whole_user(context: Context, body: auth.PasswordChange) -> Reply:
    """Writes the whole user back, as the user was when the request began."""
    reply = await CHANGE_PASSWORD(context, body)
    key = {"_id": context.user["_id"]}
    changed = await context.db.users.find_one(key) or context.user
    whole = {**context.user, "password_hash": changed["password_hash"]}
    await context.db.users.replace_one(key, whole)
    return reply


async def placed_before_by_anybody(context: Context, client_order_id: str) -> Document | None:
    return await context.db.orders.find_one({"client_order_id": client_order_id})


async def product_page_above_last_price(
    context: Context, wanted: Document, page: int, per_page: int
) -> dict[str, object]:
    """Sorts by price; each page begins above the last price of the page before it."""
    cursor = context.db.products.find(wanted).sort([("price_paise", 1), ("_id", 1)])
    left = [product async for product in cursor]
    total = len(left)
    for _ in range(page - 1):
        last = left[:per_page][-1]["price_paise"] if left else 0
        left = [product for product in left if product["price_paise"] > last]
    items = [catalogue.public_product(product) for product in left[:per_page]]
    return {"items": items, "page": page, "per_page": per_page, "total": total}


def page_that_keeps_last_change(path: str, query: Mapping[str, str]) -> bytes:
    return PAGE_CONTENT(path, query).replace(b"[...kept(), change]", b"[change]")


def page_that_forgets_first(path: str, query: Mapping[str, str]) -> bytes:
    removed = b'  localStorage.removeItem("kept");\n'
    begin = b"  if (changes.length === 0) return;\n"
    page = PAGE_CONTENT(path, query).replace(removed, b"")
    return page.replace(begin, begin + removed)


def hand_out_with_next(hub: realtime.Hub, event: Document) -> None:
    """An event waits for the next event of its order, for some seconds at most."""
    earlier = _held.get(event["order_id"])
    _held[event["order_id"]] = event
    if earlier is not None:
        HAND_OUT(hub, earlier)
    asyncio.get_running_loop().call_later(MAX_HELD_SECONDS, _let_go, hub, event)


def _let_go(hub: realtime.Hub, event: Document) -> None:
    if _held.get(event["order_id"]) is event:
        del _held[event["order_id"]]
        HAND_OUT(hub, event)


async def spend_and_date(db: Database, user_id: str, points: int) -> bool:
    changed = await db.leaderboards.update_one(
        {"_id": user_id, "balance": {"$gte": points}},
        {"$inc": {"balance": -points}, "$set": {"reached_at": now()}},
    )
    return changed.modified_count == 1


def retry_after_by_minute(limit: limits.RateLimit, address: str, moment: float) -> int | None:
    """Counts in the minutes of the clock, so that two bursts pass around the end of a minute."""
    del limit
    minute = int(moment // MINUTE_SECONDS)
    counted_minute, requests = _minutes.get(address, (minute, 0))
    requests = requests if counted_minute == minute else 0
    if requests >= limits.REQUESTS_PER_MINUTE:
        return max(1, math.ceil((minute + 1) * MINUTE_SECONDS - moment))
    _minutes[address] = (minute, requests + 1)
    return None


async def state_of_first_connection(context: Context) -> str:
    """The store could not have started without its database."""
    del context
    return "up"


async def schema_version_of_last_look(context: Context) -> int:
    try:
        _schema["newest"] = await SCHEMA_VERSION(context)
    except PyMongoError:
        return _schema.get("newest", 0)
    return _schema["newest"]


async def placed_before_and_counted(context: Context, client_order_id: str) -> Document | None:
    earlier = await PLACED_BEFORE(context, client_order_id)
    if earlier:
        metrics.count_order(context.settings.deployment, "placed", context.traffic)
    return earlier


class ClockSecrets:
    """What the second factors use of ``secrets``; its numbers follow the clock."""

    compare_digest = staticmethod(secrets.compare_digest)
    token_hex = staticmethod(secrets.token_hex)

    @staticmethod
    def randbelow(limit: int) -> int:
        return int(time.time() // MINUTE_SECONDS) * 7919 % limit
