"""Defects of loyalty: points, redemption, achievements, the leaderboard."""

import asyncio

from testbed.store import loyalty
from testbed.store.context import Context, Reply, now
from testbed.store.database import Database, Document

SLOW_LIST_SECONDS = 1.2
ACHIEVEMENTS = loyalty.achievements

PAID_OR_NOT = [*loyalty.PAID, "placed"]
LATEST_FIRST = [("points", -1), ("reached_at", -1), ("_id", 1)]
LOWEST_FIRST = [("points", 1), ("reached_at", 1), ("_id", 1)]


def rounded_up(total_paise: int) -> int:
    return -(-total_paise // loyalty.PAISE_PER_POINT)


def of_each_item(order: Document) -> int:
    return sum(loyalty.points_for(item["line_total_paise"]) for item in order["items"])


def above_the_threshold(lifetime_points: int) -> str:
    return next(
        name for name, threshold in loyalty.TIERS if lifetime_points > threshold or threshold == 0
    )


async def spend_more_than_there_is(db: Database, user_id: str, points: int) -> bool:
    await db.leaderboards.update_one({"_id": user_id}, {"$inc": {"balance": -points}})
    return True


async def look_then_spend(db: Database, user_id: str, points: int) -> bool:
    account = await loyalty.account_of(db, user_id)
    if account["balance"] < points:
        return False
    await asyncio.sleep(0.05)
    left = {"balance": account["balance"] - points}
    await db.leaderboards.update_one({"_id": user_id}, {"$set": left})
    return True


async def spend_lifetime_points(db: Database, user_id: str, points: int) -> bool:
    changed = await db.leaderboards.update_one(
        {"_id": user_id, "balance": {"$gte": points}},
        {"$inc": {"balance": -points, "points": -points}},
    )
    return changed.modified_count == 1


def earned_a_little_early(paid_orders: int, total_paise: int) -> list[str]:
    rules = {
        "first_order": paid_orders >= 1,
        "big_basket": total_paise >= loyalty.BIG_BASKET_PAISE - 1,
        "regular": paid_orders >= loyalty.REGULAR_ORDERS,
    }
    return [key for key, holds in rules.items() if holds]


async def unlock_again(db: Database, user_id: str, key: str) -> None:
    achievement = {"user_id": user_id, "key": key, "unlocked_at": now()}
    await db.achievements.update_one(
        {"_id": f"{user_id}:{key}"}, {"$set": achievement}, upsert=True
    )


async def slow_achievements(context: Context) -> Reply:
    await asyncio.sleep(SLOW_LIST_SECONDS)
    return await ACHIEVEMENTS(context)


async def failing_achievements(context: Context) -> Reply:
    raise RuntimeError(f"no achievements of {context.user['_id']}")
