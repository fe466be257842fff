"""The ASGI application: operations, WebSockets, metrics and the web frontend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import metrics, realtime
from testbed.store.cache import Cache
from testbed.store.context import Store
from testbed.store.database import connect
from testbed.store.endpoint import SECURITY_HEADERS, endpoint, error_reply, to_response
from testbed.store.errors import Refused
from testbed.store.limits import RateLimit
from testbed.store.routes import ROUTES
from testbed.store.settings import Settings

FRONTEND = Path(__file__).parent / "frontend"
PAGES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
}
STATUS_WORDS = {404: ("not_found", "No such page."), 405: ("method_not_allowed", "Not allowed.")}


def create(settings: Settings) -> Starlette:
    """The application of one deployment."""
    cache = Cache(settings.deployment)
    store = Store(settings, connect(settings.database_uri, settings.deployment), cache)
    hub = realtime.Hub(store)
    rate_limit = RateLimit()
    offered = [route for route in ROUTES if route.feature in settings.release.features]
    metrics.initialise(settings, [(route.method, route.path) for route in offered])
    routes: list[HttpRoute | WebSocketRoute] = [
        HttpRoute(route.path, endpoint(store, rate_limit, route), methods=[route.method])
        for route in offered
    ]
    routes += [HttpRoute("/metrics", exposition), *frontend_routes()]
    if "realtime" in settings.release.features:
        routes += websocket_routes(store, hub)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        polling = asyncio.create_task(hub.run())
        yield
        polling.cancel()
        await store.db.client.close()

    return Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={HTTPException: http_error}
    )


def websocket_routes(store: Store, hub: realtime.Hub) -> list[HttpRoute | WebSocketRoute]:
    async def orders(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, TimeoutError):
            await realtime.orders(store, hub, socket)

    async def delivery(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, TimeoutError):
            await realtime.delivery(store, hub, socket)

    return [
        WebSocketRoute("/api/ws/orders", orders),
        WebSocketRoute("/api/ws/delivery/{order_id}", delivery),
    ]


async def exposition(_: Request) -> Response:
    content, media_type = metrics.exposition()
    return Response(content, media_type=media_type)


def frontend_routes() -> list[HttpRoute | WebSocketRoute]:
    async def page(request: Request) -> Response:
        path = request.url.path
        return Response(
            page_content(path, request.query_params),
            media_type=PAGES[path][1],
            headers=SECURITY_HEADERS,
        )

    return [HttpRoute(path, page) for path in PAGES]


def page_content(path: str, query: Mapping[str, str]) -> bytes:
    """A page as it is on disk, whatever the query says."""
    del query
    return (FRONTEND / PAGES[path][0]).read_bytes()


async def http_error(request: Request, error: Exception) -> Response:
    return await error_page(request, error)


async def error_page(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = STATUS_WORDS.get(status, ("error", "The request was refused."))
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return to_response(error_reply(Refused(status, code, message)), headers)
