"""Defects that only requests at the same moment show: a look and a write with a pause between."""

import asyncio

from testbed.store import auth, loyalty, metrics, orders, sync, tokens, twofa
from testbed.store.context import Context, Reply, new_id, now
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict

PAUSE_SECONDS = 0.1
PLACE = orders.place
_newest: dict[str, orders.PlaceOrder] = {}


async def look_then_remember_event(context: Context, event_id: str) -> bool:
    if await context.db.webhook_events.find_one({"_id": event_id}):
        return False
    await asyncio.sleep(PAUSE_SECONDS)
    await context.db.webhook_events.update_one(
        {"_id": event_id}, {"$set": {"at": now()}}, upsert=True
    )
    return True


async def look_then_claim(db: Database, payment: Document, outcome: str) -> bool:
    await asyncio.sleep(PAUSE_SECONDS)
    await db.payments.update_one({"_id": payment["_id"]}, {"$set": {"status": outcome}})
    return str(payment["status"]) == "pending"


async def look_then_apply(context: Context, change: sync.Change) -> dict[str, object]:
    key = f"{context.user['_id']}:{change.client_id}"
    if await context.db.offline_sync.find_one({"_id": key}):
        return sync.result(change, "duplicate")
    await asyncio.sleep(PAUSE_SECONDS)
    record = {"user_id": context.user["_id"], "kind": change.kind, "at": now()}
    await context.db.offline_sync.update_one({"_id": key}, {"$set": record}, upsert=True)
    try:
        if change.kind == "order.place":
            return await sync.place_order(context, change)
        return await sync.set_cart(context, change)
    except Refused as refusal:
        return sync.result(change, "rejected", reason=refusal.code)


async def look_then_rotate(context: Context, old: str, fresh: str) -> Document | None:
    session = await context.db.sessions.find_one({"refresh_digest": tokens.digest(old)})
    if session is None or session["expires_at"] <= now():
        return None
    await asyncio.sleep(PAUSE_SECONDS)
    await context.db.sessions.update_one(
        {"_id": session["_id"]}, {"$set": {"refresh_digest": tokens.digest(fresh)}}
    )
    return session


async def look_then_spend_backup(context: Context, device: Document, code: str) -> bool:
    if not device["confirmed"] or tokens.digest(code) not in device["backup_digests"]:
        return False
    await asyncio.sleep(PAUSE_SECONDS)
    left = [digest for digest in device["backup_digests"] if digest != tokens.digest(code)]
    await context.db.twofa_devices.update_one(
        {"_id": device["_id"]}, {"$set": {"backup_digests": left}}
    )
    return True


async def look_then_spend_totp(context: Context, device: Document, code: str) -> bool:
    step = twofa.matching_step(device["secret"], code, now().timestamp())
    if step is None or device["last_step"] >= step:
        return False
    await asyncio.sleep(PAUSE_SECONDS)
    await context.db.twofa_devices.update_one({"_id": device["_id"]}, {"$set": {"last_step": step}})
    return True


async def look_then_spend_sms(context: Context, pending: Document) -> bool:
    await asyncio.sleep(PAUSE_SECONDS)
    await context.db.sms_codes.delete_one({"_id": pending["_id"]})
    return True


async def put_over_any_version(db: Database, cart: Document, items: dict[str, int]) -> Document:
    await asyncio.sleep(PAUSE_SECONDS)
    changed = {"items": items, "version": cart["version"] + 1, "changed_at": now()}
    await db.carts.update_one({"_id": cart["_id"]}, {"$set": changed}, upsert=True)
    return {"_id": cart["_id"], **changed}


async def look_then_earn(context: Context, body: loyalty.Earn) -> Reply:
    order = await orders.own_order(context, body.order_id)
    if order["status"] not in loyalty.PAID:
        raise conflict("order_not_paid", "The order is not paid.")
    if await context.db.loyalty_points.find_one({"order_id": order["_id"]}):
        raise conflict("already_awarded", "The order's points were awarded.")
    await asyncio.sleep(PAUSE_SECONDS)
    points = loyalty.points_for(order["total_paise"])
    entry = loyalty.earned_entry(context.user["_id"], order, points)
    await context.db.loyalty_points.insert_one({**entry, "_id": new_id("earn")})
    account = await loyalty.change_account(context.db, context.user, points, lifetime=points)
    metrics.count_points(context.settings.deployment, points)
    return Reply(201, {"points": points, "balance": account["balance"]})


async def place_what_came_last(context: Context, body: orders.PlaceOrder) -> Reply:
    """Keeps the request in a variable that all requests share."""
    _newest["body"] = body
    await asyncio.sleep(PAUSE_SECONDS)
    reply = await PLACE(context, body)
    shared = _newest["body"]
    return Reply(reply.status, {**reply.body, "client_order_id": shared.client_order_id})


async def one_session_for_all(context: Context, body: auth.Credentials) -> Reply:
    """Answers a log-in with the session of the log-in that ended last."""
    reply = await LOGIN(context, body)
    _sessions["newest"] = reply
    await asyncio.sleep(PAUSE_SECONDS)
    return _sessions["newest"]


LOGIN = auth.login
_sessions: dict[str, Reply] = {}
