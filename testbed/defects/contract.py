"""Defects that break one statement of the contract at a second use, or for another value.

A check with one user, one use and the simplest values misses these defects.
"""

import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import timedelta

import jwt
import msgspec
from pymongo.errors import DuplicateKeyError
from starlette.requests import Request
from starlette.websockets import WebSocket

from testbed.defects import careless, effects
from testbed.store import (
    access,
    audit,
    auth,
    cart,
    catalogue,
    endpoint,
    limits,
    loyalty,
    metrics,
    orders,
    payments,
    realtime,
    search,
    sync,
    tokens,
    twofa,
)
from testbed.store.context import Context, Reply, Store, integer, new_id, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict, invalid
from testbed.store.routes import Route

LOG = logging.getLogger("kirana")
DEFAULT_LINES = 20
MAX_SUGGESTIONS = 10
SHORT_ID, SHORT_PASSWORD = 40, 64
SHORT_LOCK, DAY = timedelta(minutes=1), timedelta(days=1)
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
CHECK, REVOKE = access.check, access.revoke
REVOKE_RESOURCE, STORE_ROLE = access.revoke_resource, access.store_role
SEARCH, SEARCH_PAGE = search.search, search.search_page
AUTOCOMPLETE, LIST_SAVED = search.autocomplete, search.list_saved
PUBLIC_PRODUCT = catalogue.public_product
COUNT_FAILURE, VERIFY_SMS = twofa.count_failure, twofa.verify_sms
PASS_SECOND_STEP = twofa.pass_second_step
CHANGE_PASSWORD, REFRESH = auth.change_password, auth.refresh
EARNED_ENTRY = loyalty.earned_entry
COUNT_PAYMENT = metrics.count_payment
IDENTITY, LIMIT = endpoint.identity, endpoint.limit


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


async def needs_step_with_any_device(context: Context, user: Document) -> bool:
    if user["role"] in ("admin", "owner"):
        return True
    return await context.db.twofa_devices.find_one({"user_id": user["_id"]}) is not None


async def disable_without_limit(context: Context, body: twofa.Code) -> Reply:
    device = await twofa.confirmed_device(context.db, context.user["_id"])
    if device is None:
        raise conflict("not_enrolled", "No device is enrolled.")
    twofa.refuse_while_locked(device)
    if not await twofa.spend_totp(context, device, body.code):
        metrics.count_auth_failure(context.settings.deployment)
        raise tokens.unauthorised("The code is wrong.")
    await context.db.twofa_devices.delete_one({"_id": device["_id"]})
    await audit.record(context, "twofa.disabled", context.user["_id"])
    return Reply(200, {"status": "disabled"})


async def pass_without_renewal(context: Context, device: Document) -> Reply:
    reply = await PASS_SECOND_STEP(context, device)
    if "refresh_token" in reply.body:
        by_token = {"refresh_digest": tokens.digest(reply.body["refresh_token"])}
        change = {"$set": {"refresh_digest": tokens.digest(new_id("lost"))}}
        await context.db.sessions.update_one(by_token, change)
    return reply


async def refresh_for_a_day(context: Context, body: auth.Refresh) -> Reply:
    reply = await REFRESH(context, body)
    key = context.settings.token_key
    claims = tokens.read(key, reply.body["access_token"])
    claims["exp"] = claims["iat"] + int(DAY.total_seconds())
    headers = {"kid": tokens.KEY_ID}
    token = jwt.encode(claims, key, algorithm=tokens.ALGORITHM, headers=headers)
    return Reply(reply.status, {**reply.body, "access_token": token})


async def count_failure_with_short_lock(context: Context, collection: str, record_id: str) -> None:
    await COUNT_FAILURE(context, collection, record_id)
    locked = {"_id": record_id, "locked_until": {"$ne": None}}
    if collection == "sms_codes":
        short = {"$set": {"locked_until": now() + SHORT_LOCK}}
        await context.db.sms_codes.update_one(locked, short)


async def count_failure_in_silence(context: Context, collection: str, record_id: str) -> None:
    record = await context.db[collection].find_one_and_update(
        {"_id": record_id}, {"$inc": {"failures": 1}}, return_document=True
    )
    if record and record["failures"] >= twofa.MAX_TRIES:
        lock = {"$set": {"locked_until": now() + twofa.LOCK, "failures": 0}}
        await context.db[collection].update_one({"_id": record_id}, lock)


