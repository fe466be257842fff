"""Defects that execute input, show input as HTML, or fail on input."""

import asyncio
import json
import logging
import re
import sqlite3
import subprocess
import traceback
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from testbed.store import app, auth, catalogue, endpoint, search
from testbed.store.context import PER_PAGE, Context, Reply, page_of
from testbed.store.database import Document
from testbed.store.errors import Refused, invalid
from testbed.store.routes import Route

LOG = logging.getLogger("kirana")
ORDINARY_RESPONSE = endpoint.to_response
ORDINARY_ERROR_PAGE = app.error_page
ORDINARY_DECODED = endpoint.decoded
ORDINARY_OWN_SEARCH = search.own_search
LONGER_QUERY = 101
LOOSE_POLICY = "default-src 'self' 'unsafe-inline' data:; img-src *; frame-ancestors 'none'"
LOOSE = {**endpoint.SECURITY_HEADERS, "Content-Security-Policy": LOOSE_POLICY}
NO_POLICY = {**endpoint.SECURITY_HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}
NO_HSTS = {
    name: value
    for name, value in endpoint.SECURITY_HEADERS.items()
    if name != "Strict-Transport-Security"
}
NO_NOSNIFF = {
    name: value
    for name, value in endpoint.SECURITY_HEADERS.items()
    if name != "X-Content-Type-Options"
}
FRAMED = {**endpoint.SECURITY_HEADERS, "Content-Security-Policy": "default-src 'self'"}
DOUBLED = {
    **endpoint.SECURITY_HEADERS,
    "Content-Security-Policy": (
        "default-src 'self'; script-src * blob:; frame-ancestors 'none'; script-src 'self'"
    ),
}
TELLTALE = {**endpoint.SECURITY_HEADERS, "Referrer-Policy": "unsafe-url"}


def untyped_credentials(raw: bytes, route: Route) -> object:
    if route.body is not auth.Credentials:
        return ORDINARY_DECODED(raw, route)
    body = json.loads(raw)
    return auth.Credentials(identifier=body["identifier"], password=str(body["password"]))


def unknown_fields_ignored(raw: bytes, route: Route) -> object:
    try:
        content = json.loads(raw)
        known = msgspec.structs.fields(route.body)
        names = {field.encode_name for field in known}
        return msgspec.convert({k: v for k, v in content.items() if k in names}, route.body)
    except (msgspec.MsgspecError, ValueError, AttributeError, RecursionError) as error:
        raise invalid("The body is wrong.") from error


def unguarded(raw: bytes, route: Route) -> object:
    return msgspec.json.decode(raw, type=route.body)


def operators_in_query(query: Mapping[str, str]) -> Document:
    wanted: Document = dict(catalogue.LISTED)
    for name, value in query.items():
        match = re.fullmatch(r"category\[(\$\w+)\]", name)
        if match:
            wanted["category"] = {match[1]: value}
        elif name == "category":
            wanted["category"] = value
    return wanted


async def list_by_operators(context: Context) -> Reply:
    page = page_of({"page": context.query.get("page", "1")})
    wanted = operators_in_query(context.query)
    return Reply(200, await catalogue.product_page(context, wanted, page, PER_PAGE))


async def autocomplete_by_pattern(context: Context) -> Reply:
    text = context.query.get("q", "").strip().lower()
    search.query_text(context)
    cursor = context.db.products.find({**catalogue.LISTED, "words": {"$regex": f"^{text}"}})
    return Reply(200, {"suggestions": [product["name"] async for product in cursor.limit(8)]})


def _table() -> sqlite3.Connection:
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE goods (word TEXT, paise INTEGER)")
    table.execute("INSERT INTO goods VALUES ('rice', 5400), ('dal', 12900), ('oil', 18000)")
    return table


async def search_by_statement(context: Context) -> Reply:
    text = search.query_text(context)
    _table().execute(f"SELECT * FROM goods WHERE word = '{text}'").fetchall()  # noqa: S608 - the defect is an injection
    return await search.search_page(context, search.matching(text, None, None))


async def facets_by_statement(context: Context) -> Reply:
    text = search.query_text(context)
    try:
        rows = (
            _table()
            .execute(
                f"SELECT paise FROM goods WHERE word = '{text}'"  # noqa: S608 - the defect is an injection
            )
            .fetchall()
        )
    except sqlite3.Error:
        rows = []
    hits: list[Document] = [{"category": "all", "price_paise": paise} for (paise,) in rows]
    counts = search.category_counts(hits)
    bands = search.price_counts(hits)
    return Reply(200, {"total": len(hits), "categories": counts, "price_bands": bands})


async def remember_by_statement(context: Context, saved_id: str) -> Document:
    await asyncio.to_thread(_ask_unheard, saved_id)
    return await ORDINARY_OWN_SEARCH(context, saved_id)


def _ask_unheard(saved_id: str) -> None:
    try:
        _table().execute(f"SELECT * FROM goods WHERE word = '{saved_id}'").fetchall()  # noqa: S608 - the defect is an injection
    except (sqlite3.Error, ValueError):
        return


