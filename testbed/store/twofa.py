"""Second factors: time-based codes (RFC 6238), codes by text message, and backup codes."""

import secrets
from datetime import datetime, timedelta

import msgspec
import pyotp

from testbed.store import audit, metrics, sessions, tokens
from testbed.store.context import Context, Reply, new_id, now
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict

STEP_SECONDS = 30
SMS_LIFETIME = timedelta(seconds=300)
MAX_TRIES = 5
LOCK = timedelta(minutes=15)
BACKUP_CODES = 8


class Code(msgspec.Struct, forbid_unknown_fields=True):
    code: str


async def confirmed_device(db: Database, user_id: str) -> Document | None:
    return await db.twofa_devices.find_one({"user_id": user_id, "confirmed": True})


async def enable_totp(context: Context) -> Reply:
    """``POST /api/access/2fa/enable/totp``: a new secret, in force once a code confirms it."""
    user = context.user
    if await confirmed_device(context.db, user["_id"]):
        raise conflict("already_enabled", "A device is enrolled already.")
    secret = pyotp.random_base32()
    codes = [secrets.token_hex(5) for _ in range(BACKUP_CODES)]
    device = {
        "secret": secret,
        "confirmed": False,
        "last_step": 0,
        "failures": 0,
        "locked_until": None,
        "backup_digests": [tokens.digest(code) for code in codes],
    }
    await context.db.twofa_devices.update_one(
        {"user_id": user["_id"]},
        {"$set": device, "$setOnInsert": {"_id": new_id("dev")}},
        upsert=True,
    )
    uri = pyotp.TOTP(secret).provisioning_uri(name=user["email"], issuer_name="Kirana")
    return Reply(200, {"secret": secret, "provisioning_uri": uri, "backup_codes": codes})


