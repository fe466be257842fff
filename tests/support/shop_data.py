"""The documents of an honest shop, in memory, for tests of the integrity invariants."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

AT = datetime.now(UTC) - timedelta(hours=1)
Documents = dict[str, list[dict[str, Any]]]


class Cursor:
    """The documents of a query: sorted and limited."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents = documents

    def sort(self, field: str, direction: int) -> "Cursor":
        """In the order of a field."""
        ordered = sorted(
            self._documents, key=lambda document: document[field], reverse=direction < 0
        )
        return Cursor(ordered)

    def limit(self, count: int) -> "Cursor":
        """At most so many."""
        return Cursor(self._documents[:count])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._documents)


class Collection:
    """A collection that answers what a view asks."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents = documents

    def find(self, query: Mapping[str, Any], projection: object = None) -> Cursor:
        """All documents, or those whose field has one of the values."""
        del projection
        matching = [
            document
            for document in self.documents
            if all(document.get(name) in wanted["$in"] for name, wanted in query.items())
        ]
        return Cursor(matching)

    def estimated_document_count(self) -> int:
        """How many documents there are."""
        return len(self.documents)


class MemoryShop:
    """A database in memory.

    Args:
        documents: by collection.
    """

    def __init__(self, documents: Documents) -> None:
        self.documents: Documents = defaultdict(list, documents)

    def __getitem__(self, name: str) -> Collection:
        return Collection(self.documents[name])


def honest() -> Documents:
    """A shop in which a user bought twice, earned and spent points, and has a full cart."""
    return {
        "users": [{"_id": "usr_1"}],
        "products": [
            {"_id": "prd_1", "stock": 95, "taken": 5, "received": 100, "price_paise": 100_000},
            {"_id": "prd_2", "stock": 7, "taken": 0, "received": 7, "price_paise": 50},
        ],
        "orders": [order("ord_1", 2, "delivered", 5), order("ord_2", 3, "placed", 1)],
        "payments": [
            payment("pay_1", "ord_1", 200_000, "captured"),
            payment("pay_2", "ord_2", 300_000, "declined"),
            payment("pay_3", "ord_2", 300_000, "pending"),
        ],
        "order_events": [*events("ord_1", 5), *events("ord_2", 1)],
        "loyalty_points": [
            {"_id": "earn:ord_1", "user_id": "usr_1", "order_id": "ord_1", "points": 200, "at": AT},
            {"_id": "red_1", "user_id": "usr_1", "order_id": None, "points": -50, "at": AT},
        ],
        "leaderboards": [{"_id": "usr_1", "balance": 150, "points": 200, "reached_at": AT}],
        "achievements": [
            {"_id": f"usr_1:{key}", "user_id": "usr_1", "key": key, "unlocked_at": AT}
            for key in ("first_order", "big_basket")
        ],
        "carts": [{"_id": "usr_1", "items": {"prd_2": 1}, "version": 3, "changed_at": AT}],
        "sessions": [{"_id": "ses_1", "user_id": "usr_1", "opened_at": AT}],
        "payment_methods": [{"_id": "pm_1", "user_id": "usr_1", "saved_at": AT}],
        "permissions": [{"_id": "per_1", "user_id": "usr_1", "at": AT}],
        "twofa_devices": [{"_id": "dev_1", "user_id": "usr_1"}],
        "sms_codes": [{"_id": "sms_1", "user_id": "usr_1"}],
    }


def order(order_id: str, quantity: int, status: str, event_seq: int) -> dict[str, Any]:
    """An order of the first product."""
    line = {
        "product_id": "prd_1",
        "quantity": quantity,
        "price_paise": 100_000,
        "line_total_paise": 100_000 * quantity,
    }
    return {
        "_id": order_id,
        "user_id": "usr_1",
        "client_order_id": f"client-{order_id}",
        "items": [line],
        "total_paise": 100_000 * quantity,
        "status": status,
        "event_seq": event_seq,
        "created_at": AT,
    }


def payment(payment_id: str, order_id: str, amount_paise: int, status: str) -> dict[str, Any]:
    """A payment of an order."""
    return {
        "_id": payment_id,
        "order_id": order_id,
        "user_id": "usr_1",
        "amount_paise": amount_paise,
        "status": status,
        "created_at": AT,
    }


def events(order_id: str, count: int) -> list[dict[str, Any]]:
    """The first events of an order."""
    statuses = ("placed", "paid", "packed", "out_for_delivery", "delivered")
    return [
        {
            "_id": f"evt_{order_id}_{number}",
            "order_id": order_id,
            "user_id": "usr_1",
            "seq": number,
            "status": status,
            "at": AT,
        }
        for number, status in enumerate(statuses[:count], start=1)
    ]
