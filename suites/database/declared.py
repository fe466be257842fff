"""Lists the indexes, queries, field types and values that the store's releases need in a database.

These tables are the contract between a release and its database. They are written by hand, and not
read from the store's code, so that a migration that was changed by mistake is noticed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Document = Mapping[str, Any]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LISTED = {"visibility": "listed"}


@dataclass(frozen=True, slots=True)
class Index:
    """An index that must exist in the database.

    Args:
        collection: the collection of the index.
        keys: the fields of the index, in order; a minus sign before a field means descending order.
        version: the version of the migration that creates the index.
        unique: whether the index must refuse duplicates.
    """

    collection: str
    keys: tuple[str, ...]
    version: int
    unique: bool = False

    def __str__(self) -> str:
        return f"{self.collection} ({', '.join(self.keys)})"


@dataclass(frozen=True, slots=True)
class Query:
    """A query that the API sends to the database.

    Args:
        operation: the operation of the API that sends the query.
        collection: the collection that the query reads.
        filter: the whole filter of the query.
        indexed: the part of the filter for which the database must use an index. Some databases use
            an index for this part alone, and not for the whole filter.
        version: the version of the migration that a release with this query needs.
        sort: the fields of the sort order, with 1 for ascending and -1 for descending order.
    """

    operation: str
    collection: str
    filter: Document
    indexed: Document
    version: int
    sort: Document = field(default_factory=dict)


# The formatter is off here, so that each row of the tables stays on one line.
# fmt: off
INDEXES: tuple[Index, ...] = (
    Index("users", ("phone",), 1, unique=True),
    Index("users", ("email",), 1, unique=True),
    Index("products", ("visibility", "category"), 1),
    Index("products", ("words",), 1),
    Index("orders", ("user_id", "client_order_id"), 2, unique=True),
    Index("sessions", ("refresh_digest",), 2, unique=True),
    Index("payments", ("order_id",), 3),
    Index("payments", ("open_order_id",), 4, unique=True),
    Index("orders", ("-created_at",), 5),
    Index("payments", ("-created_at",), 5),
    Index("loyalty_points", ("-at",), 5),
    Index("leaderboards", ("-reached_at",), 5),
    Index("permissions", ("user_id", "kind"), 5),
    Index("roles", ("rank",), 5, unique=True),
    Index("audit_logs", ("subject_id", "-at"), 5),
    Index("audit_logs", ("actor_id", "-at"), 5),
    Index("security_events", ("subject", "-at"), 5),
    Index("twofa_devices", ("user_id",), 5, unique=True),
    Index("sms_codes", ("user_id",), 5, unique=True),
    Index("payment_methods", ("user_id",), 5),
    Index("loyalty_points", ("user_id",), 5),
    Index("achievements", ("user_id",), 5),
    Index("leaderboards", ("-points", "reached_at"), 5),
    Index("mobile_devices", ("user_id",), 5),
    Index("offline_sync", ("user_id",), 5),
    Index("order_events", ("at",), 5),
    Index("order_events", ("order_id", "seq"), 5, unique=True),
    Index("saved_searches", ("user_id",), 5),
)

QUERIES: tuple[Query, ...] = (
    Query("login by phone", "users", {"phone": "p"}, {"phone": "p"}, 1),
    Query("login by email", "users", {"email": "e"}, {"email": "e"}, 1),
    Query("every call: the user", "users", {"_id": "u", "active": True}, {"_id": "u"}, 1),
    Query("every call: the session", "sessions", {"_id": "s", "user_id": "u"}, {"_id": "s"}, 2),
    Query("refresh", "sessions", {"refresh_digest": "d", "expires_at": {"$gt": MOMENT}}, {"refresh_digest": "d"}, 2),
    Query("list_products", "products", {**LISTED, "category": "c"}, {**LISTED, "category": "c"}, 1, {"_id": 1}),
    Query("search", "products", {**LISTED, "words": {"$all": ["w"]}}, {"words": "w"}, 1, {"_id": 1}),
    Query("autocomplete", "products", {**LISTED, "words": {"$regex": "^w"}}, LISTED, 1, {"sold": -1, "name": 1}),
    Query("show_cart", "carts", {"_id": "u"}, {"_id": "u"}, 1),
    Query("show_order", "orders", {"_id": "o", "user_id": "u"}, {"_id": "o"}, 2),
    Query("place_order", "orders", {"user_id": "u", "client_order_id": "c"}, {"user_id": "u", "client_order_id": "c"}, 2),
    Query("achievements of an order", "orders", {"user_id": "u", "status": {"$in": ["paid"]}}, {"user_id": "u"}, 5),
    Query("show_payment", "payments", {"_id": "p", "user_id": "u"}, {"_id": "p"}, 3),
    Query("payments of an order", "payments", {"order_id": "o"}, {"order_id": "o"}, 3),
    Query("payment_methods", "payment_methods", {"user_id": "u"}, {"user_id": "u"}, 5, {"_id": 1}),
    Query("points of a user", "loyalty_points", {"user_id": "u"}, {"user_id": "u"}, 5),
    Query("achievements", "achievements", {"user_id": "u"}, {"user_id": "u"}, 5),
    Query("leaderboard", "leaderboards", {"points": {"$gt": 0}}, {"points": {"$gt": 0}}, 5, {"points": -1, "reached_at": 1, "_id": 1}),
    Query("check_permission", "permissions", {"kind": "permission", "user_id": "u", "permission": "p"}, {"kind": "permission", "user_id": "u"}, 5),
    Query("audit by actor", "audit_logs", {"actor_id": "u"}, {"actor_id": "u"}, 5, {"at": -1}),
    Query("audit by subject", "audit_logs", {"subject_id": "u"}, {"subject_id": "u"}, 5, {"at": -1}),
    Query("login lock", "security_events", {"subject": "u", "event": "login_failed", "at": {"$gt": MOMENT}}, {"subject": "u", "at": {"$gt": MOMENT}}, 5, {"at": -1}),
    Query("order_updates", "order_events", {"at": {"$gt": MOMENT}}, {"at": {"$gt": MOMENT}}, 5, {"at": 1}),
    Query("delivery_updates", "order_events", {"order_id": "o", "user_id": "u", "seq": {"$gt": 0}}, {"order_id": "o", "seq": {"$gt": 0}}, 5, {"seq": 1}),
    Query("verify_totp", "twofa_devices", {"user_id": "u", "confirmed": True}, {"user_id": "u"}, 5),
    Query("saved_searches", "saved_searches", {"user_id": "u"}, {"user_id": "u"}, 5, {"_id": 1}),
)
# fmt: on

# The fields that every document of a collection has, and their types.
FIELD_TYPES: Mapping[str, Mapping[str, type]] = {
    "users": {"name": str, "phone": str, "email": str, "role": str, "active": bool},
    "products": {"name": str, "price_paise": int, "stock": int, "visibility": str, "words": list},
    "orders": {
        "user_id": str,
        "client_order_id": str,
        "items": list,
        "total_paise": int,
        "status": str,
        "created_at": datetime,
    },
    "payments": {
        "order_id": str,
        "user_id": str,
        "amount_paise": int,
        "status": str,
        "open_order_id": str,
        "created_at": datetime,
    },
    "sessions": {"user_id": str, "refresh_digest": str, "expires_at": datetime},
    "carts": {"items": dict, "version": int},
    "loyalty_points": {"user_id": str, "points": int, "at": datetime},
    "leaderboards": {"balance": int, "points": int, "name": str},
    "order_events": {"order_id": str, "user_id": str, "seq": int, "status": str, "at": datetime},
}


ROLES = ("customer", "staff", "manager", "admin", "owner")
# The values that a field may have.
FIELD_VALUES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "users": {"role": ROLES},
    "products": {"visibility": ("listed", "unlisted")},
    "orders": {"status": ("placed", "paid", "packed", "out_for_delivery", "delivered")},
    "payments": {"status": ("pending", "captured", "declined", "failed")},
}
# The documents that a migration writes, by collection.
REQUIRED_IDS: Mapping[str, tuple[str, ...]] = {"roles": ROLES}


def indexes_of(schema_version: int) -> list[Index]:
    """Return the indexes that a database at a schema version must have."""
    return [index for index in INDEXES if index.version <= schema_version]


def queries_of(schema_version: int) -> list[Query]:
    """Return the queries of a release that needs a schema version."""
    return [query for query in QUERIES if query.version <= schema_version]
