"""Makes the bystander: a user with a document in every collection; no check uses this user.

A request that changes these documents has an effect on another user. The documents are consistent
with one another, as the invariants of the data require.
"""

from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from suites.client.sandbox import STAGES
from suites.testdata.ownership import Ownership, OwnUser, Shop

PAISE_PER_POINT = 1000
PRICE = 25_000


def create(database: Shop, ownership: Ownership) -> OwnUser:
    """Create the bystander, an unlisted product, and the documents of an active customer.

    Args:
        database: the store's database.
        ownership: the maker of the run's users and products.
    """
    user = ownership.user(name="Bystander")
    product = ownership.product(price_paise=PRICE, stock=50)
    bought = {"stock": -2, "taken": 2}
    database.products.update_one({"_id": product.product_id}, {"$inc": bought})
    at = datetime.now(UTC) - timedelta(minutes=1)
    line = {
        "product_id": product.product_id,
        "name": product.name,
        "quantity": 1,
        "price_paise": PRICE,
        "line_total_paise": PRICE,
    }
    delivered = _place(database, user.user_id, line, STAGES, at)
    _place(database, user.user_id, line, STAGES[:1], at)
    _pay(database, user, delivered, at)
    _shop_around(database, user.user_id, product.product_id, at)
    _secure(database, user.user_id, at)
    return user


def _place(
    database: Shop, user_id: str, line: dict[str, Any], stages: tuple[str, ...], at: datetime
) -> str:
    """Create an order of one piece with the events of its stages, and return the order's id."""
    order_id = f"ord_{token_hex(16)}"
    database.orders.insert_one(
        {
            "_id": order_id,
            "user_id": user_id,
            "client_order_id": f"bystander-{len(stages)}",
            "items": [line],
            "total_paise": PRICE,
            "status": stages[-1],
            "note": "",
            "traffic": "synthetic",
            "event_seq": len(stages),
            "created_at": at,
        }
    )
    database.order_events.insert_many(
        {
            "_id": f"evt_{token_hex(16)}",
            "order_id": order_id,
            "user_id": user_id,
            "seq": number,
            "status": stage,
            "at": at,
        }
        for number, stage in enumerate(stages, start=1)
    )
    return order_id


def _pay(database: Shop, user: OwnUser, order_id: str, at: datetime) -> None:
    """Create the payment of an order, its points, and the achievement of a first order."""
    points = PRICE // PAISE_PER_POINT
    database.payments.insert_one(
        {
            "_id": f"pay_{token_hex(16)}",
            "order_id": order_id,
            "user_id": user.user_id,
            "amount_paise": PRICE,
            "method": "razorpay_card",
            "status": "captured",
            "open_order_id": order_id,
            "traffic": "synthetic",
            "created_at": at,
        }
    )
    database.loyalty_points.insert_one(
        {
            "_id": f"earn:{order_id}",
            "user_id": user.user_id,
            "order_id": order_id,
            "points": points,
            "at": at,
        }
    )
    account = {"balance": points, "points": points, "name": user.name, "reached_at": at}
    database.leaderboards.insert_one({"_id": user.user_id, **account})
    database.achievements.insert_one(
        {
            "_id": f"{user.user_id}:first_order",
            "user_id": user.user_id,
            "key": "first_order",
            "unlocked_at": at,
        }
    )


def _shop_around(database: Shop, user_id: str, product_id: str, at: datetime) -> None:
    """Create a cart, a saved search, a saved card, a device, and a synchronised change."""
    cart = {"items": {product_id: 3}, "version": 1, "changed_at": at}
    database.carts.insert_one({"_id": user_id, **cart})
    search = {"name": "Tea", "q": "tea", "price_min": None, "price_max": None}
    database.saved_searches.insert_one(
        {"_id": f"srch_{token_hex(16)}", "user_id": user_id, **search}
    )
    card = {"brand": "visa", "last4": "1111", "expiry": "12/30", "saved_at": at}
    database.payment_methods.insert_one({"_id": f"pm_{token_hex(16)}", "user_id": user_id, **card})
    database.mobile_devices.insert_one(
        {"_id": f"{user_id}:phone", "user_id": user_id, "seen_at": at}
    )
    database.offline_sync.insert_one(
        {"_id": f"{user_id}:first", "user_id": user_id, "kind": "cart.set", "at": at}
    )


def _secure(database: Shop, user_id: str, at: datetime) -> None:
    """Create a session, granted permissions, a second factor, and a code sent by SMS."""
    database.sessions.insert_one(
        {
            "_id": f"ses_{token_hex(16)}",
            "user_id": user_id,
            "refresh_digest": token_hex(32),
            "opened_at": at,
            "expires_at": at + timedelta(days=30),
        }
    )
    grants = (
        {"kind": "permission", "permission": "orders:read"},
        {"kind": "resource", "resource_id": "till", "level": "read"},
    )
    database.permissions.insert_many({"user_id": user_id, "at": at, **grant} for grant in grants)
    tries = {"failures": 1, "locked_until": None}
    database.twofa_devices.insert_one(
        {
            "_id": f"dev_{token_hex(16)}",
            "user_id": user_id,
            "secret": "",
            "confirmed": True,
            "last_step": 1,
            "backup_digests": [token_hex(32)],
            **tries,
        }
    )
    pending = {"digest": token_hex(32), "expires_at": at + timedelta(hours=1), **tries}
    database.sms_codes.insert_one({"_id": f"sms_{token_hex(16)}", "user_id": user_id, **pending})
