"""Defects of careless changes of one line, which a check with one product or one session misses."""

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pyotp
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import (
    access,
    app,
    audit,
    auth,
    cart,
    catalogue,
    courier,
    endpoint,
    events,
    limits,
    loyalty,
    metrics,
    orders,
    payments,
    realtime,
    sessions,
    sync,
    tokens,
    twofa,
)
from testbed.store.context import PER_PAGE, Context, Reply, Store, integer, new_id, now, page_of
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, invalid, not_found
from testbed.store.routes import Route

ADD, PLACE, PLACED_BEFORE, SETTLE = cart.add, orders.place, orders.placed_before, payments.settle
ORDER_DOCUMENT, CHANGE_ACCOUNT, SET_CART = (
    orders.order_document,
    loyalty.change_account,
    sync.set_cart,
)
LOGIN, MATCHES, LIMIT, PAGE_CONTENT, ENABLE, OBSERVE, LOAD, CALLER, OF_USER = (
    auth.login,
    auth.password_matches,
    endpoint.limit,
    app.page_content,
    twofa.enable_totp,
    metrics.observe_request,
    cart.load,
    auth.caller,
    audit.of_user,
)
FIRST_PAGE = 20
GOLD_LATE = 2_500
JWT_DOTS = 2
PAID_ONLY = ["paid", "packed", "out_for_delivery"]
_carts: dict[str, Document] = {}
_roles: dict[str, str] = {}
_asked: dict[str, list[float]] = {}


async def add_alone(context: Context, body: cart.AddItem) -> Reply:
    await ADD(context, body)
    current = await LOAD(context.db, context.user["_id"])
    kept = {body.product_id: current["items"][body.product_id]}
    await context.db.carts.update_one({"_id": current["_id"]}, {"$set": {"items": kept}})
    return Reply(200, await cart.priced(context.db, {**current, "items": kept}))


async def empty_cart(context: Context) -> None:
    current = await LOAD(context.db, context.user["_id"])
    if current["items"]:
        await cart.put(context.db, current, {})


async def place_and_empty_again(context: Context, body: orders.PlaceOrder) -> Reply:
    reply = await PLACE(context, body)
    if body.items is None and reply.status == 200:  # noqa: PLR2004 - a repeated order
        await empty_cart(context)
    return reply


async def place_or_empty(context: Context, body: orders.PlaceOrder) -> Reply:
    try:
        return await PLACE(context, body)
    except Refused:
        if body.items is None:
            await empty_cart(context)
        raise


async def placed_before_unpaid(context: Context, client_order_id: str) -> Document | None:
    earlier = await PLACED_BEFORE(context, client_order_id)
    return earlier if earlier and earlier["status"] == "placed" else None


async def placed_before_in_any_case(context: Context, client_order_id: str) -> Document | None:
    same = {"$regex": f"^{re.escape(client_order_id.strip())}$", "$options": "i"}
    return await context.db.orders.find_one(
        {"user_id": context.user["_id"], "client_order_id": same}
    )


async def return_first_of_stock(db: Database, taken: dict[str, int]) -> None:
    for product_id, quantity in list(taken.items())[:1]:
        returned = {"stock": quantity, "taken": -quantity}
        await db.products.update_one({"_id": product_id}, {"$inc": returned})


async def create_of_known(
    context: Context, quantities: dict[str, int], body: orders.PlaceOrder
) -> Document:
    """Leaves out products that the catalogue does not have."""
    lines = await cart.lines(context.db, quantities)
    if not lines:
        raise invalid("An item is not in the catalogue.")
    known = {str(line["product_id"]): quantities[str(line["product_id"])] for line in lines}
    await orders.take_stock(context.db, known)
    order = orders.order_document(context, lines, body)
    await orders.store_order(context.db, order)
    metrics.count_order(context.settings.deployment, "placed", context.traffic)
    metrics.count_order_value(
        context.settings.deployment, context.traffic, orders.order_total(lines)
    )
    await events.emit(context.db, order, "placed")
    return order