async def spend_totp_of_another_step(context: Context, device: Document, code: str) -> bool:
    step = twofa.matching_step(device["secret"], code, now().timestamp())
    if step is None:
        return False
    spent = await context.db.twofa_devices.update_one(
        {"_id": device["_id"], "last_step": {"$ne": step}}, {"$set": {"last_step": step}}
    )
    return spent.modified_count == 1


async def spend_first_backup(context: Context, device: Document, code: str) -> bool:
    if not device["confirmed"]:
        return False
    spent = await context.db.twofa_devices.update_one(
        {"_id": device["_id"], "backup_digests": tokens.digest(code)},
        {"$pop": {"backup_digests": -1}},
    )
    return spent.modified_count == 1


async def verify_sms_of_anybody(context: Context, body: twofa.Code) -> Reply:
    pending = await context.db.sms_codes.find_one({"digest": tokens.digest(body.code)})
    own = await context.db.sms_codes.find_one({"user_id": context.user["_id"]})
    if not pending or not own or pending["_id"] == own["_id"]:
        return await VERIFY_SMS(context, body)
    await twofa.spend_sms(context, own)
    return await twofa.sms_passed(context)


async def change_password_of_at_most_64(context: Context, body: auth.PasswordChange) -> Reply:
    if len(body.fresh) > SHORT_PASSWORD:
        raise invalid(f"A password has at most {SHORT_PASSWORD} characters.")
    return await CHANGE_PASSWORD(context, body)


async def grant_only_resource(context: Context, body: access.ResourceGrant) -> Reply:
    await access.subordinate(context, body.user_id)
    key = {"kind": "resource", "user_id": body.user_id}
    details = {"resource_id": body.resource_id, "level": body.level}
    change = {"$set": {**details, "granted_by": context.user["_id"], "at": now()}}
    await context.db.permissions.update_one(key, change, upsert=True)
    await audit.record(context, "resource.granted", body.user_id, **details)
    return Reply(200, {"user_id": body.user_id, **details})


async def store_role_without_resources(context: Context, user_id: str, role: str) -> None:
    await STORE_ROLE(context, user_id, role)
    await context.db.permissions.delete_many({"kind": "resource", "user_id": user_id})


async def check_permission_alone(context: Context, body: access.Question) -> Reply:
    if body.permission is not None:
        body = msgspec.structs.replace(body, resource_id=None, level=None)
    return await CHECK(context, body)


async def user_or_nobody(context: Context, user_id: str) -> Document:
    user = await context.db.users.find_one({"_id": user_id})
    return user or {"_id": user_id, "role": "customer", "active": True}


async def revoke_as_granted(context: Context, body: access.Grant) -> Reply:
    reply = await REVOKE(context, body)
    return Reply(reply.status, {**reply.body, "granted": True})


async def revoke_resource_to_read(context: Context, body: access.ResourceRevocation) -> Reply:
    reply = await REVOKE_RESOURCE(context, body)
    return Reply(reply.status, {**reply.body, "level": "read"})


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


async def delivery_to_ended_sessions(store: Store, hub: realtime.Hub, socket: WebSocket) -> None:
    user, hello = await careless.greet_ended_sessions(store, socket)
    wanted = {"order_id": socket.path_params["order_id"], "user_id": user["_id"]}
    if await store.db.orders.find_one(realtime.order_filter(wanted)) is None:
        await socket.close(realtime.NOT_FOUND, "No such order.")
        return
    await realtime.feed(store, hub, socket, wanted, hello.resume_after)


def limit_but_payments(
    store: Store, rate_limit: limits.RateLimit, route: Route, request: Request
) -> None:
    if not route.path.startswith("/api/payments"):
        LIMIT(store, rate_limit, route, request)


async def read_any_body(request: Request) -> bytes:
    return await request.body()


async def identity_before_second_step(
    store: Store, route: Route, request: Request
) -> tuple[dict[str, object], str]:
    header = request.headers.get("authorization", "")
    if route.needs != "anyone" or not header:
        return await IDENTITY(store, route, request)
    return await auth.caller(store, auth.bearer(header), ("access", "challenge"))
