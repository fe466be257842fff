"""Makes the data of a run with ids that contain the run's id, and deletes the data at the end."""

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

# Append-only collections, whose entries stay and contain the run's id.
LOGS = ("audit_logs", "security_events")
# Every collection with data of a user, and the field with the user's id. Products come first, so
# that a clean-up first takes products off sale.
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
    """A user that a test created for its own use."""

    user_id: str
    name: str
    phone: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnProduct:
    """A product that a test created for its own use; only ``on_sale`` shows it to shoppers."""

    product_id: str
    name: str
    price_paise: int
    stock: int


class Ownership:
    """Makes users and products whose ids contain the id of one run.

    Args:
        database: the store's database.
        run_id: the run's id, followed by a dash and the name of the worker.

    ``user_ids`` and ``product_ids`` list all users and products in the order of their creation.
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
        """Create a new user with a password.

        Args:
            role: the role of the user.
            active: whether the user may log in.
            name: the name of the user; by default, a new name.
            mailbox: the beginning of the email address, which is followed by the user's id.
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
        """Create a product that can be found only by its id.

        Args:
            price_paise: the price of one piece, in paise.
            stock: the number of pieces in stock.
        """
        return self._product({"price_paise": price_paise, "stock": stock})

    def findable_product(
        self, *words: str, price_paise: int, sold: int = 0, shown_as: str = ""
    ) -> OwnProduct:
        """Create a product that shoppers find by words, but only while the product is ``on_sale``.

        Args:
            words: lower-case words; all words together are the name of the product, and the last
                word is its category.
            price_paise: the price of one piece, in paise.
            sold: the number of pieces that were sold, by which the store ranks suggestions.
            shown_as: the name that the store shows; by default, the words.
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
        """Make products visible to shoppers inside the ``with`` block.

        A killed run leaves the products on sale until the next run cleans up. So prepare everything
        before the block, and stay in the block for some seconds only.
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
        """The prefix of the ids of webhook events of this run."""
        return f"evt_{self._run_id}_"

    def event_id(self) -> str:
        """Make a new id for a webhook event of this run."""
        return self.event_prefix + secrets.token_hex(5)


def remove_everything(database: Shop, run_id: str) -> None:
    """Delete every document whose id or user belongs to a run."""
    for collection, name in TRACES.items():
        database[collection].delete_many({name: _named(run_id)})


def left_behind(database: Shop, run_id: str) -> dict[str, int]:
    """Count the documents in the database that belong to a run, or to a worker of the run.

    In a collection that ``TRACES`` does not list, the text of the newest documents is searched.

    Returns:
        The counts by collection, without collections that have no such document.
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

    A request that is under way may write after a deletion, so the deletion is repeated until no
    data is left. Then the lock of the run is released.

    Returns:
        The data that is left, as a sentence; an empty text if no data is left.
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
                "all data of the run is deleted",
                remaining,
                lambda counts: not counts,
                seconds=CLEAN_UP_SECONDS,
            )
    except PyMongoError as error:
        return f"unknown: the database does not answer ({type(error).__name__})"
    except AssertionError as error:
        return str(error)
    run_locks.release(run_id)
    return ""


def _named(run_id: str) -> dict[str, str]:
    """Return a query for the ids of a run, and of all workers if the run id names no worker."""
    return {"$regex": f"^(usr|prd|evt)_{re.escape(run_id)}(-(gw[0-9]+|main))?_"}
