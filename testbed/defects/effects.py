"""Defects that do something else as well: to another user, or to another document."""

from testbed.store import access, audit, cart, loyalty, orders, payments, search
from testbed.store.context import Context, Reply, integer, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import not_found

PLACE, SHOW, SETTLE = orders.place, cart.show, payments.settle
CREATED = 201
PAGE = 20


async def revoke_resource_of_everybody(context: Context, body: access.ResourceRevocation) -> Reply:
    await access.subordinate(context, body.user_id)
    key = {"kind": "resource", "resource_id": body.resource_id}
    await context.db.permissions.delete_many(key)
    await audit.record(context, "resource.revoked", body.user_id, resource_id=body.resource_id)
    answer = {"user_id": body.user_id, "resource_id": body.resource_id, "level": None}
    return Reply(200, answer)


async def remove_grant_of_everybody(context: Context, user_id: str, permission: str) -> None:
    del user_id
    await context.db.permissions.delete_many({"kind": "permission", "permission": permission})


async def place_and_empty_cart(context: Context, body: orders.PlaceOrder) -> Reply:
    reply = await PLACE(context, body)
    current = await cart.load(context.db, context.user["_id"])
    if reply.status == CREATED and current["items"]:
        await cart.put(context.db, current, {})
    return reply


async def show_and_write_cart(context: Context) -> Reply:
    current = await cart.load(context.db, context.user["_id"])
    await context.db.carts.update_one({"_id": current["_id"]}, {"$set": {"changed_at": now()}})
    return await SHOW(context)


async def change_account_and_all_others(
    db: Database, user: Document, points: int, *, lifetime: int
) -> Document:
    await db.leaderboards.update_many({}, {"$set": {"reached_at": now()}})
    change = {
        "$inc": {"balance": points, "points": lifetime},
        "$set": {"name": user["name"], "reached_at": now()},
    }
    account = await db.leaderboards.find_one_and_update(
        {"_id": user["_id"]}, change, upsert=True, return_document=True
    )
    return account or {}


async def settle_and_return_stock(context: Context, payment: Document, outcome: str) -> None:
    await SETTLE(context, payment, outcome)
    order = await context.db.orders.find_one({"_id": payment["order_id"]})
    if outcome == "declined" and order:
        quantities = {line["product_id"]: line["quantity"] for line in order["items"]}
        await orders.return_stock(context.db, quantities)


async def show_newest_payment(context: Context) -> Reply:
    payment = await context.db.payments.find_one(
        {"user_id": context.user["_id"]}, sort=[("created_at", -1)]
    )
    if payment is None or not await context.db.payments.find_one(
        {"_id": context.path["payment_id"], "user_id": context.user["_id"]}
    ):
        raise not_found("payment")
    return Reply(200, payments.public_payment(payment))


async def facets_of_all_products(context: Context) -> Reply:
    only(context.query, "q")
    cursor = context.db.products.find({"words": {"$all": search.words(search.query_text(context))}})
    return facets_of([product async for product in cursor])


async def facets_of_a_page(context: Context) -> Reply:
    only(context.query, "q")
    cursor = context.db.products.find(search.matching(search.query_text(context), None, None))
    return facets_of([product async for product in cursor.limit(PAGE)])


def facets_of(hits: list[Document]) -> Reply:
    answer = {
        "total": len(hits),
        "categories": search.category_counts(hits),
        "price_bands": search.price_counts(hits),
    }
    return Reply(200, answer)


async def autocomplete_of_all_products(context: Context) -> Reply:
    prefix = search.words(search.query_text(context))[-1]
    limit = integer(context.query, "limit", 8, 20)
    cursor = context.db.products.find({"words": search.begins(prefix)})
    names = [product["name"] async for product in cursor.sort(search.SUGGESTION_ORDER).limit(limit)]
    return Reply(200, {"suggestions": names})


async def balance_of_the_leaderboard(context: Context) -> Reply:
    """Opens an account for whoever only looks at the balance."""
    empty = {"balance": 0, "points": 0, "name": context.user["name"], "reached_at": now()}
    await context.db.leaderboards.update_one(
        {"_id": context.user["_id"]}, {"$setOnInsert": empty}, upsert=True
    )
    account = await loyalty.account_of(context.db, context.user["_id"])
    tier = loyalty.tier_of(account["points"])
    shown = {"balance": account["balance"], "lifetime_points": account["points"], "tier": tier}
    return Reply(200, shown)
