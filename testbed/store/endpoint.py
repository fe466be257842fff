"""The steps around every operation: limit, identity, permission, body, answer, metrics."""

import importlib
import time
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from testbed.store import access, auth, limits, malfunctions, metrics, security
from testbed.store.context import Context, Reply, Store, new_id
from testbed.store.errors import Refused, forbidden, invalid
from testbed.store.limits import RateLimit
from testbed.store.routes import Route

MAX_BODY = 256 * 1024
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}
SECURITY_STATUSES = (401, 403, 429)
UNLIMITED = frozenset({"/api/health"})


def endpoint(
    store: Store, rate_limit: RateLimit, route: Route
) -> Callable[[Request], Awaitable[Response]]:
    """The ASGI endpoint of one route."""

    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        request.state.request_id = new_id("req")
        response = await outcome(store, rate_limit, route, request)
        response.headers["X-Request-Id"] = malfunctions.request_id(request)
        labels = (
            store.settings.deployment,
            route.path,
            route.method,
            response.status_code,
            "synthetic" if run_of(request) else "customer",
        )
        metrics.observe_request(labels, time.perf_counter() - started)
        return response

    return answer


async def outcome(store: Store, rate_limit: RateLimit, route: Route, request: Request) -> Response:
    """The handler's reply or refusal; 500 and an entry in the log for any other exception."""
    try:
        return await reply_or_refusal(store, rate_limit, route, request)
    except Exception as error:  # noqa: BLE001 - the log has it, whatever it is
        malfunctions.log_malfunction(store.settings, route, request, error)
        return to_response(error_reply(broken(error)), {})


async def reply_or_refusal(
    store: Store, rate_limit: RateLimit, route: Route, request: Request
) -> Response:
    """The handler's reply, or the refusal; some refusals go into the security log."""
    try:
        limit(store, rate_limit, route, request)
        return to_response(await handle(store, route, request), {})
    except Refused as refusal:
        if refusal.status in SECURITY_STATUSES:
            await note_refusal(store, rate_limit, route, request, refusal)
        return to_response(error_reply(refusal), refusal.headers)


def broken(error: Exception) -> Refused:
    """The answer to a malfunction, without any detail of it."""
    del error
    return Refused(500, "internal_error", "Something went wrong.")


async def note_refusal(
    store: Store, rate_limit: RateLimit, route: Route, request: Request, refusal: Refused
) -> None:
    """Write a refusal to the security log; for many refusals, only the first in a while."""
    address = address_of(store, request)
    if refusal.code == "too_many_requests" and not rate_limit.worth_noting(
        address, time.monotonic()
    ):
        return
    await security.record(
        store.db,
        refusal.code,
        path=route.path,
        address=address,
        run=run_of(request),
        user_id=getattr(request.state, "user_id", ""),
    )


def limit(store: Store, rate_limit: RateLimit, route: Route, request: Request) -> None:
    """Count the request against its address; 429 beyond the limit."""
    exemption = request.headers.get("x-kirana-exemption", "")
    if route.path in UNLIMITED or limits.is_exempt(
        exemption, store.settings.exemption_key, time.time()
    ):
        return
    wait = rate_limit.retry_after(address_of(store, request), time.monotonic())
    if wait is not None:
        headers = {"Retry-After": str(wait)}
        raise Refused(429, "too_many_requests", "Too many requests.", headers)


def address_of(store: Store, request: Request) -> str:
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "")
    return limits.client_address(peer, forwarded, store.settings.trusted_proxy)


async def handle(store: Store, route: Route, request: Request) -> Reply:
    """Find the user, check the request, and call the handler."""
    raw = await read_body(request)
    request.state.raw = raw
    user, session_id = await identity(store, route, request)
    context = Context(
        store=store,
        path=request.path_params,
        query=single_values(request),
        headers=request.headers,
        raw=raw,
        user=user,
        session_id=session_id,
        run=run_of(request),
    )
    request.state.user_id = str(user.get("_id", ""))
    if ":" in route.needs and not await access.is_allowed(store.db, user, route.needs):
        raise forbidden()
    module, _, name = route.handler.partition(":")
    handler = getattr(importlib.import_module(f"testbed.store.{module}"), name)
    if route.body is None:
        return await handler(context)  # type: ignore[no-any-return]
    return await handler(context, decoded(raw, route))  # type: ignore[no-any-return]


def decoded(raw: bytes, route: Route) -> object:
    """The body as a value of the route's type; 400 for another body."""
    try:
        return msgspec.json.decode(raw, type=route.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(str(error)) from error


async def identity(store: Store, route: Route, request: Request) -> tuple[dict[str, object], str]:
    header = request.headers.get("authorization", "")
    if route.needs == "public" or (route.needs == "anyone" and not header):
        return {}, ""
    uses = ("access", "challenge") if route.needs == "challenge" else ("access",)
    token = auth.bearer(header)
    return await auth.caller(store, token, uses)


async def read_body(request: Request) -> bytes:
    """The body, refused as soon as it grows beyond MAX_BODY."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise Refused(413, "too_large", "The body is too large.")
        parts.append(part)
    return b"".join(parts)


def single_values(request: Request) -> dict[str, str]:
    """The query parameters; 400 when one occurs twice."""
    pairs = request.query_params.multi_items()
    values = dict(pairs)
    if len(values) != len(pairs):
        raise invalid("A query parameter is given twice.")
    return values


def run_of(request: Request) -> str:
    return request.headers.get("x-kirana-synthetic", "")[:80]


def error_reply(refusal: Refused) -> Reply:
    return Reply(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})


def plain(value: object) -> int:
    """The database's large integers are a type of their own."""
    if isinstance(value, int):
        return int(value)
    raise TypeError(type(value).__name__)


def to_response(reply: Reply, headers: dict[str, str]) -> Response:
    response = Response(
        content=b"" if reply.body is None else msgspec.json.encode(reply.body, enc_hook=plain),
        status_code=reply.status,
        media_type=None if reply.body is None else "application/json",
        headers={**SECURITY_HEADERS, "Cache-Control": "no-store", **headers},
    )
    return response  # noqa: RET504 - the name says what leaves
