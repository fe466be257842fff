"""Orders: taken from the cart or given as items; the store computes the total."""

from typing import Annotated

import msgspec
from pymongo.errors import DuplicateKeyError

from testbed.store import cart, events, metrics
from testbed.store.context import Context, Reply, new_id, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict, invalid, not_found

# How often an order takes its products out of a cart that others change meanwhile.
MAX_TRIES = 100
ClientId = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    product_id: str
    quantity: cart.Quantity
    price_paise: int | None = None  # what the app showed; the catalogue's price counts


class PlaceOrder(msgspec.Struct, forbid_unknown_fields=True):
    client_order_id: ClientId
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=100)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


async def place(context: Context, body: PlaceOrder) -> Reply:
    """``POST /api/orders``: 201 with the new order; 200 when this client id was placed before."""
    user_id = context.user["_id"]
    earlier = await placed_before(context, body.client_order_id)
    if earlier:
        return Reply(200, public_order(earlier))
    quantities = await wanted_quantities(context, body)
    order = await create(context, quantities, body)
    if body.items is None:
        await take_out(context.db, user_id, quantities)
    return Reply(201, public_order(order))


async def take_out(db: Database, user_id: str, ordered: dict[str, int]) -> None:
    """Take ordered quantities out of the cart; what was added since the order began stays."""
    for _ in range(MAX_TRIES):
        current = await cart.load(db, user_id)
        left = {
            product_id: quantity - ordered.get(product_id, 0)
            for product_id, quantity in current["items"].items()
        }
        try:
            await cart.put(db, current, {key: number for key, number in left.items() if number > 0})
        except Refused:
            continue
        return


async def placed_before(context: Context, client_order_id: str) -> Document | None:
    return await context.db.orders.find_one(
        {"user_id": context.user["_id"], "client_order_id": client_order_id}
    )


async def wanted_quantities(context: Context, body: PlaceOrder) -> dict[str, int]:
    """Quantities by product, from the items of the request, else from the cart."""
    if body.items is None:
        loaded = await cart.load(context.db, context.user["_id"])
        if not loaded["items"]:
            raise conflict("cart_empty", "The cart is empty.")
        return dict(loaded["items"])
    quantities: dict[str, int] = {}
    for item in body.items:
        quantities[item.product_id] = quantities.get(item.product_id, 0) + item.quantity
    return quantities


async def create(context: Context, quantities: dict[str, int], body: PlaceOrder) -> Document:
    """Take the stock, then write the order; a failure on the way puts the stock back."""
    lines = await cart.lines(context.db, quantities)
    if len(lines) != len(quantities):
        raise invalid("An item is not in the catalogue.")
    taken = await take_stock(context.db, quantities)
    order = order_document(context, lines, body)
    try:
        await store_order(context.db, order)
    except DuplicateKeyError:
        await return_stock(context.db, taken)
        raise conflict("order_in_progress", "This order is being placed already.") from None
    deployment = context.settings.deployment
    metrics.count_order(deployment, "placed", context.traffic)
    metrics.count_order_value(deployment, context.traffic, order_total(lines))
    await events.emit(context.db, order, "placed")
    return order


def order_document(context: Context, lines: list[dict[str, object]], body: PlaceOrder) -> Document:
    """The fields of a new order."""
    return {
        "_id": new_id("ord"),
        "user_id": context.user["_id"],
        "client_order_id": body.client_order_id,
        "items": lines,
        "total_paise": order_total(lines),
        "status": "placed",
        "note": body.note,
        "traffic": context.traffic,
        "event_seq": 0,
        "created_at": now(),
    }


async def store_order(db: Database, order: Document) -> None:
    await db.orders.insert_one(order)


def order_total(lines: list[dict[str, object]]) -> int:
    return sum(int(str(line["line_total_paise"])) for line in lines)


async def take_stock(db: Database, quantities: dict[str, int]) -> dict[str, int]:
    """Take all quantities from the stock, or none; 409 when the stock is too small."""
    taken: dict[str, int] = {}
    for product_id, quantity in quantities.items():
        if not await take_one(db, product_id, quantity):
            await return_stock(db, taken)
            raise conflict("insufficient_stock", "Not enough in stock.")
        taken[product_id] = quantity
    return taken


async def take_one(db: Database, product_id: str, quantity: int) -> bool:
    changed = await db.products.update_one(
        {"_id": product_id, "stock": {"$gte": quantity}},
        {"$inc": {"stock": -quantity, "taken": quantity}},
    )
    return changed.modified_count == 1


async def return_stock(db: Database, taken: dict[str, int]) -> None:
    for product_id, quantity in taken.items():
        returned = {"stock": quantity, "taken": -quantity}
        await db.products.update_one({"_id": product_id}, {"$inc": returned})


async def show(context: Context) -> Reply:
    """``GET /api/orders/{order_id}``: one's own."""
    only(context.query)
    return Reply(200, public_order(await own_order(context, context.path["order_id"])))


async def own_order(context: Context, order_id: str) -> Document:
    """The caller's order with this id; 404 for the order of another user."""
    order = await context.db.orders.find_one({"_id": order_id, "user_id": context.user["_id"]})
    if order is None:
        raise not_found("order")
    return order


def public_order(order: Document) -> dict[str, object]:
    return {
        "id": order["_id"],
        "client_order_id": order["client_order_id"],
        "items": order["items"],
        "total_paise": order["total_paise"],
        "status": order["status"],
        "created_at": order["created_at"],
    }