def order_without_note(
    context: Context, lines: list[dict[str, object]], body: orders.PlaceOrder
) -> Document:
    return {**ORDER_DOCUMENT(context, lines, body), "note": ""}


async def show_at_present_prices(context: Context) -> Reply:
    order = await orders.own_order(context, context.path["order_id"])
    quantities = {line["product_id"]: line["quantity"] for line in order["items"]}
    lines = await cart.lines(context.db, quantities)
    total = orders.order_total(lines)
    return Reply(200, {**orders.public_order(order), "items": lines, "total_paise": total})


async def settle_failed_as_paid(context: Context, payment: Document, outcome: str) -> None:
    await SETTLE(context, payment, outcome)
    if outcome == "failed":
        await payments.order_paid(context, payment)


async def paid_by_card_only(context: Context, payment: Document) -> None:
    """An order that is paid by UPI is neither delivered, nor does it unlock achievements."""
    order = await context.db.orders.find_one({"_id": payment["order_id"]})
    if order is None:
        return
    metrics.count_order(context.settings.deployment, "paid", payment["traffic"])
    await events.emit(context.db, order, "paid")
    if payment["method"] != "upi":
        await loyalty.unlock_for_order(context.db, order)
        courier.send(context.db, order)


def luhn_from_the_left(number: str) -> bool:
    digits = [int(digit) for digit in number]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[0::2]]
    return (sum(digits[1::2]) + sum(doubled)) % 10 == 0


async def first_methods(context: Context) -> Reply:
    by_user = payments.methods_of(context.user["_id"])
    cursor = context.db.payment_methods.find(by_user).sort("_id", 1).limit(FIRST_PAGE)
    return Reply(200, {"methods": [payments.public_method(method) async for method in cursor]})


async def balance_with_tier_of_balance(context: Context) -> Reply:
    account = await loyalty.account_of(context.db, context.user["_id"])
    answer = {
        "balance": account["balance"],
        "lifetime_points": account["points"],
        "tier": loyalty.tier_of(account["balance"]),
    }
    return Reply(200, answer)


def tier_with_late_gold(lifetime_points: int) -> str:
    tiers = [(name, GOLD_LATE if name == "gold" else least) for name, least in loyalty.TIERS]
    return next(name for name, least in tiers if lifetime_points >= least)


async def change_account_by_phone(
    db: Database, user: Document, points: int, *, lifetime: int
) -> Document:
    return await CHANGE_ACCOUNT(db, {**user, "name": user["phone"]}, points, lifetime=lifetime)


async def unlock_by_dearest_line(db: Database, order: Document) -> None:
    paid = {"user_id": order["user_id"], "status": {"$in": loyalty.PAID}}
    dearest = max(line["line_total_paise"] for line in order["items"])
    for key in loyalty.earned(await db.orders.count_documents(paid), dearest):
        await loyalty.unlock(db, order["user_id"], key)


async def products_of_any_shelf(context: Context) -> Reply:
    """The key of the cache lacks the category."""
    page = page_of(context.query)
    per_page = integer(context.query, "per_page", PER_PAGE, catalogue.MAX_PER_PAGE)
    wanted = catalogue.listed_in(context.query.get("category"))

    async def make() -> dict[str, object]:
        return await catalogue.product_page(context, wanted, page, per_page)

    key = f"products {page} {per_page}"
    return Reply(200, await context.store.cache.get(key, now().timestamp(), make))


def product_of_many_pieces(product: Document) -> dict[str, object]:
    return {
        "id": product["_id"],
        "name": product["name"],
        "category": product["category"],
        "unit": product["unit"],
        "price_paise": product["price_paise"],
        "in_stock": product["stock"] > 1,
    }


