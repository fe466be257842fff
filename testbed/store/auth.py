"""Log-in, token refresh, log-out, and the user of a request."""

import asyncio
from typing import Annotated

import bcrypt
import msgspec

from testbed.store import audit, metrics, security, sessions, tokens, twofa
from testbed.store.context import Context, Reply, Store, now
from testbed.store.database import Document
from testbed.store.errors import invalid

NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))
MAX_PASSWORD_BYTES = 72


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    identifier: str
    password: str


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    fresh: Annotated[str, msgspec.Meta(min_length=12, max_length=72)] = msgspec.field(name="new")


class Refresh(msgspec.Struct, forbid_unknown_fields=True):
    refresh_token: str


async def password_matches(password: str, stored: bytes) -> bool:
    """Compare off the event loop: bcrypt at cost 10 takes some 60 ms."""
    candidate = password.encode()[:MAX_PASSWORD_BYTES]
    return await asyncio.to_thread(bcrypt.checkpw, candidate, stored)


async def login(context: Context, body: Credentials) -> Reply:
    """``POST /api/auth/login``."""
    user = await context.db.users.find_one(
        {"$or": [{"phone": body.identifier}, {"email": body.identifier}]}
    )
    subject = security.login_subject(body.identifier, user)
    await security.refuse_guessing(context, subject)
    stored = user["password_hash"].encode() if user else NOBODY
    matches = await password_matches(body.password, stored)
    if user is None or not matches or not user["active"]:
        metrics.count_auth_failure(context.settings.deployment)
        await security.record(context.db, "login_failed", subject=subject, run=context.run)
        raise tokens.unauthorised("The log-in or the password is wrong.")
    if "access" in context.settings.release.features and await needs_second_step(context, user):
        challenge = tokens.issue(context.settings.token_key, user["_id"], "", "challenge")
        enrolled = await twofa.confirmed_device(context.db, user["_id"]) is not None
        status = "twofa_required" if enrolled else "twofa_enrolment_required"
        return Reply(200, {"status": status, "challenge_token": challenge})
    return Reply(200, await sessions.open_session(context.store, user))


async def needs_second_step(context: Context, user: Document) -> bool:
    """Admins and owners always; everybody else once a device is enrolled."""
    if user["role"] in ("admin", "owner"):
        return True
    return await twofa.confirmed_device(context.db, user["_id"]) is not None


async def refresh(context: Context, body: Refresh) -> Reply:
    """``POST /api/auth/refresh``: a refresh token is valid for one use."""
    fresh = tokens.new_refresh_token()
    session = await rotate(context, body.refresh_token, fresh)
    user = session and await context.db.users.find_one({"_id": session["user_id"], "active": True})
    if not session or not user:
        metrics.count_auth_failure(context.settings.deployment)
        raise tokens.unauthorised("The refresh token is not valid.")
    return Reply(200, sessions.token_pair(context.store, user, session["_id"], fresh))


async def rotate(context: Context, old: str, fresh: str) -> Document | None:
    """The session of a refresh token; the session gets another token."""
    return await context.db.sessions.find_one_and_update(
        {"refresh_digest": tokens.digest(old), "expires_at": {"$gt": now()}},
        {"$set": {"refresh_digest": tokens.digest(fresh)}},
    )


async def logout(context: Context) -> Reply:
    """``POST /api/auth/logout``: ends this session, its access tokens included."""
    await context.db.sessions.delete_one({"_id": context.session_id})
    return Reply(204)


async def change_password(context: Context, body: PasswordChange) -> Reply:
    """``POST /api/auth/password``: takes the current one, and ends every other session."""
    if len(body.fresh.encode()) > MAX_PASSWORD_BYTES:
        raise invalid(f"A password has at most {MAX_PASSWORD_BYTES} bytes in UTF-8.")
    user_id = context.user["_id"]
    await security.refuse_guessing(context, user_id)
    if not await password_matches(body.current, context.user["password_hash"].encode()):
        await security.record(context.db, "login_failed", subject=user_id, run=context.run)
        raise tokens.unauthorised("The password is wrong.")
    fresh = await asyncio.to_thread(bcrypt.hashpw, body.fresh.encode(), bcrypt.gensalt(10))
    await context.db.users.update_one({"_id": user_id}, {"$set": {"password_hash": fresh.decode()}})
    await end_other_sessions(context)
    await audit.record(context, "password.changed", user_id)
    return Reply(204)


async def end_other_sessions(context: Context) -> None:
    await context.db.sessions.delete_many(
        {"user_id": context.user["_id"], "_id": {"$ne": context.session_id}}
    )


async def caller(store: Store, token: str, uses: tuple[str, ...]) -> tuple[Document, str]:
    """The user and session of a token; 401 when one of them is gone."""
    claims = tokens.read(store.settings.token_key, token)
    if claims["use"] not in uses:
        raise tokens.unauthorised("The token is not valid here.")
    if claims["use"] == "challenge":
        user = await store.db.users.find_one({"_id": claims["sub"], "active": True})
        alive = True
    else:
        user, session = await asyncio.gather(
            store.db.users.find_one({"_id": claims["sub"], "active": True}),
            store.db.sessions.find_one({"_id": claims["sid"], "user_id": claims["sub"]}),
        )
        alive = session is not None
    if user is None or not alive:
        raise tokens.unauthorised("The session has ended.")
    return user, claims["sid"]


def bearer(header: str) -> str:
    """The token of an Authorization header; 401 when there is none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise tokens.unauthorised()
    return token
