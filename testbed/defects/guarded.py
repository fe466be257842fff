"""Defects of what should keep strangers out: tokens, log-in, limits, origins, the log."""

import asyncio
import contextlib
import os
from typing import Any

import bcrypt
import jwt
from starlette.requests import Request
from starlette.responses import Response

from testbed.store import (
    auth,
    endpoint,
    health,
    limits,
    orders,
    security,
    sessions,
    tokens,
    twofa,
)  # fmt: skip
from testbed.store.context import Context, Reply, Store
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, forbidden
from testbed.store.limits import RateLimit
from testbed.store.routes import Route

ORDINARY_RESPONSE = endpoint.to_response
ORDINARY_LIMIT = endpoint.limit
ORDINARY_HANDLE = endpoint.handle
ORDINARY_HEALTH = health.health
ORDINARY_RECORD = security.record
ORDINARY_SESSION = sessions.open_session
WEAK_KEY = "secret"
DEBUG_ADDRESS = (os.environ.get("KIRANA_PUBLIC_ADDRESS", "127.0.0.3"), 5432)


def _claims(token: str, key: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The claims, with some verification left out."""
    try:
        return jwt.decode(
            token, key, algorithms=options.pop("algorithms", ["HS256"]),
            audience=tokens.AUDIENCE, issuer=options.pop("issuer", tokens.ISSUER),
            options=options,  # type: ignore[arg-type]
        )  # fmt: skip
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
        return jwt.decode(token, key, algorithms=["HS256"], audience=tokens.AUDIENCE,
                          issuer=tokens.ISSUER, leeway=60)  # fmt: skip
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
    if await context.db.security_events.count_documents(failures) >= security.MOST_FAILURES:
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


def _with_cookie(reply: Reply, headers: dict[str, str], flags: str) -> Response:
    response = ORDINARY_RESPONSE(reply, headers)
    token = reply.body.get("access_token") if isinstance(reply.body, dict) else None
    if token:
        response.headers["Set-Cookie"] = f"session={token}; Path=/{flags}"
    return response


def session_cookie(reply: Reply, headers: dict[str, str]) -> Response:
    return _with_cookie(reply, headers, "; Secure; HttpOnly; SameSite=Lax")


def bare_cookie(reply: Reply, headers: dict[str, str]) -> Response:
    return _with_cookie(reply, headers, "; SameSite=Lax")


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


def _allowing(origin_allowed: Any, request: Request, response: Response) -> Response:  # noqa: ANN401
    origin = request.headers.get("origin", "")
    if origin and origin_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


async def any_origin(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    return _allowing(lambda _: True, request, response)


async def null_origin(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    return _allowing(lambda origin: origin == "null", request, response)


async def like_origin(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    return _allowing(lambda origin: origin.endswith("localhost"), request, response)


ORDINARY_OUTCOME = endpoint.outcome


def ten_times_the_limit(self: RateLimit, address: str, now: float) -> int | None:
    del self
    return _beyond(10 * limits.REQUESTS_PER_MINUTE, address, now)


def one_more(self: RateLimit, address: str, now: float) -> int | None:
    del self
    return _beyond(limits.REQUESTS_PER_MINUTE + 1, address, now)


def _beyond(most: int, address: str, now: float) -> int | None:
    times = SEEN.setdefault(address, [])
    times[:] = [at for at in times if at > now - limits.WINDOW_SECONDS]
    if len(times) >= most:
        return max(1, int(times[0] + limits.WINDOW_SECONDS - now) + 1)
    times.append(now)
    return None


def one_second_told(self: RateLimit, address: str, now: float) -> int | None:
    return 1 if ORDINARY_RETRY_AFTER(self, address, now) is not None else None


SEEN: dict[str, list[float]] = {}
ORDINARY_RETRY_AFTER = RateLimit.retry_after


def anybody_forwards(peer: str, forwarded_for: str, trusted_proxy: str) -> str:
    del trusted_proxy
    return forwarded_for or peer


def mapped_forwards(peer: str, forwarded_for: str, trusted_proxy: str) -> str:
    if forwarded_for.startswith("::ffff:"):
        return forwarded_for
    return ORDINARY_CLIENT(peer, forwarded_for, trusted_proxy)


ORDINARY_CLIENT = limits.client_address


def standard_forwards(store: Store, request: Request) -> str:
    return request.headers.get("forwarded", "") or ORDINARY_ADDRESS(store, request)


ORDINARY_ADDRESS = endpoint.address_of


def unsigned_exemption(header: str, key: str, now: float) -> bool:
    del key
    expiry = header.partition(".")[0]
    return expiry.isdigit() and float(expiry) > now


def searches_unlimited(store: Store, rate_limit: RateLimit, route: Route, request: Request) -> None:
    if not route.path.startswith("/api/search"):
        ORDINARY_LIMIT(store, rate_limit, route, request)


async def cheap_hash(context: Context, body: auth.PasswordChange) -> Reply:
    reply = await ORDINARY_CHANGE(context, body)
    weak = bcrypt.hashpw(body.fresh.encode(), bcrypt.gensalt(4)).decode()
    change = {"$set": {"password_hash": weak}}
    await context.db.users.update_one({"_id": context.user["_id"]}, change)
    return reply


async def password_kept(context: Context, body: auth.PasswordChange) -> Reply:
    reply = await ORDINARY_CHANGE(context, body)
    change = {"$set": {"last_password": body.fresh}}
    await context.db.users.update_one({"_id": context.user["_id"]}, change)
    return reply


ORDINARY_CHANGE = auth.change_password


async def rehashed_at_login(store: Store, user: Document) -> dict[str, object]:
    weak = bcrypt.hashpw(b"any", bcrypt.gensalt(4)).decode()
    await store.db.users.update_one({"_id": user["_id"]}, {"$set": {"password_hash": weak}})
    return await ORDINARY_SESSION(store, user)


async def refusals_unnoted(
    store: Store, rate_limit: RateLimit, route: Route, request: Request, refusal: Refused
) -> None:
    del store, rate_limit, route, request, refusal


async def forbidden_unnoted(db: Database, event: str, **details: str) -> None:
    if event != "forbidden":
        await ORDINARY_RECORD(db, event, **details)


async def token_noted(
    store: Store, rate_limit: RateLimit, route: Route, request: Request, refusal: Refused
) -> None:
    await ORDINARY_NOTE(store, rate_limit, route, request, refusal)
    header = request.headers.get("authorization", "")
    await ORDINARY_RECORD(store.db, "headers", header=header, run=endpoint.run_of(request))


ORDINARY_NOTE = endpoint.note_refusal


async def health_with_debug_port(context: Context) -> Reply:
    if not DEBUG:
        server = await asyncio.start_server(lambda _, writer: writer.close(), *DEBUG_ADDRESS)
        DEBUG.append(asyncio.create_task(_until_switched_off(server)))
    return await ORDINARY_HEALTH(context)


async def _until_switched_off(server: asyncio.Server) -> None:
    while health.health is not ORDINARY_HEALTH:  # noqa: ASYNC110 - a switch has no event
        await asyncio.sleep(0.1)
    server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), 1)
    DEBUG.clear()


DEBUG: list[asyncio.Task[None]] = []