def price_filter_without_zero(price_min: int | None, price_max: int | None) -> Document:
    bounds: Document = {}
    if price_min:
        bounds["$gte"] = price_min
    if price_max:
        bounds["$lte"] = price_max
    return bounds


async def offline_to_first_refusal(context: Context, body: sync.Batch) -> Reply:
    results: list[dict[str, object]] = []
    for change in body.changes:
        is_over = any(each["status"] == "rejected" for each in results)
        results.append(
            sync.result(change, "rejected") if is_over else await sync.apply_once(context, change)
        )
    return Reply(200, {"results": results})


async def offline_on_first_device(context: Context, body: sync.Batch) -> Reply:
    """Write the time of the sync to the first device of the shop."""
    fields = {"user_id": context.user["_id"], "seen_at": now()}
    await context.db.mobile_devices.update_one({}, {"$set": fields}, upsert=True)
    results = [await sync.apply_once(context, change) for change in sync.in_order(body.changes)]
    return Reply(200, {"results": results})


async def place_without_event(context: Context, change: sync.Change) -> dict[str, object]:
    body = orders.PlaceOrder(client_order_id=change.client_id, items=change.items or None)
    quantities = await orders.wanted_quantities(context, body)
    lines = await cart.lines(context.db, quantities)
    if len(lines) != len(quantities):
        raise invalid("An item is not in the catalogue.")
    await orders.take_stock(context.db, quantities)
    order = orders.order_document(context, lines, body)
    await orders.store_order(context.db, order)
    return sync.result(change, "applied", order=orders.public_order(order))


async def merge_into_cart(context: Context, change: sync.Change) -> dict[str, object]:
    current = await LOAD(context.db, context.user["_id"])
    if sync.is_stale(change.base_version, current["version"]):
        return sync.result(change, "conflict", cart=await cart.priced(context.db, current))
    items = {**current["items"], **{item.product_id: item.quantity for item in change.items}}
    changed = await cart.put(context.db, current, items)
    return sync.result(change, "applied", cart=await cart.priced(context.db, changed))


async def set_cart_in_silence(context: Context, change: sync.Change) -> dict[str, object]:
    return {**await SET_CART(context, change), "cart": None}


async def grant_again(context: Context, user_id: str, permission: str) -> None:
    grant = {"kind": "permission", "user_id": user_id, "permission": permission}
    by = {"_id": new_id("grant"), "granted_by": context.user["_id"], "at": now()}
    await context.db.permissions.insert_one({**grant, **by})


async def is_kind_allowed(db: Database, user: Document, permission: str) -> bool:
    """A grant holds for every permission with the same first word."""
    if permission in access.role_permissions(user["role"]):
        return True
    kind = {"$regex": f"^{re.escape(permission.partition(':')[0])}:"}
    granted = {"kind": "permission", "user_id": user["_id"], "permission": kind}
    return await db.permissions.find_one(granted) is not None


async def grant_resource_to_anybody(context: Context, body: access.ResourceGrant) -> Reply:
    key = {"kind": "resource", "user_id": body.user_id, "resource_id": body.resource_id}
    change = {"level": body.level, "granted_by": context.user["_id"], "at": now()}
    await access.user_or_404(context, body.user_id)
    await context.db.permissions.update_one(key, {"$set": change}, upsert=True)
    details = {"resource_id": body.resource_id, "level": body.level}
    await audit.record(context, "resource.granted", body.user_id, **details)
    return Reply(200, {"user_id": body.user_id, **details})


async def grant_no_lower_level(context: Context, body: access.ResourceGrant) -> Reply:
    await access.subordinate(context, body.user_id)
    key = {"kind": "resource", "user_id": body.user_id, "resource_id": body.resource_id}
    present = await context.db.permissions.find_one(key)
    kept = "read_write" if present and present["level"] == "read_write" else body.level
    change = {"level": kept, "granted_by": context.user["_id"], "at": now()}
    await context.db.permissions.update_one(key, {"$set": change}, upsert=True)
    details = {"resource_id": body.resource_id, "level": body.level}
    await audit.record(context, "resource.granted", body.user_id, **details)
    return Reply(200, {"user_id": body.user_id, **details})


