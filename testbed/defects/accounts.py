"""Defects of accounts: of sessions, second factors and the audit trail."""

from typing import Any

from testbed.store import audit, sessions, twofa
from testbed.store.context import Context, Reply, Store
from testbed.store.database import Document

OPEN_SESSION, ENABLE, RECORD = sessions.open_session, twofa.enable_totp, audit.record
KEPT_SESSIONS = 5
MAX_DETAIL = 32


async def open_and_end_oldest(store: Store, user: Document) -> dict[str, object]:
    pair = await OPEN_SESSION(store, user)
    newest = store.db.sessions.find({"user_id": user["_id"]}).sort([("opened_at", -1)])
    old = [session["_id"] async for session in newest.skip(KEPT_SESSIONS)]
    await store.db.sessions.delete_many({"_id": {"$in": old}})
    return pair


async def enable_with_first_backup_codes(context: Context) -> Reply:
    by_user = {"user_id": context.user["_id"]}
    earlier = await context.db.twofa_devices.find_one({**by_user, "confirmed": False})
    reply = await ENABLE(context)
    if earlier:
        kept: dict[str, Any] = {"backup_digests": earlier["backup_digests"]}
        await context.db.twofa_devices.update_one(by_user, {"$set": kept})
    return reply


async def record_short_details(
    context: Context, action: str, subject_id: str, **details: str
) -> None:
    shortened = {name: value[:MAX_DETAIL] for name, value in details.items()}
    await RECORD(context, action, subject_id, **shortened)
