"""The shopper's cart: quantities by product, prices always from the catalogue."""

from typing import Annotated

import msgspec

from testbed.store.context import Context, Reply, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import conflict, not_found

MAX_LINES = 100
Quantity = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class AddItem(msgspec.Struct, forbid_unknown_fields=True):
    product_id: str
    quantity: Quantity


async def show(context: Context) -> Reply:
    """``GET /api/cart``."""
    only(context.query)
    return Reply(200, await priced(context.db, await load(context.db, context.user["_id"])))


async def add(context: Context, body: AddItem) -> Reply:
    """``POST /api/cart``: adds to the quantity; never beyond the stock."""
    product = await context.db.products.find_one({"_id": body.product_id})
    if product is None:
        raise not_found("product")
    cart = await load(context.db, context.user["_id"])
    quantity = cart["items"].get(body.product_id, 0) + body.quantity
    refuse_beyond_stock(quantity, product["stock"])
    if len(cart["items"]) >= MAX_LINES and body.product_id not in cart["items"]:
        raise conflict("cart_full", f"A cart holds at most {MAX_LINES} products.")
    cart = await put(context.db, cart, {**cart["items"], body.product_id: quantity})
    return Reply(200, await priced(context.db, cart))


async def clear(context: Context) -> Reply:
    """``DELETE /api/cart``."""
    cart = await load(context.db, context.user["_id"])
    await put(context.db, cart, {})
    return Reply(204)


def refuse_beyond_stock(quantity: int, stock: int) -> None:
    if quantity > stock:
        raise conflict("insufficient_stock", f"Only {stock} in stock.")


async def load(db: Database, user_id: str) -> Document:
    """The user's cart; a new one is empty, at version 0."""
    cart = await db.carts.find_one({"_id": user_id})
    return cart or {"_id": user_id, "items": {}, "version": 0}


async def put(db: Database, cart: Document, items: dict[str, int]) -> Document:
    """Store new items over exactly the version that was read; 409 when somebody was faster."""
    changed = {
        "_id": cart["_id"],
        "items": items,
        "version": cart["version"] + 1,
        "changed_at": now(),
    }
    if cart["version"] == 0:
        written = await db.carts.update_one(
            {"_id": cart["_id"]}, {"$setOnInsert": changed}, upsert=True
        )
        done = written.upserted_id is not None
    else:
        replaced = await db.carts.replace_one(
            {"_id": cart["_id"], "version": cart["version"]}, changed
        )
        done = replaced.modified_count == 1
    if not done:
        raise conflict("cart_changed", "The cart was changed elsewhere; load it again.")
    return changed


async def priced(db: Database, cart: Document) -> dict[str, object]:
    """The cart with today's catalogue prices."""
    items = await lines(db, cart["items"])
    total = sum(int(str(line["line_total_paise"])) for line in items)
    return {"items": items, "total_paise": total, "version": cart["version"]}


async def lines(db: Database, quantities: dict[str, int]) -> list[dict[str, object]]:
    """One line a product, in the order they were added; products no longer sold are left out."""
    cursor = db.products.find({"_id": {"$in": list(quantities)}})
    products = {product["_id"]: product async for product in cursor}
    return [
        line(products[product_id], quantity)
        for product_id, quantity in quantities.items()
        if product_id in products
    ]


def line(product: Document, quantity: int) -> dict[str, object]:
    return {
        "product_id": product["_id"],
        "name": product["name"],
        "quantity": quantity,
        "price_paise": product["price_paise"],
        "line_total_paise": product["price_paise"] * quantity,
    }
