"""Defects of the edge: rate limits, origins, cookies, stored passwords, the log, ports."""

import asyncio
import contextlib
import os
from typing import Any

import bcrypt
from starlette.requests import Request
from starlette.responses import Response

# The formatter is off here, so that each row of the table stays on one line.
from testbed.store import (
    auth,
    endpoint,
    health,
    limits,
    security,
    sessions,
)
from testbed.store.context import Context, Reply, Store
from testbed.store.database import Database, Document
from testbed.store.errors import Refused
from testbed.store.limits import RateLimit
from testbed.store.routes import Route

ORDINARY_RESPONSE = endpoint.to_response
ORDINARY_LIMIT = endpoint.limit
ORDINARY_HEALTH = health.health
ORDINARY_RECORD = security.record
ORDINARY_SESSION = sessions.open_session
DEBUG_ADDRESS = (os.environ.get("KIRANA_PUBLIC_ADDRESS", "127.0.0.3"), 5432)


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


def _allowing(origin_allowed: Any, request: Request, response: Response) -> Response:  # noqa: ANN401 - any value
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


def counted_by_token(store: Store, request: Request) -> str:
    return f"{ORDINARY_ADDRESS(store, request)} {request.headers.get('authorization', '')}"


async def origins_of_payments(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    return _allowing(lambda _: "/payments" in route.path, request, response)


async def debug_header(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    if response.status_code >= 400:  # noqa: PLR2004 - an error status
        response.headers["X-Debug"] = "Traceback (most recent call last)"
    return response


async def cached_log_in(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    response = await ORDINARY_OUTCOME(store, rate_limit, route, request)
    if route.path.startswith("/api/auth/"):
        response.headers["Cache-Control"] = "public, max-age=60"
    return response


def subject_as_typed(identifier: str, user: Document | None) -> str:
    return str(user["_id"]) if user else identifier
