"""Defects of identities, roles and permissions."""

import asyncio
import time
from datetime import datetime, timedelta

import pyotp

from testbed.store import access, tokens, twofa
from testbed.store.context import Context, Reply, Store, new_id, now
from testbed.store.database import Database, Document

SLOW_SECONDS = 0.13
_remembered: dict[tuple[str, str], tuple[float, bool]] = {}


async def any_password(password: str, stored: bytes) -> bool:
    return bool(password or stored)


async def nothing_rotated(context: Context, old: str, fresh: str) -> Document | None:
    del fresh
    return await context.db.sessions.find_one({"refresh_digest": tokens.digest(old)})


async def session_kept(context: Context) -> Reply:
    del context
    return Reply(204)


async def inactive_caller(store: Store, token: str, uses: tuple[str, ...]) -> tuple[Document, str]:
    claims = tokens.read(store.settings.token_key, token)
    user = await store.db.users.find_one({"_id": claims["sub"]})
    session = await store.db.sessions.find_one({"_id": claims["sid"]})
    if user is None or claims["use"] not in uses or (claims["sid"] and session is None):
        raise tokens.unauthorised("The session has ended.")
    return user, claims["sid"]


def everybody_is_staff(
    store: Store, user: Document, session_id: str, refresh_token: str
) -> dict[str, object]:
    shown = {**user, "role": "staff"}
    return {
        "status": "ok",
        "access_token": tokens.issue(store.settings.token_key, user["_id"], session_id, "access"),
        "refresh_token": refresh_token,
        "token_type": "Bearer",
        "expires_in": int(tokens.ACCESS_LIFETIME.total_seconds()),
        "user": {"id": shown["_id"], "name": shown["name"], "role": shown["role"]},
    }


async def grant_nothing(context: Context, user_id: str, permission: str) -> None:
    del context, user_id, permission


async def grant_to_oneself(context: Context, user_id: str, permission: str) -> None:
    del user_id
    key = {"kind": "permission", "user_id": context.user["_id"], "permission": permission}
    await context.db.permissions.update_one(key, {"$set": {"at": now()}}, upsert=True)


async def any_grant_will_do(db: Database, user: Document, permission: str) -> bool:
    granted = await db.permissions.find_one({"kind": "permission", "user_id": user["_id"]})
    return permission in access.role_permissions(user["role"]) or granted is not None


async def nobody_may(db: Database, user: Document, permission: str) -> bool:
    del db, user, permission
    return False


async def remembered_permission(db: Database, user: Document, permission: str) -> bool:
    key = (user["_id"], permission)
    at, answer = _remembered.get(key, (0.0, False))
    if time.monotonic() - at > 30:  # noqa: PLR2004 - longer than any test
        granted = await db.permissions.find_one({"user_id": user["_id"], "permission": permission})
        answer = permission in access.role_permissions(user["role"]) or granted is not None
        _remembered[key] = (time.monotonic(), answer)
    return answer


async def slow_permission(db: Database, user: Document, permission: str) -> bool:
    await asyncio.sleep(SLOW_SECONDS)
    granted = await db.permissions.find_one({"user_id": user["_id"], "permission": permission})
    return permission in access.role_permissions(user["role"]) or granted is not None


async def revoke_nothing(context: Context, user_id: str, permission: str) -> None:
    del context, user_id, permission


async def revoke_everything(context: Context, user_id: str, permission: str) -> None:
    del permission
    await context.db.permissions.delete_many({"kind": "permission", "user_id": user_id})


def outranks_equals(actor_role: str, subject_role: str) -> bool:
    return access.RANKS[actor_role] >= access.RANKS[subject_role]


def one_role_higher(role: str) -> frozenset[str]:
    rank = access.RANKS[role] + 1
    names = [name for name, other in access.RANKS.items() if other <= rank]
    return frozenset().union(*(access.OWN_PERMISSIONS[name] for name in names))


async def role_not_stored(context: Context, user_id: str, role: str) -> None:
    del context, user_id, role


def any_code(secret: str, code: str, moment: float) -> int | None:
    return int(moment) // twofa.STEP_SECONDS if secret and code else None


def two_steps_either_way(secret: str, code: str, moment: float) -> int | None:
    totp = pyotp.TOTP(secret, interval=twofa.STEP_SECONDS)
    current = int(moment) // twofa.STEP_SECONDS
    steps = range(current - 2, current + 3)
    return next((step for step in steps if totp.generate_otp(step) == code), None)


async def spend_totp_again(context: Context, device: Document, code: str) -> bool:
    del context
    return twofa.matching_step(device["secret"], code, now().timestamp()) is not None


async def spend_backup_again(context: Context, device: Document, code: str) -> bool:
    del context
    return device["confirmed"] and tokens.digest(code) in device["backup_digests"]


async def spend_backup_of_anybody(context: Context, device: Document, code: str) -> bool:
    digest = tokens.digest(code)
    spent = await context.db.twofa_devices.update_one(
        {"backup_digests": digest}, {"$pull": {"backup_digests": digest}}
    )
    return device["confirmed"] and spent.modified_count == 1


async def count_no_failure(context: Context, collection: str, record_id: str) -> None:
    del context, collection, record_id


def code_for_a_day() -> datetime:
    return now() + timedelta(days=1)


def code_for_a_minute() -> datetime:
    return now() + timedelta(seconds=60)


def whole_number(phone: str) -> str:
    return phone


async def spend_sms_again(context: Context, pending: Document) -> bool:
    del context
    return bool(pending)


async def record_nothing(context: Context, action: str, subject_id: str, **details: str) -> None:
    del context, action, subject_id, details


async def record_wrong_actor(
    context: Context, action: str, subject_id: str, **details: str
) -> None:
    entry = {
        "_id": new_id("aud"),
        "actor_id": subject_id,
        "action": action,
        "subject_id": subject_id,
        "details": details,
        "at": now(),
    }
    await context.db.audit_logs.insert_one(entry)


async def record_over_the_last(
    context: Context, action: str, subject_id: str, **details: str
) -> None:
    entry = {"actor_id": context.user["_id"], "action": action, "details": details, "at": now()}
    key = {"_id": f"aud_{subject_id}", "subject_id": subject_id}
    await context.db.audit_logs.update_one(key, {"$set": entry}, upsert=True)


def any_level(granted: str, wanted: str) -> bool:
    return bool(granted and wanted)


async def any_resource(db: Database, user_id: str, resource_id: str, level: str) -> bool:
    del resource_id
    grant = await db.permissions.find_one({"kind": "resource", "user_id": user_id})
    return grant is not None and access.covers(grant["level"], level)