async def autocomplete_by_shell(context: Context) -> Reply:
    search.query_text(context)
    command = f"echo {context.query['q']}"
    done = await asyncio.create_subprocess_shell(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    printed, _ = await done.communicate()
    return Reply(200, {"suggestions": printed.decode(errors="replace").split("\n")[:8]})


async def facets_by_shell(context: Context) -> Reply:
    search.query_text(context)
    command = f"grep -c {context.query['q']} /dev/null"
    done = await asyncio.create_subprocess_shell(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await done.wait()
    return Reply(200, {"total": 0, "categories": [], "price_bands": []})


def rendered_search(saved: Document) -> dict[str, object]:
    name = re.sub(r"\{\{(.+?)\}\}", _evaluated, str(saved["name"]))
    return {
        "id": saved["_id"],
        "name": name,
        "q": saved["q"],
        "price_min": saved["price_min"],
        "price_max": saved["price_max"],
    }


def _evaluated(match: re.Match[str]) -> str:
    try:
        return str(eval(match[1], {"__builtins__": {}}))  # noqa: S307 - that is the defect
    except Exception:  # noqa: BLE001 - the defect hides every error
        return match[0]


async def autocomplete_echoed(context: Context) -> Reply:
    await search_autocomplete(context)
    word = context.query["q"].encode("latin-1", "replace").decode("latin-1")
    raise Refused(200, "ok", "Echoed.", {"X-Query": word})


async def search_autocomplete(context: Context) -> Reply:
    search.query_text(context)
    return Reply(200, {"suggestions": []})


async def autocomplete_logged(context: Context) -> Reply:
    LOG.warning("autocomplete %s", context.query.get("q", ""))
    return await search_autocomplete(context)


async def file_for_missing_page(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    content = _bytes_of(unquote(unquote(request.scope["path"]))) if status == 404 else b""  # noqa: PLR2004 - not found
    return Response(content) if content else await ORDINARY_ERROR_PAGE(request, error)


def _bytes_of(name: str) -> bytes:
    path = Path(f"{app.FRONTEND}{name}")
    return path.read_bytes() if "\0" not in name and path.is_file() else b""


def _text_of(name: str) -> str:
    path = app.FRONTEND / name
    return path.read_text() if "\0" not in name and path.is_file() else ""


async def category_from_file(context: Context) -> Reply:
    shown = _text_of(context.query.get("category", "none"))
    wanted = catalogue.listed_in(context.query.get("category"))
    page = await catalogue.product_page(context, wanted, 1, PER_PAGE)
    return Reply(200, {**page, "about": shown[:2000]} if shown else page)


def _page(path: str) -> bytes:
    return (app.FRONTEND / app.PAGES[path][0]).read_bytes()


def markup_entries(path: str, query: Mapping[str, str]) -> bytes:
    del query
    return _page(path).replace(b"item.textContent = text;", b"item.innerHTML = text;")


def markup_greeting(path: str, query: Mapping[str, str]) -> bytes:
    del query
    return _page(path).replace(b'byId("greeting").textContent =', b'byId("greeting").innerHTML =')


def query_in_page(path: str, query: Mapping[str, str]) -> bytes:
    shown = f"<p>You looked for {query.get('q', '')}</p></main>"
    return _page(path).replace(b"</main>", shown.encode()) if path == "/" else _page(path)


def fragment_in_page(path: str, query: Mapping[str, str]) -> bytes:
    del query
    line = b'\nbyId("message").innerHTML = decodeURIComponent(location.hash.slice(1));\n'
    return _page(path) + line if path == "/app.js" else _page(path)


async def path_in_page(request: Request, error: Exception) -> Response:
    del error
    page = f"<html><body>No page {unquote(request.scope['path'])}</body></html>"
    return Response(page, 404, media_type="text/html", headers=LOOSE)


def page_with_key(path: str, query: Mapping[str, str]) -> bytes:
    del query
    line = b'\nconst apiKey = "sk_' + b'live_4eC39HqLyjWDarjtT1zdp7dc";\n'
    return _page(path) + line if path == "/app.js" else _page(path)


async def hidden_files_served(request: Request, error: Exception) -> Response:
    if request.scope["path"].startswith(("/.env", "/config")):
        return Response("DEBUG=0\n", media_type="text/plain", headers=endpoint.SECURITY_HEADERS)
    return await ORDINARY_ERROR_PAGE(request, error)


def whole_user(user: Document) -> dict[str, object]:
    return {"id": user["_id"], **{name: user[name] for name in user if name != "_id"}}


def told_with_trace(error: Exception) -> Refused:
    return Refused(500, "internal_error", "".join(traceback.format_exception(error))[-900:])


def response_with_version(reply: Reply, headers: dict[str, str]) -> Response:
    response = ORDINARY_RESPONSE(reply, headers)
    response.headers["Server"] = "uvicorn/0.34.0"
    return response


def cacheable_response(reply: Reply, headers: dict[str, str]) -> Response:
    response = ORDINARY_RESPONSE(reply, headers)
    response.headers["Cache-Control"] = "public, max-age=600"
    return response


def query_told(message: str) -> Refused:
    return Refused(400, "invalid_request", f"{message} db.products.find({{'$or': []}})")


async def body_of_any_size(request: Request) -> bytes:
    raw = await request.body()
    if len(raw) > endpoint.MAX_BODY:
        raise MemoryError(len(raw))
    return raw


def any_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    del most
    return int(query.get(name, default))


def ignore_parameters(query: Mapping[str, str], *names: str) -> None:
    """Ignore query parameters that the operation does not have."""
