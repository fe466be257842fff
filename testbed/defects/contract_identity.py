"""Defects of log-ins, rights and limits that break one statement of the contract at a second use.

A check with one user, one use and the simplest values misses these defects.
"""

from datetime import timedelta

import jwt
import msgspec
from starlette.requests import Request
from starlette.websockets import WebSocket

from testbed.defects import careless
from testbed.store import (
    access,
    audit,
    auth,
    endpoint,
    limits,
    metrics,
    realtime,
    tokens,
    twofa,
)
from testbed.store.context import Context, Reply, Store, new_id, now
from testbed.store.database import Document
from testbed.store.errors import conflict, invalid
from testbed.store.routes import Route

SHORT_PASSWORD = 64
SHORT_LOCK, DAY = timedelta(minutes=1), timedelta(days=1)
CHECK, REVOKE = access.check, access.revoke
REVOKE_RESOURCE, STORE_ROLE = access.revoke_resource, access.store_role
COUNT_FAILURE, VERIFY_SMS = twofa.count_failure, twofa.verify_sms
PASS_SECOND_STEP = twofa.pass_second_step
CHANGE_PASSWORD, REFRESH = auth.change_password, auth.refresh
IDENTITY, LIMIT = endpoint.identity, endpoint.limit


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
