"""The audit trail: actions with actor, subject and time; entries are only added."""

from testbed.store.context import Context, Reply, integer, new_id, now, only
from testbed.store.errors import not_found

MAX_ENTRIES = 200


async def record(context: Context, action: str, subject_id: str, **details: str) -> None:
    """Add one entry."""
    entry = {
        "_id": new_id("aud"),
        "actor_id": context.user["_id"],
        "action": action,
        "subject_id": subject_id,
        "details": details,
        "at": now(),
    }
    await context.db.audit_logs.insert_one(entry)


async def of_user(context: Context) -> Reply:
    """``GET /api/access/audit/user/{user_id}``: newest first, acts by and upon the user."""
    only(context.query, "limit")
    user_id = context.path["user_id"]
    if await context.db.users.find_one({"_id": user_id}) is None:
        raise not_found("user")
    limit = integer(context.query, "limit", 50, MAX_ENTRIES)
    cursor = context.db.audit_logs.find({"$or": [{"actor_id": user_id}, {"subject_id": user_id}]})
    entries = [
        {
            "id": entry["_id"],
            "actor_id": entry["actor_id"],
            "action": entry["action"],
            "subject_id": entry["subject_id"],
            "details": entry["details"],
            "at": entry["at"],
        }
        async for entry in cursor.sort([("at", -1), ("_id", 1)]).limit(limit)
    ]
    return Reply(200, {"entries": entries})
