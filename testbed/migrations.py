"""The database's migrations v1 to v5, and the seed data of an empty shop."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import bcrypt
from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.database import Database

from testbed.store.search import words

Shop = Database[dict[str, Any]]

SEED = 20260128
COST = 10
GOODS = {
    "grains": ("Basmati Rice", "Sona Masoori Rice", "Whole Wheat Atta", "Poha", "Rava"),
    "pulses": ("Toor Dal", "Moong Dal", "Chana Dal", "Rajma", "Kabuli Chana"),
    "spices": ("Turmeric Powder", "Red Chilli Powder", "Coriander Powder", "Garam Masala", "Cumin"),
    "oils": ("Sunflower Oil", "Mustard Oil", "Groundnut Oil", "Coconut Oil", "Cow Ghee"),
    "dairy": ("Toned Milk", "Curd", "Paneer", "Butter", "Cheese Slices"),
    "snacks": ("Glucose Biscuits", "Khakhra", "Banana Chips", "Murukku", "Peanut Chikki"),
    "beverages": ("Assam Tea", "Filter Coffee", "Mango Drink", "Jaljeera", "Buttermilk"),
    "household": ("Dish Soap", "Detergent Powder", "Floor Cleaner", "Agarbatti", "Matchbox"),
}
BRANDS = ("Annapurna", "Gokul", "Nandi", "Surya", "Ganga", "Himal")
UNITS = ("250 g", "500 g", "1 kg", "5 kg")
STOCK = 1_000_000
# The time by which the newest documents of a collection are read.
NEWEST = {
    "orders": "created_at",
    "payments": "created_at",
    "loyalty_points": "at",
    "leaderboards": "reached_at",
}


def _v1(db: Shop) -> None:
    db.users.create_index("phone", unique=True)
    db.users.create_index("email", unique=True)
    db.products.create_index([("visibility", ASCENDING), ("category", ASCENDING)])
    db.products.create_index("words")


def _v2(db: Shop) -> None:
    db.orders.create_index([("user_id", ASCENDING), ("client_order_id", ASCENDING)], unique=True)
    db.sessions.create_index("refresh_digest", unique=True)
    db.sessions.create_index("user_id")


def _v3(db: Shop) -> None:
    db.payments.create_index("order_id")
    db.payments.create_index("user_id")


def _v4(db: Shop) -> None:
    db.payments.create_index("open_order_id", unique=True)
    db.payments.update_many({"status": {"$exists": False}}, {"$set": {"status": "captured"}})


def _v5(db: Shop) -> None:
    _count_stock(db)
    for collection, field in NEWEST.items():
        db[collection].create_index([(field, DESCENDING)])
    db.permissions.create_index([("user_id", ASCENDING), ("kind", ASCENDING)])
    db.roles.create_index("rank", unique=True)
    for rank, name in enumerate(("customer", "staff", "manager", "admin", "owner"), start=1):
        db.roles.update_one({"_id": name}, {"$set": {"rank": rank}}, upsert=True)
    db.audit_logs.create_index([("subject_id", ASCENDING), ("at", DESCENDING)])
    db.audit_logs.create_index([("actor_id", ASCENDING), ("at", DESCENDING)])
    db.security_events.create_index([("subject", ASCENDING), ("at", DESCENDING)])
    db.twofa_devices.create_index("user_id", unique=True)
    db.sms_codes.create_index("user_id", unique=True)
    db.payment_methods.create_index("user_id")
    db.loyalty_points.create_index("user_id")
    db.achievements.create_index("user_id")
    db.leaderboards.create_index([("points", DESCENDING), ("reached_at", ASCENDING)])
    db.mobile_devices.create_index("user_id")
    db.offline_sync.create_index("user_id")
    db.order_events.create_index("at")
    db.order_events.create_index("user_id")
    db.order_events.create_index([("order_id", ASCENDING), ("seq", ASCENDING)], unique=True)
    db.saved_searches.create_index("user_id")


def _count_stock(db: Shop) -> None:
    """A product states what was received and taken, so that its stock can be checked."""
    for product in db.products.find({"received": {"$exists": False}}):
        received = {"received": product["stock"], "taken": 0}
        db.products.update_one({"_id": product["_id"]}, {"$set": received})


MIGRATIONS: tuple[tuple[int, str, Callable[[Shop], None]], ...] = (
    (1, "users and products", _v1),
    (2, "orders and sessions", _v2),
    (3, "payments", _v3),
    (4, "payment status", _v4),
    (5, "access, loyalty, mobile, real time and search", _v5),
)


def migrate(db: Shop) -> list[int]:
    """Apply the missing migrations in order, and record each; their versions."""
    done = {record["version"] for record in db.migrations.find()}
    missing = []
    for version, title, apply in MIGRATIONS:
        if version not in done:
            apply(db)
            record = {"_id": f"v{version}", "version": version, "title": title}
            db.migrations.insert_one({**record, "at": datetime.now(UTC)})
            missing.append(version)
    return missing


def apply_missing(uri: str) -> list[int]:
    """Apply the missing migrations to the database behind the URI; their versions."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
        return migrate(client.get_default_database())


def products() -> list[dict[str, Any]]:
    """Return the products of the store: the same small catalogue at every start."""
    dice = random.Random(SEED)
    catalogue: list[dict[str, Any]] = []
    for category, goods in GOODS.items():
        for name in goods:
            for brand in BRANDS:
                catalogue.append(product(len(catalogue), f"{brand} {name}", category, dice))
    return catalogue


def product(number: int, name: str, category: str, dice: random.Random) -> dict[str, Any]:
    return {
        "_id": f"prd_{number:05d}",
        "name": name,
        "category": category,
        "unit": dice.choice(UNITS),
        "price_paise": dice.randrange(20, 900) * 100,
        "stock": STOCK,
        "received": STOCK,
        "taken": 0,
        "sold": dice.randrange(10_000),
        "visibility": "listed",
        "words": sorted(set(words(f"{name} {category}"))),
    }


def seed(db: Shop) -> None:
    """Fill an empty shop with its catalogue and two customers who cannot log in."""
    if db.products.find_one() is not None:
        return
    db.products.insert_many(products())
    unusable = bcrypt.hashpw(
        random.SystemRandom().randbytes(16).hex().encode(), bcrypt.gensalt(COST)
    )
    for number, name in enumerate(("Asha", "Ravi"), start=1):
        user = {
            "_id": f"usr_seed_{number}",
            "name": name,
            "phone": f"+91900000000{number}",
            "email": f"{name.lower()}@kirana.example",
            "role": "customer",
            "active": True,
            "password_hash": unusable.decode(),
        }
        db.users.insert_one(user)


def prepare(uri: str) -> None:
    """Migrate and seed the database behind the URI."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
        db = client.get_default_database()
        migrate(db)
        seed(db)
