"""Defects of search: words, prices, suggestions, facets, saved searches."""

import re

from testbed.store import search
from testbed.store.context import Context, Reply
from testbed.store.database import Document
from testbed.store.errors import not_found

BY_NAME = [("name", 1)]


def words_as_typed(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9]+", text)


def bounds_excluded(price_min: int | None, price_max: int | None) -> Document:
    bounds: Document = {}
    if price_min is not None:
        bounds["$gt"] = price_min
    if price_max is not None:
        bounds["$lt"] = price_max
    return bounds


def no_upper_bound(price_min: int | None, price_max: int | None) -> Document:
    del price_max
    return {} if price_min is None else {"$gte": price_min}


async def autocomplete_fails(context: Context) -> Reply:
    raise RuntimeError(f"no index for {dict(context.query)}")


def anywhere_in_the_word(prefix: str) -> Document:
    return {"$regex": re.escape(prefix)}


def bands_shifted(hits: list[Document]) -> list[dict[str, object]]:
    bands: list[dict[str, object]] = []
    highs = (*search.PRICE_BANDS[1:], search.MAX_PRICE + 1)
    for low, high in zip(search.PRICE_BANDS, highs, strict=True):
        count = sum(low < hit["price_paise"] <= high for hit in hits)
        bands.append({"price_min": low, "count": count})
    return bands


def last_category_lost(hits: list[Document]) -> list[dict[str, object]]:
    names = sorted({hit["category"] for hit in hits})
    return [
        {"category": name, "count": sum(hit["category"] == name for hit in hits)}
        for name in names[:2]
    ]


async def anybodys_search(context: Context, saved_id: str) -> Document:
    saved = await context.db.saved_searches.find_one({"_id": saved_id})
    if saved is None:
        raise not_found("saved search")
    return saved


def fresh_for_ever(stored_at: float, now: float) -> bool:
    return stored_at <= now


def never_fresh(stored_at: float, now: float) -> bool:
    return stored_at > now