async def list_active_users(context: Context) -> Reply:
    page = page_of(context.query)
    active = context.db.users.find({"active": True}).sort("_id", 1)
    skipped = active.skip((page - 1) * access.USERS_PER_PAGE).limit(access.USERS_PER_PAGE)
    users = [access.public_user(user) async for user in skipped]
    total = await context.db.users.count_documents({"active": True})
    return Reply(200, {"users": users, "page": page, "total": total})


async def trail_of_subject(context: Context) -> Reply:
    user_id = context.path["user_id"]
    limit = integer(context.query, "limit", 50, audit.MAX_ENTRIES)
    stored = context.db.audit_logs.find({"subject_id": user_id})
    names = ("actor_id", "action", "subject_id", "details", "at")
    entries = [
        {"id": entry["_id"], **{name: entry[name] for name in names}}
        async for entry in stored.sort([("at", -1), ("_id", 1)]).limit(limit)
    ]
    return Reply(200, {"entries": entries})


async def trail_of_acts_first(context: Context) -> Reply:
    reply = await OF_USER(context)
    user_id = context.path["user_id"]
    entries = sorted(reply.body["entries"], key=lambda entry: entry["actor_id"] != user_id)
    return Reply(reply.status, {"entries": entries})


async def caller_of_first_role(
    store: Store, token: str, uses: tuple[str, ...]
) -> tuple[Document, str]:
    """A session keeps the role that its user had at first."""
    user, session_id = await CALLER(store, token, uses)
    role = _roles.setdefault(session_id, user["role"]) if session_id else user["role"]
    return {**user, "role": role}, session_id


async def login_in_lower_case(context: Context, body: auth.Credentials) -> Reply:
    lower = auth.Credentials(identifier=body.identifier.lower(), password=body.password)
    return await LOGIN(context, lower)


async def trimmed_password_matches(password: str, stored: bytes) -> bool:
    return await MATCHES(password.strip(), stored)


async def rotate_first_session(context: Context, old: str, fresh: str) -> Document | None:
    """Finds the session by its token, and changes the oldest session of its user."""
    session = await context.db.sessions.find_one(
        {"refresh_digest": tokens.digest(old), "expires_at": {"$gt": now()}}
    )
    if session is None:
        return None
    return await context.db.sessions.find_one_and_update(
        {"user_id": session["user_id"]},
        {"$set": {"refresh_digest": tokens.digest(fresh)}},
        sort=[("opened_at", 1)],
    )


async def refresh_uncounted(context: Context, body: auth.Refresh) -> Reply:
    fresh = tokens.new_refresh_token()
    session = await auth.rotate(context, body.refresh_token, fresh)
    user = session and await context.db.users.find_one({"_id": session["user_id"], "active": True})
    if not session or not user:
        raise tokens.unauthorised("The refresh token is not valid.")
    return Reply(200, sessions.token_pair(context.store, user, session["_id"], fresh))


async def sms_passed_by_anybody(context: Context) -> Reply:
    if context.session_id:
        return Reply(200, {"status": "confirmed"})
    return Reply(200, await sessions.open_session(context.store, context.user))


async def enable_other_totp(context: Context) -> Reply:
    reply = await ENABLE(context)
    other = reply.body["provisioning_uri"].replace(reply.body["secret"], pyotp.random_base32())
    return Reply(reply.status, {**reply.body, "provisioning_uri": other})


