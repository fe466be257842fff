"""The data of a run: ids that hold the run's id, and the removal of the data at the end."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import bcrypt
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from gates.model import Target
from suites.client.waiting import wait_until
from suites.testdata import run_locks

Shop = Database[dict[str, Any]]

# Products that shoppers find and that no test made.
REAL_PRODUCTS = {"visibility": "listed", "made_by": {"$exists": False}}

BCRYPT_COST = 10
MAX_SEARCHED_DOCUMENTS = 5000
CLEAN_UP_SECONDS = 5.0

# Append-only collections, whose entries stay and hold the run's id.
LOGS = ("audit_logs", "security_events")
# Every collection with data of a user, and the field that holds the user's id. Products
# come first, so that a clean-up first takes them off sale.
TRACES: Mapping[str, str] = {
    "products": "_id",
    "orders": "user_id",
    "payments": "user_id",
    "order_events": "user_id",
    "carts": "_id",
    "sessions": "user_id",
    "permissions": "user_id",
    "twofa_devices": "user_id",
    "sms_codes": "user_id",
    "sms_outbox": "user_id",
    "payment_methods": "user_id",
    "loyalty_points": "user_id",
    "achievements": "user_id",
    "leaderboards": "_id",
    "mobile_devices": "user_id",
    "offline_sync": "user_id",
    "saved_searches": "user_id",
    "webhook_events": "_id",
    "users": "_id",
}


@dataclass(frozen=True, slots=True)
class OwnUser:
    """A user that a test made for itself."""

    user_id: str
    name: str
    phone: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnProduct:
    """A product that a test made for itself; tests use its id, and shoppers do not see it."""

    product_id: str
    name: str
    price_paise: int
    stock: int


class Ownership:
    """Makes data whose ids hold the id of one run.

    Args:
        database: the store's database.
        run_id: the run's id, with the worker's name where there are several.

    ``user_ids`` and ``product_ids`` name all users and products in the order of their creation.
    """

    def __init__(self, database: Shop, run_id: str) -> None:
        self._database = database
        self._run_id = run_id
        self.user_ids: list[str] = []
        self.product_ids: list[str] = []
        self._password = secrets.token_urlsafe(18)
        digest = bcrypt.hashpw(self._password.encode(), bcrypt.gensalt(BCRYPT_COST))
        self._password_hash = digest.decode()

    def user(
        self, *, role: str = "customer", active: bool = True, name: str = "", mailbox: str = ""
    ) -> OwnUser:
        """A new user who can log in.

        Args:
            role: the role of the user.
            active: whether the user may log in.
            name: the name; by default, a new name.
            mailbox: what the address has before the ``@``, in front of the id of the run.
        """
        mark = secrets.token_hex(5)
        user_id = f"usr_{self._run_id}_{mark}"
        user = OwnUser(
            user_id=user_id,
            name=name or f"Test {mark}",
            phone=f"+0{int(mark, 16):015d}",
            email=f"{mailbox}{user_id}@test.invalid",
            password=self._password,
        )
        self._database.users.insert_one(
            {
                "_id": user_id,
                "name": user.name,
                "phone": user.phone,
                "email": user.email,
                "role": role,
                "active": active,
                "password_hash": self._password_hash,
                "made_at": datetime.now(UTC),
            }
        )
        self.user_ids.append(user_id)
        return user

    def product(self, *, price_paise: int, stock: int) -> OwnProduct:
        """A new product that nobody finds without its id."""
        return self._product({"price_paise": price_paise, "stock": stock})

    def findable_product(
        self, *words: str, price_paise: int, sold: int = 0, shown_as: str = ""
    ) -> OwnProduct:
        """A new product that shoppers find by these words, but only while it is ``on_sale``.

        Args:
            words: lower-case words; together they are the product's name, and the last word is its
                category.
            price_paise: the price, in paise.
            sold: how many pieces were sold, which ranks suggestions.
            shown_as: the name that the shop shows; by default, the words.
        """
        return self._product(
            {
                "name": shown_as or " ".join(words).title(),
                "category": words[-1],
                "words": list(words),
                "price_paise": price_paise,
                "sold": sold,
            }
        )

    @contextmanager
    def on_sale(self, *products: OwnProduct) -> Iterator[None]:
        """Show products to shoppers while a check looks at them.

        A killed run leaves the products on sale until the next run cleans up. So prepare everything
        before this block, and stay in this block for some seconds only.
        """
        by_id = {"_id": {"$in": [product.product_id for product in products]}}
        try:
            self._database.products.update_many(by_id, {"$set": {"visibility": "listed"}})
            yield
        finally:
            self._database.products.update_many(by_id, {"$set": {"visibility": "unlisted"}})

    def _product(self, changes: dict[str, Any]) -> OwnProduct:
        product_id = f"prd_{self._run_id}_{secrets.token_hex(5)}"
        document: dict[str, Any] = {
            "_id": product_id,
            "name": f"Test {product_id[-10:]}",
            "category": "test",
            "unit": "1 piece",
            "price_paise": 100,
            "stock": 1000,
            "sold": 0,
            "visibility": "unlisted",
            "words": [],
            "made_by": self._run_id,
            "made_at": datetime.now(UTC),
            "taken": 0,
            **changes,
        }
        document["received"] = document["stock"]
        self._database.products.insert_one(document)
        self.product_ids.append(product_id)
        return OwnProduct(product_id, document["name"], document["price_paise"], document["stock"])

    @property
    def event_prefix(self) -> str:
        """How the ids of webhook events of this run begin."""
        return f"evt_{self._run_id}_"

    def event_id(self) -> str:
        """A new id for a webhook event of this run."""
        return self.event_prefix + secrets.token_hex(5)


def remove_everything(database: Shop, run_id: str) -> None:
    """Delete every document whose id or user is of this run."""
    for collection, name in TRACES.items():
        database[collection].delete_many({name: _named(run_id)})


def left_behind(database: Shop, run_id: str) -> dict[str, int]:
    """How many documents of each collection still belong to a run, or to a worker of it.

    In a collection that ``TRACES`` does not list, the documents are searched as text.
    """
    counts = {
        collection: database[collection].count_documents({name: _named(run_id)})
        for collection, name in TRACES.items()
    }
    own_id = re.compile(str(_named(run_id)["$regex"]).replace("^", r"\b"))
    for collection in set(database.list_collection_names()) - {*TRACES, *LOGS}:
        newest = database[collection].find().sort("_id", -1).limit(MAX_SEARCHED_DOCUMENTS)
        counts[collection] = sum(bool(own_id.search(str(document))) for document in newest)
    return {collection: count for collection, count in counts.items() if count}


def clean_up(target: Target, run_id: str) -> str:
    """Delete the data of every process of a run.

    A request that is still under way may write after a deletion, so the deletion is repeated until
    nothing is left. A run that left nothing needs its lock no more.

    Returns:
        What is left, as a sentence; empty when nothing is left.
    """
    if "database_uri" not in target.secrets:
        return "unknown: the target file names no database_uri"
    try:
        with MongoClient[dict[str, Any]](
            target.secrets["database_uri"], serverSelectionTimeoutMS=2000
        ) as client:
            database = client.get_default_database()

            def remaining() -> dict[str, int]:
                remove_everything(database, run_id)
                return left_behind(database, run_id)

            wait_until(
                "nothing is left", remaining, lambda counts: not counts, seconds=CLEAN_UP_SECONDS
            )
    except PyMongoError as error:
        return f"unknown: the database does not answer ({type(error).__name__})"
    except AssertionError as error:
        return str(error)
    run_locks.release(run_id)
    return ""


def _named(run_id: str) -> dict[str, str]:
    """A query for the ids of a run; without a worker in the run's id, of all its workers."""
    return {"$regex": f"^(usr|prd|evt)_{re.escape(run_id)}(-(gw[0-9]+|main))?_"}
