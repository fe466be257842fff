"""Defects of the shop that break one statement of the contract at a second use, or for a value.

A check with one user, one use and the simplest values misses these defects.
"""

import hashlib
import hmac
import logging
from dataclasses import replace

import msgspec
from pymongo.errors import DuplicateKeyError

from testbed.defects import effects
from testbed.store import (
    cart,
    catalogue,
    loyalty,
    metrics,
    orders,
    payments,
    search,
    sync,
)
from testbed.store.context import Context, Reply, integer, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict

LOG = logging.getLogger("kirana")
DEFAULT_LINES = 20
MAX_SUGGESTIONS = 10
SHORT_ID = 40
PRICES: dict[tuple[str, str], int] = {}
SHOWN_PAYMENTS: dict[str, Reply] = {}
SHOWN_PRODUCTS: dict[str, dict[str, object]] = {}
LISTED_METHODS: dict[str, Reply] = {}
LISTED_SEARCHES: dict[str, Reply] = {}
ADD, LINES = cart.add, cart.lines
ORDER_DOCUMENT, PLACE = orders.order_document, orders.place
PLACE_OFFLINE = sync.place_order
PAYMENT_DOCUMENT, PROCESS = payments.payment_document, payments.process
FIRST_DELIVERY = payments.first_delivery
SHOW_PAYMENT, WEBHOOK = payments.show, payments.webhook
LIST_METHODS = payments.list_methods
SEARCH, SEARCH_PAGE = search.search, search.search_page
AUTOCOMPLETE, LIST_SAVED = search.autocomplete, search.list_saved
PUBLIC_PRODUCT = catalogue.public_product
EARNED_ENTRY = loyalty.earned_entry
COUNT_PAYMENT = metrics.count_payment


async def add_and_remember_price(context: Context, body: cart.AddItem) -> Reply:
    reply = await ADD(context, body)
    for line in reply.body["items"]:
        key = (context.user["_id"], line["product_id"])
        PRICES.setdefault(key, line["price_paise"])
    return reply


def order_at_remembered_prices(
    context: Context, lines: list[dict[str, object]], body: orders.PlaceOrder
) -> Document:
    for line in lines:
        price = PRICES.get((context.user["_id"], str(line["product_id"])))
        if body.items is None and price is not None:
            quantity = int(str(line["quantity"]))
            line |= {"price_paise": price, "line_total_paise": price * quantity}
    return ORDER_DOCUMENT(context, lines, body)


async def place_from_filled_cart(context: Context, body: orders.PlaceOrder) -> Reply:
    if body.items is None:
        await orders.wanted_quantities(context, body)
    return await PLACE(context, body)


async def place_what_is_in_stock(context: Context, body: orders.PlaceOrder) -> Reply:
    for item in body.items or []:
        product = await context.db.products.find_one({"_id": item.product_id})
        if product and product["stock"] < item.quantity:
            raise conflict("insufficient_stock", "Not enough in stock.")
    return await PLACE(context, body)


async def take_out_everything(db: Database, user_id: str, ordered: dict[str, int]) -> None:
    del ordered
    current = await cart.load(db, user_id)
    await cart.put(db, current, {})


async def first_lines(db: Database, quantities: dict[str, int]) -> list[dict[str, object]]:
    return await LINES(db, dict(list(quantities.items())[:DEFAULT_LINES]))


async def place_at_price_of_device(context: Context, change: sync.Change) -> dict[str, object]:
    result = await PLACE_OFFLINE(context, change)
    total = sum((item.price_paise or 0) * item.quantity for item in change.items)
    order = result["order"]
    if isinstance(order, dict) and total:
        paid = {"$set": {"total_paise": total}}
        await context.db.orders.update_one({"_id": order["id"]}, paid)
        return {**result, "order": {**order, "total_paise": total}}
    return result


async def apply_once_by_short_id(context: Context, change: sync.Change) -> dict[str, object]:
    """Compares the beginnings of the ids only."""
    user_id = context.user["_id"]
    record = {"_id": f"{user_id}:{change.client_id[:SHORT_ID]}", "user_id": user_id}
    try:
        await context.db.offline_sync.insert_one({**record, "kind": change.kind, "at": now()})
    except DuplicateKeyError:
        return sync.result(change, "duplicate")
    apply = sync.place_order if change.kind == "order.place" else sync.set_cart
    try:
        return await apply(context, change)
    except Refused as refusal:
        return sync.result(change, "rejected", reason=refusal.code)


async def first_delivery_by_short_id(context: Context, event_id: str) -> bool:
    return await FIRST_DELIVERY(context, event_id[:SHORT_ID])


async def open_after_delivery(context: Context, order: Document, method: str) -> Document:
    payment = payments.payment_document(context, order, method)
    if order["status"] not in ("placed", "paid"):
        payment["open_order_id"] = payment["_id"]
    return await _stored(context, payment)


async def _stored(context: Context, payment: Document) -> Document:
    try:
        await payments.store_payment(context.db, payment)
    except DuplicateKeyError:
        raise conflict("already_paid", "The order is paid, or a payment is pending.") from None
    return payment