async def greet_ended_sessions(store: Store, socket: WebSocket) -> tuple[Document, realtime.Hello]:
    """Reads the token alone, and waits for it as long as the client likes."""
    await socket.accept()
    try:
        hello = msgspec.json.decode(await socket.receive_text(), type=realtime.Hello)
        claims = tokens.read(store.settings.token_key, hello.token)
        user = await store.db.users.find_one({"_id": claims["sub"]})
        if claims["use"] != "access" or user is None:
            raise tokens.unauthorised()
    except (msgspec.MsgspecError, Refused) as error:
        await socket.close(realtime.REFUSED, "Log in first.")
        raise WebSocketDisconnect(realtime.REFUSED) from error
    return user, hello


async def missed_after_first(
    store: Store, wanted: Document, resume_after: int | None
) -> list[Document]:
    if not resume_after:
        return []
    missed = store.db.order_events.find({**wanted, "seq": {"$gt": resume_after}})
    return [event async for event in missed.sort([("order_id", 1), ("seq", 1)])]


def address_of_peer(peer: str, forwarded_for: str, trusted_proxy: str) -> str:
    del forwarded_for, trusted_proxy
    return peer


def limit_strangers(
    store: Store, rate_limit: limits.RateLimit, route: Route, request: Request
) -> None:
    """A token that looks right exempts from the limit."""
    if request.headers.get("authorization", "").count(".") == JWT_DOTS:
        return
    LIMIT(store, rate_limit, route, request)


def retry_after_with_refusals(self: limits.RateLimit, address: str, now: float) -> int | None:
    """A refused request counts, so a client that asks again too early is never served."""
    del self
    times = _asked.setdefault(address, [])
    times[:] = [at for at in times if at > now - limits.WINDOW_SECONDS]
    times.append(now)
    if len(times) > limits.REQUESTS_PER_MINUTE:
        return max(1, math.ceil(times[0] + limits.WINDOW_SECONDS - now))
    return None


def observe_milliseconds(labels: tuple[str, str, str, int, str], seconds: float) -> None:
    OBSERVE(labels, seconds * 1000)


def whole_query_seconds(microseconds: int) -> float:
    return microseconds // 1e6


async def load_remembered(db: Database, user_id: str) -> Document:
    """The process remembers a cart until the process itself changes the cart."""
    stored = await LOAD(db, user_id)
    known = _carts.get(user_id)
    if known is None or known["items"] == {} or known["version"] > stored["version"]:
        _carts[user_id] = stored
    return _carts[user_id]


def one_request_id(request: Any) -> str:  # noqa: ANN401 - the request is not read
    del request
    return "req_1"


def page_with(path: str, query: Mapping[str, str], *changes: tuple[bytes, bytes]) -> bytes:
    page = PAGE_CONTENT(path, query)
    for right, wrong in changes:
        page = page.replace(right, wrong)
    return page


def page_in_whole_rupees(path: str, query: Mapping[str, str]) -> bytes:
    return page_with(path, query, (b"(paise / 100).toFixed(2)", b"Math.round(paise / 100)"))


def page_without_add(path: str, query: Mapping[str, str]) -> bytes:
    return page_with(path, query, (b"attempt(() => add(product))", b"attempt(() => product)"))


def page_with_ids_of_sending(path: str, query: Mapping[str, str]) -> bytes:
    new_ids = b"kept().map((change) => ({ ...change, client_id: crypto.randomUUID() }))"
    return page_with(path, query, (b"changes = kept()", b"changes = " + new_ids))


def page_that_keeps_in_memory(path: str, query: Mapping[str, str]) -> bytes:
    return page_with(
        path,
        query,
        (b'localStorage.getItem("kept")', b"shop.kept"),
        (b'localStorage.setItem("kept", JSON', b"shop.kept = (JSON"),
        (b'localStorage.removeItem("kept")', b"shop.kept = null"),
    )


async def search_without_minimum(context: Context, saved_id: str) -> Document:
    saved = await context.db.saved_searches.find_one(
        {"_id": saved_id, "user_id": context.user["_id"]}
    )
    if saved is None:
        raise not_found("saved search")
    return {**saved, "price_min": None}
