"""Defects that only many requests show."""

import asyncio
import itertools

from starlette.requests import Request

from testbed.store import catalogue, endpoint
from testbed.store.context import PER_PAGE, Context, Reply, Store, page_of
from testbed.store.database import Document
from testbed.store.routes import Route

OF_A_THOUSAND = 7
ONE_IN = 6
TAIL_SECONDS = 0.6
FOR_EVER = 3600.0
STILL_ANSWERED = ("/api/auth", "/api/health")
LEFT_BEHIND = 200_000
GROWTH_SECONDS = 0.00002

HANDLE = endpoint.handle
_requests = itertools.count(1)
_searches = itertools.count(1)
_kept: list[bytes] = []


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