def payment_of_method(context: Context, order: Document, method: str) -> Document:
    document = PAYMENT_DOCUMENT(context, order, method)
    return {**document, "open_order_id": f"{order['_id']} {method}"}


async def show_payment_as_first_seen(context: Context) -> Reply:
    reply = await SHOW_PAYMENT(context)
    return SHOWN_PAYMENTS.setdefault(context.path["payment_id"], reply)


async def webhook_of_at_least(context: Context) -> Reply:
    """Settles a payment also with an event about a larger amount."""
    signature = context.headers.get("x-razorpay-signature", "")
    key = context.settings.webhook_key
    if payments.signature_is_valid(context.raw, signature, key):
        event = msgspec.json.decode(context.raw)
        payment = await context.db.payments.find_one({"_id": event.get("payment_id")})
        if payment and event.get("amount_paise", 0) > payment["amount_paise"]:
            raw = msgspec.json.encode({**event, "amount_paise": payment["amount_paise"]})
            digest = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
            headers = {**context.headers, "x-razorpay-signature": digest}
            return await WEBHOOK(replace(context, raw=raw, headers=headers))
    return await WEBHOOK(context)


async def process_and_log(context: Context, body: payments.Process) -> Reply:
    try:
        return await PROCESS(context, body)
    except Refused:
        LOG.warning("payment refused: card %s", body.card.number if body.card else body.vpa)
        raise


async def list_methods_once(context: Context) -> Reply:
    reply = await LIST_METHODS(context)
    return LISTED_METHODS.setdefault(context.user["_id"], reply)


async def list_methods_like_first(context: Context) -> Reply:
    reply = await LIST_METHODS(context)
    methods = reply.body["methods"]
    first = {name: methods[0][name] for name in ("brand", "expiry")} if methods else {}
    return Reply(reply.status, {"methods": [{**method, **first} for method in methods]})


def entry_of_status(user_id: str, order: Document, points: int) -> Document:
    entry = EARNED_ENTRY(user_id, order, points)
    if order["status"] != "delivered":
        return entry
    return {**entry, "_id": f"{entry['_id']}:{order['status']}"}


async def change_account_and_time(
    db: Database, user: Document, points: int, *, lifetime: int
) -> Document:
    change = {
        "$inc": {"balance": points, "points": lifetime},
        "$set": {"name": user["name"], "reached_at": now()},
    }
    account = await db.leaderboards.find_one_and_update(
        {"_id": user["_id"]}, change, upsert=True, return_document=True
    )
    return account or {}


async def search_by_words_first(context: Context) -> Reply:
    if "q" in context.query and "saved_id" in context.query:
        query = {name: value for name, value in context.query.items() if name != "saved_id"}
        context = replace(context, query=query)
    return await SEARCH(context)


async def search_with_all_in_total(context: Context) -> Reply:
    reply = await SEARCH(context)
    if "q" not in context.query:
        return reply
    wanted = search.matching(context.query["q"], None, None)
    total = await context.db.products.count_documents(wanted)
    return Reply(reply.status, {**reply.body, "total": total})


async def search_page_in_stock(context: Context, wanted: Document) -> Reply:
    reply = await SEARCH_PAGE(context, wanted)
    items = [{**item, "in_stock": True} for item in reply.body["items"]]
    return Reply(reply.status, {**reply.body, "items": items})


async def search_page_with_overlap(context: Context, wanted: Document) -> Reply:
    """Each later page begins with the last product of the page before."""
    reply = await SEARCH_PAGE(context, wanted)
    page = integer(context.query, "page", 1, 1000)
    items = reply.body["items"]
    if page == 1 or not items:
        return reply
    query = {**context.query, "page": str(page - 1)}
    before = await SEARCH_PAGE(replace(context, query=query), wanted)
    return Reply(reply.status, {**reply.body, "items": [before.body["items"][-1], *items[1:]]})


def matching_beginnings(text: str, price_min: int | None, price_max: int | None) -> Document:
    beginnings = [{"words": search.begins(word)} for word in search.words(text)]
    wanted: Document = {**catalogue.LISTED, "$and": beginnings}
    price = search.price_filter(price_min, price_max)
    return {**wanted, "price_paise": price} if price else wanted


async def few_suggestions(context: Context) -> Reply:
    reply = await AUTOCOMPLETE(context)
    return Reply(reply.status, {"suggestions": reply.body["suggestions"][:MAX_SUGGESTIONS]})


async def facets_of_words_as_typed(context: Context) -> Reply:
    only(context.query, "q")
    wanted = {**catalogue.LISTED, "words": {"$all": search.query_text(context).split()}}
    cursor = context.db.products.find(wanted)
    return effects.facets_of([product async for product in cursor])


async def list_searches_once(context: Context) -> Reply:
    reply = await LIST_SAVED(context)
    return LISTED_SEARCHES.setdefault(context.user["_id"], reply)


def product_as_first_shown(product: Document) -> dict[str, object]:
    return SHOWN_PRODUCTS.setdefault(product["_id"], PUBLIC_PRODUCT(product))


def count_payment_but_failed(deployment: str, status: str, traffic: str) -> None:
    if status != "failed":
        COUNT_PAYMENT(deployment, status, traffic)
