"""Defects that only many requests reveal."""

import asyncio
import itertools
import random
import time
from collections import deque

from starlette.requests import Request

from testbed.store import catalogue, endpoint
from testbed.store.context import PER_PAGE, Context, Reply, Store, page_of
from testbed.store.database import Document
from testbed.store.routes import Route
from testbed.store.tokens import unauthorised

OF_A_THOUSAND = 7
ONE_IN = 6
TAIL_SECONDS = 0.6
FOR_EVER = 3600.0
STILL_ANSWERED = ("/api/auth", "/api/health")
LEFT_BEHIND = 200_000
GROWTH_SECONDS = 0.00002

ONE_FAILS_IN = 20
LATE_SECONDS = 1.2
BUSY_A_SECOND, BUSY_FAILS_IN = 70, 12
# So long until a tenth fails.
RISE_SECONDS, AT_MOST = 160.0, 0.1

HANDLE = endpoint.handle
_requests = itertools.count(1)
_searches = itertools.count(1)
_kept: list[bytes] = []
_began: list[float] = []
_lately: deque[float] = deque()


async def handle_most(store: Store, route: Route, request: Request) -> Reply:
    number = next(_requests)
    if not route.path.startswith("/api/auth") and number * OF_A_THOUSAND % 1000 < OF_A_THOUSAND:
        raise RuntimeError(f"no connection left for {route.path}")
    return await HANDLE(store, route, request)


async def hang(store: Store, route: Route, request: Request) -> Reply:
    reply = await HANDLE(store, route, request)
    if not route.path.startswith(STILL_ANSWERED):
        await asyncio.sleep(FOR_EVER)
    return reply


async def search_with_a_tail(context: Context, wanted: Document) -> Reply:
    if next(_searches) % ONE_IN == 0:
        await asyncio.sleep(TAIL_SECONDS)
    page = page_of(context.query)
    return Reply(200, await catalogue.product_page(context, wanted, page, PER_PAGE))


async def handle_and_keep(store: Store, route: Route, request: Request) -> Reply:
    _kept.append(bytes(LEFT_BEHIND))
    return await HANDLE(store, route, request)


async def handle_ever_slower(store: Store, route: Route, request: Request) -> Reply:
    await asyncio.sleep(next(_requests) * GROWTH_SECONDS)
    return await HANDLE(store, route, request)


def is_spared(route: Route) -> bool:
    """Log-ins and health checks still work, as when a database fails only in part."""
    return route.path.startswith(STILL_ANSWERED)


async def handle_nineteen(store: Store, route: Route, request: Request) -> Reply:
    if not is_spared(route) and next(_requests) % ONE_FAILS_IN == 0:
        raise RuntimeError(f"no connection left for {route.path}")
    return await HANDLE(store, route, request)


async def handle_none(store: Store, route: Route, request: Request) -> Reply:
    if not is_spared(route):
        raise RuntimeError(f"no connection left for {route.path}")
    return await HANDLE(store, route, request)


async def handle_refused(store: Store, route: Route, request: Request) -> Reply:
    if not is_spared(route):
        raise unauthorised()
    return await HANDLE(store, route, request)


async def handle_late(store: Store, route: Route, request: Request) -> Reply:
    if not is_spared(route):
        await asyncio.sleep(LATE_SECONDS)
    return await HANDLE(store, route, request)


async def handle_ever_fewer(store: Store, route: Route, request: Request) -> Reply:
    if not _began:
        _began.append(time.monotonic())
    passed = (time.monotonic() - _began[0]) / RISE_SECONDS
    if not is_spared(route) and random.random() < min(1.0, passed) * AT_MOST:
        raise RuntimeError(f"no connection left for {route.path}")
    return await HANDLE(store, route, request)


async def handle_when_quiet(store: Store, route: Route, request: Request) -> Reply:
    now = time.monotonic()
    _lately.append(now)
    while _lately[0] < now - 1:
        _lately.popleft()
    busy = len(_lately) > BUSY_A_SECOND
    if busy and not is_spared(route) and next(_requests) % BUSY_FAILS_IN == 0:
        raise RuntimeError(f"no connection left for {route.path}")
    return await HANDLE(store, route, request)
