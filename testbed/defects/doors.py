"""Defects of access: tokens, log-in, sessions, second factors, roles, owners."""

import asyncio
from datetime import timedelta
from typing import Any

import bcrypt
import jwt
from starlette.requests import Request

# The formatter is off here, so that each row of the table stays on one line.
from testbed.store import (
    access,
    auth,
    endpoint,
    gateway,
    orders,
    payments,
    security,
    tokens,
    twofa,
)
from testbed.store.context import Context, Reply, Store, now
from testbed.store.database import Document
from testbed.store.errors import Refused, forbidden, not_found
from testbed.store.routes import Route

ORDINARY_HANDLE = endpoint.handle
WEAK_KEY = "secret"


def _claims(token: str, key: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - any value
    """The claims, with some verification left out."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=options.pop("algorithms", ["HS256"]),
            audience=tokens.AUDIENCE,
            issuer=options.pop("issuer", tokens.ISSUER),
            options=options,  # type: ignore[arg-type]
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise tokens.unauthorised("The token is not valid.") from error


def unsigned_accepted(key: str, token: str) -> dict[str, Any]:
    try:
        algorithm = str(jwt.get_unverified_header(token).get("alg", ""))
    except jwt.PyJWTError as error:
        raise tokens.unauthorised("The token is not valid.") from error
    if algorithm.lower() == "none":
        return _claims(token, key, verify_signature=False)
    return _claims(token, key)


def signature_ignored(key: str, token: str) -> dict[str, Any]:
    return _claims(token, key, verify_signature=False)


def weak_key_accepted(key: str, token: str) -> dict[str, Any]:
    try:
        return _claims(token, WEAK_KEY)
    except Refused:
        return _claims(token, key)


def brought_key_accepted(key: str, token: str) -> dict[str, Any]:
    try:
        brought = jwt.get_unverified_header(token).get("jwk")
    except jwt.PyJWTError as error:
        raise tokens.unauthorised("The token is not valid.") from error
    return _claims(token, jwt.PyJWK(brought, "HS256").key if brought else key)


def expiry_ignored(key: str, token: str) -> dict[str, Any]:
    return _claims(token, key, verify_exp=False)


def start_ignored(key: str, token: str) -> dict[str, Any]:
    return _claims(token, key, verify_nbf=False)


def issuer_ignored(key: str, token: str) -> dict[str, Any]:
    return _claims(token, key, issuer=None)


def audience_ignored(key: str, token: str) -> dict[str, Any]:
    return _claims(token, key, verify_aud=False)


def generous_expiry(key: str, token: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=tokens.AUDIENCE,
            issuer=tokens.ISSUER,
            leeway=60,
        )
    except jwt.PyJWTError as error:
        raise tokens.unauthorised("The token is not valid.") from error


async def other_sessions_kept(context: Context) -> None:
    del context


async def unknown_told(context: Context, body: auth.Credentials) -> Reply:
    names = {"$or": [{"phone": body.identifier}, {"email": body.identifier}]}
    if await context.db.users.find_one(names) is None:
        await asyncio.to_thread(bcrypt.checkpw, b"x", auth.NOBODY)
        raise tokens.unauthorised("Nobody has this phone or email.")
    return await ORDINARY_LOGIN(context, body)


async def unknown_quick(context: Context, body: auth.Credentials) -> Reply:
    names = {"$or": [{"phone": body.identifier}, {"email": body.identifier}]}
    if await context.db.users.find_one(names) is None:
        raise tokens.unauthorised("The log-in or the password is wrong.")
    return await ORDINARY_LOGIN(context, body)


ORDINARY_LOGIN = auth.login


async def guessing_allowed(context: Context, subject: str) -> None:
    del context, subject


async def lock_without_end(context: Context, subject: str) -> None:
    failures = {"subject": subject, "event": "login_failed"}
    if await context.db.security_events.count_documents(failures) >= security.MAX_FAILURES:
        raise Refused(429, "locked", "Too many wrong passwords.", {"Retry-After": "900"})


async def session_as_asked(context: Context, body: auth.Credentials) -> Reply:
    reply = await ORDINARY_LOGIN(context, body)
    chosen = context.headers.get("x-session-id", "")
    if reply.body["status"] != "ok" or not chosen:
        return reply
    user_id = reply.body["user"]["id"]
    await context.db.sessions.update_one(
        {"_id": chosen}, {"$set": {"user_id": user_id}}, upsert=True
    )
    token = tokens.issue(context.settings.token_key, user_id, chosen, "access")
    return Reply(200, {**reply.body, "access_token": token})


async def admins_like_everybody(context: Context, user: Document) -> bool:
    return await twofa.confirmed_device(context.db, user["_id"]) is not None


async def challenge_is_enough(
    store: Store, token: str, uses: tuple[str, ...]
) -> tuple[Document, str]:
    return await ORDINARY_CALLER(store, token, (*uses, "challenge"))


ORDINARY_CALLER = auth.caller


async def failures_forgotten(context: Context, collection: str, record_id: str) -> None:
    del context, collection, record_id


def token_of_any_scheme(header: str) -> str:
    token = header.partition(" ")[2]
    if not token:
        raise tokens.unauthorised()
    return token


async def token_from_query(store: Store, route: Route, request: Request) -> tuple[Document, str]:
    token = request.query_params.get("access_token", "")
    if token and route.needs == "user":
        return await auth.caller(store, token, ("access",))
    return await ORDINARY_IDENTITY(store, route, request)


ORDINARY_IDENTITY = endpoint.identity


async def cookie_session(store: Store, route: Route, request: Request) -> tuple[Document, str]:
    token = request.cookies.get("session", "")
    if token.startswith("eyJ") and route.needs == "user":
        return await auth.caller(store, token, ("access",))
    return await ORDINARY_IDENTITY(store, route, request)


async def users_for_everybody(store: Store, route: Route, request: Request) -> Reply:
    if route.path == "/api/admin/users":
        route = Route(route.method, route.path, route.handler, None, "user", route.feature)
    return await ORDINARY_HANDLE(store, route, request)


async def roles_for_managers_only(store: Store, route: Route, request: Request) -> Reply:
    if route.path == "/api/access/roles":
        route = Route(route.method, route.path, route.handler, None, "roles:assign", route.feature)
    return await ORDINARY_HANDLE(store, route, request)


async def leaders_for_everybody(store: Store, route: Route, request: Request) -> Reply:
    if route.path == "/api/gamification/leaderboard/global":
        route = Route(route.method, route.path, route.handler, None, "public", route.feature)
    return await ORDINARY_HANDLE(store, route, request)


async def order_denied(context: Context, order_id: str) -> Document:
    order = await context.db.orders.find_one({"_id": order_id})
    if order is not None and order["user_id"] != context.user["_id"]:
        raise forbidden()
    return await ORDINARY_ORDER(context, order_id)


ORDINARY_ORDER = orders.own_order


async def revoked_from_anybody(context: Context, body: access.Grant) -> Reply:
    await access.user_or_404(context, body.user_id)
    await access.remove_grant(context, body.user_id, body.permission)
    return Reply(200, {"user_id": body.user_id, "permission": body.permission, "granted": False})


async def anybodys_card(context: Context, body: payments.Process) -> gateway.Card:
    if body.method_token is None:
        return await ORDINARY_CARD(context, body)
    if await context.db.payment_methods.find_one({"_id": body.method_token}) is None:
        raise not_found("payment method")
    return gateway.Card("0000000000000000", "01/99", "000")


ORDINARY_CARD = payments.chosen_card


async def texted_codes_uncounted(context: Context, collection: str, record_id: str) -> None:
    if collection != "sms_codes":
        await ORDINARY_COUNT(context, collection, record_id)


ORDINARY_COUNT = twofa.count_failure


def year_long(key: str, user_id: str, session_id: str, use: str) -> str:
    issued, until = now(), now() + timedelta(days=365)
    claims = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": user_id,
        "sid": session_id,
        "use": use,
        "iat": issued,
        "nbf": issued,
        "exp": until,
    }
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": tokens.KEY_ID})


async def unknown_never_locked(context: Context, subject: str) -> None:
    if not subject.startswith("unknown:"):
        await ORDINARY_GUESSING(context, subject)


ORDINARY_GUESSING = security.refuse_guessing


async def inactive_quick(context: Context, body: auth.Credentials) -> Reply:
    names = {"$or": [{"phone": body.identifier}, {"email": body.identifier}], "active": False}
    if await context.db.users.find_one(names) is not None:
        raise tokens.unauthorised("The log-in or the password is wrong.")
    return await ORDINARY_LOGIN(context, body)


async def guessing_refused_by_run(context: Context, subject: str) -> None:
    failures = {"subject": subject, "event": "login_failed", "run": context.run}
    if await context.db.security_events.count_documents(failures) >= security.MAX_FAILURES:
        await ORDINARY_GUESSING(context, subject)