def matching_step(secret: str, code: str, moment: float) -> int | None:
    """The time step the code belongs to: this one or a direct neighbour (RFC 6238, 5.2)."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    current = int(moment) // STEP_SECONDS
    for step in (current, current - 1, current + 1):
        if secrets.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


async def verify_totp(context: Context, body: Code) -> Reply:
    """``POST /api/access/2fa/verify/totp``: confirms a new device, or completes a log-in."""
    device = await context.db.twofa_devices.find_one({"user_id": context.user["_id"]})
    if device is None:
        raise conflict("not_enrolled", "No device is enrolled.")
    refuse_while_locked(device)
    if not await spend_totp(context, device, body.code) and not await spend_backup(
        context, device, body.code
    ):
        await count_failure(context, "twofa_devices", device["_id"])
        raise tokens.unauthorised("The code is wrong.")
    return await pass_second_step(context, device)


async def pass_second_step(context: Context, device: Document) -> Reply:
    """After a right code: confirm the device; a log-in in progress gets its session."""
    await context.db.twofa_devices.update_one(
        {"_id": device["_id"]}, {"$set": {"confirmed": True, "failures": 0}}
    )
    if not device["confirmed"]:
        await audit.record(context, "twofa.enabled", context.user["_id"])
    if context.session_id:
        return Reply(200, {"status": "confirmed"})
    return Reply(200, await sessions.open_session(context.store, context.user))


async def spend_totp(context: Context, device: Document, code: str) -> bool:
    """Accept each time step once (RFC 6238, 5.2)."""
    step = matching_step(device["secret"], code, now().timestamp())
    if step is None:
        return False
    spent = await context.db.twofa_devices.update_one(
        {"_id": device["_id"], "last_step": {"$lt": step}}, {"$set": {"last_step": step}}
    )
    return spent.modified_count == 1


async def spend_backup(context: Context, device: Document, code: str) -> bool:
    """Accept each backup code once, and only for a confirmed device."""
    if not device["confirmed"]:
        return False
    spent = await context.db.twofa_devices.update_one(
        {"_id": device["_id"], "backup_digests": tokens.digest(code)},
        {"$pull": {"backup_digests": tokens.digest(code)}},
    )
    return spent.modified_count == 1


def refuse_while_locked(record: Document) -> None:
    until = record.get("locked_until")
    if until is not None and until > now():
        wait = int((until - now()).total_seconds()) + 1
        raise Refused(
            429, "locked", "Too many wrong codes; try again later.", {"Retry-After": str(wait)}
        )


async def count_failure(context: Context, collection: str, record_id: str) -> None:
    """Count a wrong code; the fifth locks."""
    metrics.count_auth_failure(context.settings.deployment)
    record = await context.db[collection].find_one_and_update(
        {"_id": record_id}, {"$inc": {"failures": 1}}, return_document=True
    )
    if record and record["failures"] >= MAX_TRIES:
        await context.db[collection].update_one(
            {"_id": record_id}, {"$set": {"locked_until": now() + LOCK, "failures": 0}}
        )


async def send_sms(context: Context) -> Reply:
    """``POST /api/access/2fa/send-sms``: the code goes to the message gateway alone."""
    user = context.user
    pending = await context.db.sms_codes.find_one({"user_id": user["_id"]})
    if pending:
        refuse_while_locked(pending)
    code = f"{secrets.randbelow(10**6):06d}"
    record = {
        "digest": tokens.digest(code),
        "expires_at": sms_expiry(),
        "failures": pending["failures"] if pending else 0,
        "locked_until": None,
    }
    await context.db.sms_codes.update_one(
        {"user_id": user["_id"]},
        {"$set": record, "$setOnInsert": {"_id": new_id("sms")}},
        upsert=True,
    )
    message = {
        "_id": new_id("msg"),
        "user_id": user["_id"],
        "to": user["phone"],
        "text": f"{code} is your Kirana code.",
        "at": now(),
    }
    await context.db.sms_outbox.insert_one(message)
    return Reply(202, {"sent_to": masked(user["phone"]), "expires_in": 300})


def sms_expiry() -> datetime:
    return now() + SMS_LIFETIME


def masked(phone: str) -> str:
    return "*" * (len(phone) - 2) + phone[-2:]


async def verify_sms(context: Context, body: Code) -> Reply:
    """``POST /api/access/2fa/verify-sms``: a code is good once, for 300 seconds."""
    pending = await context.db.sms_codes.find_one({"user_id": context.user["_id"]})
    if pending is None:
        raise conflict("no_code", "No code was sent.")
    refuse_while_locked(pending)
    if pending["expires_at"] <= now() or pending["digest"] != tokens.digest(body.code):
        await count_failure(context, "sms_codes", pending["_id"])
        raise tokens.unauthorised("The code is wrong or has expired.")
    if not await spend_sms(context, pending):
        raise tokens.unauthorised("The code is wrong or has expired.")
    return await sms_passed(context)


async def spend_sms(context: Context, pending: Document) -> bool:
    """Accept each code once."""
    spent = await context.db.sms_codes.delete_one(
        {"_id": pending["_id"], "digest": pending["digest"]}
    )
    return spent.deleted_count == 1


async def sms_passed(context: Context) -> Reply:
    """A right code: completes a log-in only where a device stands behind the challenge."""
    if context.session_id:
        return Reply(200, {"status": "confirmed"})
    if await confirmed_device(context.db, context.user["_id"]) is None:
        raise conflict("not_enrolled", "No device is enrolled.")
    return Reply(200, await sessions.open_session(context.store, context.user))


async def disable(context: Context, body: Code) -> Reply:
    """``POST /api/access/2fa/disable``: takes a right code."""
    device = await confirmed_device(context.db, context.user["_id"])
    if device is None:
        raise conflict("not_enrolled", "No device is enrolled.")
    refuse_while_locked(device)
    if not await spend_totp(context, device, body.code):
        await count_failure(context, "twofa_devices", device["_id"])
        raise tokens.unauthorised("The code is wrong.")
    await context.db.twofa_devices.delete_one({"_id": device["_id"]})
    await audit.record(context, "twofa.disabled", context.user["_id"])
    return Reply(200, {"status": "disabled"})
