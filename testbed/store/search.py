"""Search: every word must match; filters, suggestions, facets and saved searches."""

import re
from typing import Annotated

import msgspec

from testbed.store import catalogue, tokens
from testbed.store.context import (
    PER_PAGE,
    Context,
    Reply,
    integer,
    new_id,
    now,
    only,
    page_of,
)
from testbed.store.database import Document
from testbed.store.errors import invalid, not_found

WORD = re.compile(r"[a-z0-9]+")
MAX_QUERY = 100
MAX_PRICE = 100_000_000
PRICE_BANDS = (0, 5_000, 10_000, 20_000, 50_000)
MAX_SAVED = 50
SUGGESTION_ORDER = [("sold", -1), ("name", 1)]


class SaveSearch(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    q: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_QUERY)]
    price_min: Annotated[int, msgspec.Meta(ge=0, le=MAX_PRICE)] | None = None
    price_max: Annotated[int, msgspec.Meta(ge=0, le=MAX_PRICE)] | None = None


def words(text: str) -> list[str]:
    """The words of a text; products are indexed and queries are parsed by them."""
    return WORD.findall(text.lower())


def query_text(context: Context) -> str:
    text = context.query.get("q", "").strip()
    if not text or len(text) > MAX_QUERY or not words(text):
        raise invalid(f"q must hold a word, in at most {MAX_QUERY} characters.")
    return text


def matching(text: str, price_min: int | None, price_max: int | None) -> Document:
    """The filter of listed products that have every word and a price within the bounds."""
    wanted: Document = {**catalogue.LISTED, "words": {"$all": words(text)}}
    price = price_filter(price_min, price_max)
    return {**wanted, "price_paise": price} if price else wanted


def price_filter(price_min: int | None, price_max: int | None) -> Document:
    """Both bounds are inclusive."""
    bounds: Document = {}
    if price_min is not None:
        bounds["$gte"] = price_min
    if price_max is not None:
        bounds["$lte"] = price_max
    return bounds


async def search(context: Context) -> Reply:
    """``GET /api/search``: by text and price, or again by a saved search."""
    if "advanced_search" not in context.settings.release.features:
        only(context.query, "q", "page")
        return await search_page(context, matching(query_text(context), None, None))
    only(context.query, "q", "page", "filters[price_min]", "filters[price_max]", "saved_id")
    if "saved_id" in context.query:
        if not context.user:
            raise tokens.unauthorised()
        saved = await own_search(context, context.query["saved_id"])
        return await search_page(
            context, matching(saved["q"], saved["price_min"], saved["price_max"])
        )
    price_min = optional_price(context, "filters[price_min]")
    price_max = optional_price(context, "filters[price_max]")
    return await search_page(context, matching(query_text(context), price_min, price_max))


def optional_price(context: Context, name: str) -> int | None:
    if name not in context.query:
        return None
    return integer(context.query, name, 0, MAX_PRICE)


async def search_page(context: Context, wanted: Document) -> Reply:
    page = page_of(context.query)

    async def make() -> dict[str, object]:
        return await catalogue.product_page(context, wanted, page, PER_PAGE)

    key = f"search {page} {wanted}"
    return Reply(200, await context.store.cache.get(key, now().timestamp(), make))


async def autocomplete(context: Context) -> Reply:
    """``GET /api/search/autocomplete``: names with a word that begins so, best-selling first."""
    only(context.query, "q", "limit")
    prefix = words(query_text(context))[-1]
    limit = integer(context.query, "limit", 8, 20)
    cursor = context.db.products.find({**catalogue.LISTED, "words": begins(prefix)})
    names = [product["name"] async for product in cursor.sort(SUGGESTION_ORDER).limit(limit)]
    return Reply(200, {"suggestions": names})


def begins(prefix: str) -> Document:
    return {"$regex": f"^{re.escape(prefix)}"}


async def facets(context: Context) -> Reply:
    """``GET /api/search/facets``: the hits of a query by category and by price band."""
    only(context.query, "q")
    wanted = matching(query_text(context), None, None)
    cursor = context.db.products.find(wanted, {"category": 1, "price_paise": 1})
    hits = [product async for product in cursor]
    answer = {
        "total": len(hits),
        "categories": category_counts(hits),
        "price_bands": price_counts(hits),
    }
    return Reply(200, answer)


def category_counts(hits: list[Document]) -> list[dict[str, object]]:
    names = sorted({hit["category"] for hit in hits})
    return [
        {"category": name, "count": sum(hit["category"] == name for hit in hits)} for name in names
    ]


def price_counts(hits: list[Document]) -> list[dict[str, object]]:
    """Counts by band; a band holds prices from its minimum to just under the next one's."""
    bands: list[dict[str, object]] = []
    for low, high in zip(PRICE_BANDS, (*PRICE_BANDS[1:], MAX_PRICE + 1), strict=True):
        count = sum(low <= hit["price_paise"] < high for hit in hits)
        bands.append({"price_min": low, "count": count})
    return bands


async def save(context: Context, body: SaveSearch) -> Reply:
    """``POST /api/search/saved``."""
    if not words(body.q):
        raise invalid("q must hold a word.")
    saved = {
        "_id": new_id("srch"),
        "user_id": context.user["_id"],
        "name": body.name,
        "q": body.q,
        "price_min": body.price_min,
        "price_max": body.price_max,
    }
    await context.db.saved_searches.insert_one(saved)
    return Reply(201, public_search(saved))


async def list_saved(context: Context) -> Reply:
    """``GET /api/search/saved``: the caller's saved searches."""
    only(context.query)
    cursor = context.db.saved_searches.find({"user_id": context.user["_id"]}).sort("_id", 1)
    return Reply(200, {"saved": [public_search(entry) async for entry in cursor.limit(MAX_SAVED)]})


async def own_search(context: Context, saved_id: str) -> Document:
    saved = await context.db.saved_searches.find_one(
        {"_id": saved_id, "user_id": context.user["_id"]}
    )
    if saved is None:
        raise not_found("saved search")
    return saved


def public_search(saved: Document) -> dict[str, object]:
    return {
        "id": saved["_id"],
        "name": saved["name"],
        "q": saved["q"],
        "price_min": saved["price_min"],
        "price_max": saved["price_max"],
    }
