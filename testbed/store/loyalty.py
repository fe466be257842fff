"""Loyalty: points as a ledger, tiers, achievements and the leaderboard."""

from typing import Annotated

import msgspec
from pymongo.errors import DuplicateKeyError

from testbed.store import metrics, orders
from testbed.store.context import Context, Reply, integer, new_id, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import conflict

PAISE_PER_POINT = 1000  # one point for every full ten rupees
PAISE_PER_REDEEMED_POINT = 25
TIERS = (("diamond", 7000), ("platinum", 3500), ("gold", 1500), ("silver", 500), ("bronze", 0))
BIG_BASKET_PAISE = 200_000
ACHIEVEMENTS = {
    "first_order": "First paid order",
    "big_basket": "A paid order of two thousand rupees or more",
    "regular": "Five paid orders",
}
REGULAR_ORDERS = 5
MAX_LEADERS = 100
LEADER_ORDER = [("points", -1), ("reached_at", 1), ("_id", 1)]
PAID = ["paid", "packed", "out_for_delivery", "delivered"]


class Earn(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str


class Redeem(msgspec.Struct, forbid_unknown_fields=True):
    points: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


def points_for(total_paise: int) -> int:
    return total_paise // PAISE_PER_POINT


def points_of(order: Document) -> int:
    """The points that an order earns by its total."""
    return points_for(order["total_paise"])


def tier_of(lifetime_points: int) -> str:
    return next(name for name, threshold in TIERS if lifetime_points >= threshold)


async def earn(context: Context, body: Earn) -> Reply:
    """``POST /api/gamification/points/earn``: once for each paid order."""
    order = await orders.own_order(context, body.order_id)
    if order["status"] not in PAID:
        raise conflict("order_not_paid", "The order is not paid.")
    points = points_of(order)
    try:
        await context.db.loyalty_points.insert_one(earned_entry(context.user["_id"], order, points))
    except DuplicateKeyError:
        raise conflict("already_awarded", "The order's points were awarded.") from None
    account = await change_account(context.db, context.user, points, lifetime=points)
    metrics.count_points(context.settings.deployment, points)
    return Reply(201, {"points": points, "balance": account["balance"]})


def earned_entry(user_id: str, order: Document, points: int) -> Document:
    """The ledger's entry for an order; its id admits one entry for each order."""
    return {
        "_id": f"earn:{order['_id']}",
        "user_id": user_id,
        "order_id": order["_id"],
        "points": points,
        "at": now(),
    }


async def change_account(db: Database, user: Document, points: int, *, lifetime: int) -> Document:
    """Change the running totals, which are the sums of the ledger's entries."""
    # An order without points does not change when the user reached the present points.
    reached = "$set" if lifetime else "$setOnInsert"
    changes: Document = {
        "$inc": {"balance": points, "points": lifetime},
        "$set": {"name": user["name"]},
    }
    changes.setdefault(reached, {})["reached_at"] = now()
    account = await db.leaderboards.find_one_and_update(
        {"_id": user["_id"]}, changes, upsert=True, return_document=True
    )
    return account or {}


async def redeem(context: Context, body: Redeem) -> Reply:
    """``POST /api/gamification/points/redeem``: never below zero, also for concurrent requests."""
    if not await spend(context.db, context.user["_id"], body.points):
        raise conflict("insufficient_points", "There are not enough points.")
    entry = {
        "_id": new_id("red"),
        "user_id": context.user["_id"],
        "order_id": None,
        "points": -body.points,
        "at": now(),
    }
    await context.db.loyalty_points.insert_one(entry)
    account = await account_of(context.db, context.user["_id"])
    answer = {
        "redeemed": body.points,
        "discount_paise": body.points * PAISE_PER_REDEEMED_POINT,
        "balance": account["balance"],
    }
    return Reply(201, answer)


async def spend(db: Database, user_id: str, points: int) -> bool:
    changed = await db.leaderboards.update_one(
        {"_id": user_id, "balance": {"$gte": points}}, {"$inc": {"balance": -points}}
    )
    return changed.modified_count == 1


async def account_of(db: Database, user_id: str) -> Document:
    account = await db.leaderboards.find_one({"_id": user_id})
    return account or {"balance": 0, "points": 0}


async def balance(context: Context) -> Reply:
    """``GET /api/gamification/points/balance``."""
    only(context.query)
    account = await account_of(context.db, context.user["_id"])
    answer = {
        "balance": account["balance"],
        "lifetime_points": account["points"],
        "tier": tier_of(account["points"]),
    }
    return Reply(200, answer)


async def unlock_for_order(db: Database, order: Document) -> None:
    """Unlock the achievements of a paid order; unlocked achievements do not change."""
    user_id = order["user_id"]
    paid_orders = await db.orders.count_documents({"user_id": user_id, "status": {"$in": PAID}})
    for key in earned(paid_orders, order["total_paise"]):
        await unlock(db, user_id, key)


def earned(paid_orders: int, total_paise: int) -> list[str]:
    """The achievements for a number of paid orders and the total of the last one."""
    rules = {
        "first_order": paid_orders >= 1,
        "big_basket": total_paise >= BIG_BASKET_PAISE,
        "regular": paid_orders >= REGULAR_ORDERS,
    }
    return [key for key, holds in rules.items() if holds]


async def unlock(db: Database, user_id: str, key: str) -> None:
    achievement = {"user_id": user_id, "key": key, "unlocked_at": now()}
    await db.achievements.update_one(
        {"_id": f"{user_id}:{key}"}, {"$setOnInsert": achievement}, upsert=True
    )


async def achievements(context: Context) -> Reply:
    """``GET /api/gamification/achievements``: all achievements, with the time of each unlock."""
    only(context.query)
    cursor = context.db.achievements.find({"user_id": context.user["_id"]})
    unlocked = {entry["key"]: entry["unlocked_at"] async for entry in cursor}
    listed = [
        {"key": key, "title": title, "unlocked_at": unlocked.get(key)}
        for key, title in ACHIEVEMENTS.items()
    ]
    return Reply(200, {"achievements": listed})


async def leaderboard(context: Context) -> Reply:
    """``GET /api/gamification/leaderboard/global``: most points first, ties by who was first."""
    only(context.query, "limit")
    limit = integer(context.query, "limit", 10, MAX_LEADERS)
    cursor = context.db.leaderboards.find({"points": {"$gt": 0}})
    leaders = [
        {"rank": 0, "user_id": entry["_id"], "name": entry["name"], "points": entry["points"]}
        async for entry in cursor.sort(LEADER_ORDER).limit(limit)
    ]
    ranked = [{**leader, "rank": rank} for rank, leader in enumerate(leaders, start=1)]
    return Reply(200, {"leaders": ranked})
