"""Defects of the catalogue, the cart and orders."""

import asyncio

from testbed.store import cart as carts
from testbed.store import catalogue, orders
from testbed.store.context import PER_PAGE, Context, Reply, page_of
from testbed.store.database import Database, Document
from testbed.store.errors import not_found
from testbed.store.search import price_filter, words

SLOW_SECONDS = 4.0
SLOWER_THAN_ALLOWED = 0.6


def last_weeks_product(product: Document) -> dict[str, object]:
    return {
        "id": product["_id"],
        "name": product["name"],
        "category": product["category"],
        "unit": product["unit"],
        "price_paise": product["price_paise"] - 100,
        "in_stock": product["stock"] > 0,
    }


async def slow_search_page(context: Context, wanted: Document) -> Reply:
    await asyncio.sleep(SLOW_SECONDS)
    page = page_of(context.query)
    return Reply(200, await catalogue.product_page(context, wanted, page, PER_PAGE))


async def search_fails(context: Context, wanted: Document) -> Reply:
    raise RuntimeError(f"no index for {wanted} on {context.settings.deployment}")


def matching_any_word(text: str, price_min: int | None, price_max: int | None) -> Document:
    wanted: Document = {**catalogue.LISTED, "words": {"$in": words(text)}}
    price = price_filter(price_min, price_max)
    return {**wanted, "price_paise": price} if price else wanted


async def put_nothing(db: Database, cart: Document, items: dict[str, int]) -> Document:
    del db
    return {**cart, "items": items}


async def create_fails(
    context: Context, quantities: dict[str, int], body: orders.PlaceOrder
) -> Document:
    raise RuntimeError(f"no connection for {context.user['_id']}: {body} {quantities}")


def total_without_quantities(lines: list[dict[str, object]]) -> int:
    return sum(int(str(line["price_paise"])) for line in lines)


async def take_nothing(db: Database, product_id: str, quantity: int) -> bool:
    product = await db.products.find_one({"_id": product_id})
    return product is not None and product["stock"] >= quantity


async def slow_product_page(
    context: Context, wanted: Document, page: int, per_page: int
) -> dict[str, object]:
    await asyncio.sleep(SLOWER_THAN_ALLOWED)
    cursor = context.db.products.find(wanted).sort("_id", 1)
    items = [
        catalogue.public_product(product)
        async for product in cursor.skip((page - 1) * per_page).limit(per_page)
    ]
    total = await context.db.products.count_documents(wanted)
    return {"items": items, "page": page, "per_page": per_page, "total": total}


async def page_with_one_more(
    context: Context, wanted: Document, page: int, per_page: int
) -> dict[str, object]:
    cursor = context.db.products.find(wanted).sort("_id", 1)
    items = [
        catalogue.public_product(product)
        async for product in cursor.skip((page - 1) * per_page).limit(per_page)
    ]
    total = await context.db.products.count_documents(wanted)
    return {"items": items, "page": page, "per_page": per_page, "total": total + 1}


def overlapping_offset(page: int, per_page: int) -> int:
    return max(0, (page - 1) * per_page - 1)


def listed_anywhere(category: str | None) -> Document:
    del category
    return catalogue.LISTED


def always_in_stock(product: Document) -> dict[str, object]:
    return {
        **last_weeks_product({**product, "price_paise": product["price_paise"] + 100}),
        "in_stock": True,
    }


def beyond_any_stock(quantity: int, stock: int) -> None:
    del quantity, stock


async def everybodys_cart(db: Database, user_id: str) -> Document:
    del user_id
    cart = await db.carts.find_one({"_id": "usr_seed_1"})
    return cart or {"_id": "usr_seed_1", "items": {}, "version": 0}


def line_in_whole_rupees(product: Document, quantity: int) -> dict[str, object]:
    price = product["price_paise"] // 100 * 100
    return {
        "product_id": product["_id"],
        "name": product["name"],
        "quantity": quantity,
        "price_paise": price,
        "line_total_paise": price * quantity,
    }


async def never_placed_before(context: Context, client_order_id: str) -> Document | None:
    del context, client_order_id
    return None


async def return_nothing(db: Database, taken: dict[str, int]) -> None:
    del db, taken


async def look_then_take(db: Database, product_id: str, quantity: int) -> bool:
    product = await db.products.find_one({"_id": product_id})
    if product is None or product["stock"] < quantity:
        return False
    await asyncio.sleep(0.02)
    left = product["stock"] - quantity
    change = {"$set": {"stock": left}, "$inc": {"taken": quantity}}
    await db.products.update_one({"_id": product_id}, change)
    return True


async def anybodys_order(context: Context, order_id: str) -> Document:
    order = await context.db.orders.find_one({"_id": order_id})
    if order is None:
        raise not_found("order")
    return order


async def slow_wanted_quantities(context: Context, body: orders.PlaceOrder) -> dict[str, int]:
    await asyncio.sleep(2 * SLOWER_THAN_ALLOWED)
    if body.items is None:
        return dict((await carts.load(context.db, context.user["_id"]))["items"])
    quantities: dict[str, int] = {}
    for item in body.items:
        quantities[item.product_id] = quantities.get(item.product_id, 0) + item.quantity
    return quantities
