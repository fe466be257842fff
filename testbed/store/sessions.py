"""Sessions: a log-in opens one, and gives a pair of tokens for it."""

from datetime import timedelta

from testbed.store import tokens
from testbed.store.context import Store, new_id, now
from testbed.store.database import Document

SESSION_LIFETIME = timedelta(days=30)


async def open_session(store: Store, user: Document) -> dict[str, object]:
    """A new session and its pair of tokens."""
    refresh_token = tokens.new_refresh_token()
    session = {
        "_id": new_id("ses"),
        "user_id": user["_id"],
        "refresh_digest": tokens.digest(refresh_token),
        "opened_at": now(),
        "expires_at": now() + SESSION_LIFETIME,
    }
    await store.db.sessions.insert_one(session)
    return token_pair(store, user, str(session["_id"]), refresh_token)


def token_pair(
    store: Store, user: Document, session_id: str, refresh_token: str
) -> dict[str, object]:
    return {
        "status": "ok",
        "access_token": tokens.issue(store.settings.token_key, user["_id"], session_id, "access"),
        "refresh_token": refresh_token,
        "token_type": "Bearer",
        "expires_in": int(tokens.ACCESS_LIFETIME.total_seconds()),
        "user": {"id": user["_id"], "name": user["name"], "role": user["role"]},
    }
