"""Changes of the database behind the store's back: lost indexes, records and owners."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from testbed import migrations
from testbed.world import World

Shop = Database[dict[str, Any]]
NOBODY = "usr_deleted_1"
CUSTOMER = "usr_seed_1"
FAULTY = "fault_"
# More documents than a query may read without an index.
MANY = 1_200
COMMAND_FAILED = 94


@contextmanager
def _shop(world: World) -> Iterator[Shop]:
    uri = world.environment["KIRANA_DATABASE_URI"]
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        yield client.get_default_database()


def lose_index_of_client_orders(world: World, *, on: bool) -> None:
    """Orders with the same client order id are no longer refused."""
    _lose_index(world, "orders", ["user_id", "client_order_id"], on=on)


def lose_index_of_open_payments(world: World, *, on: bool) -> None:
    """A second payment of an order is no longer refused."""
    _lose_index(world, "payments", ["open_order_id"], on=on)


def lose_index_of_payments(world: World, *, on: bool) -> None:
    """The payments of an order are found by reading all payments."""
    _lose_index(world, "payments", ["order_id"], on=on)


def _lose_index(world: World, collection: str, keys: list[str], *, on: bool) -> None:
    with _shop(world) as shop:
        if not on:
            for _, _, apply in migrations.MIGRATIONS:
                apply(shop)
            return
        for name, index in shop[collection].index_information().items():
            if [key for key, _ in index["key"]] == keys:
                shop[collection].drop_index(name)


def read_whole_collection(world: World, *, on: bool) -> None:
    """A large collection has lost its index."""
    name = "saved_searches"
    with _shop(world) as shop:
        shop[name].delete_many({"_id": {"$regex": f"^{FAULTY}"}})
        if on:
            searches = [{"_id": f"{FAULTY}{number}", "user_id": CUSTOMER} for number in range(MANY)]
            shop[name].insert_many(searches)
    _lose_index(world, name, ["user_id"], on=on)


def record_out_of_order(world: World, *, on: bool) -> None:
    """The records say that the second migration was applied last."""
    hour = timedelta(hours=1) if on else timedelta(hours=-1)
    with _shop(world) as shop:
        record = shop.migrations.find_one({"_id": "v2"})
        if record is not None:
            shop.migrations.update_one({"_id": "v2"}, {"$set": {"at": record["at"] + hour}})


def forget_migration(world: World, *, on: bool) -> None:
    """The newest migration is not recorded, so it is applied again."""
    with _shop(world) as shop:
        if on:
            shop.migrations.delete_one({"_id": "v5"})
        else:
            migrations.migrate(shop)


def change_customers_again(world: World, *, on: bool) -> None:
    """A migration is applied again and changes a payment of a customer."""
    with _shop(world) as shop:
        shop.payments.delete_many({"_id": {"$regex": f"^{FAULTY}"}})
        if on:
            shop.migrations.delete_one({"_id": "v4"})
            shop.payments.insert_one(
                {
                    "_id": f"{FAULTY}payment",
                    "order_id": f"{FAULTY}order",
                    "user_id": CUSTOMER,
                    "open_order_id": f"{FAULTY}order",
                    "amount_paise": 100,
                    "created_at": datetime.now(UTC),
                }
            )
            return
        migrations.migrate(shop)
        before = shop.migrations.find_one({"_id": "v3"})
        if before is not None:
            shop.migrations.update_one({"_id": "v4"}, {"$set": {"at": before["at"]}})


def write_price_as_text(world: World, *, on: bool) -> None:
    """The price of a product has another type."""
    with _shop(world) as shop:
        product = shop.products.find_one({"_id": "prd_00007"})
        if product is not None:
            price = str(product["price_paise"]) if on else int(product["price_paise"])
            shop.products.update_one({"_id": product["_id"]}, {"$set": {"price_paise": price}})


def fail_validation(world: World, *, on: bool) -> None:
    """The database refuses to validate its collections."""
    _fail_command(world, "validate", on=on)


def hide_replication(world: World, *, on: bool) -> None:
    """The database does not tell the state of its replica set."""
    _fail_command(world, "replSetGetStatus", on=on)


def _fail_command(world: World, command: str, *, on: bool) -> None:
    with _shop(world) as shop:
        shop.client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode="alwaysOn" if on else "off",
            data={"failCommands": [command], "errorCode": COMMAND_FAILED},
        )


def keep_session_of_deleted_user(world: World, *, on: bool) -> None:
    """A user was deleted, and a session of the user is left."""
    session = {"refresh_digest": f"{FAULTY}digest", "opened_at": _now(), "expires_at": _now()}
    _write(world, "sessions", session, on=on)


def keep_method_of_deleted_user(world: World, *, on: bool) -> None:
    """A user was deleted, and a saved payment method of the user is left."""
    method = {"brand": "visa", "last4": "1111", "expiry": "12/30", "saved_at": _now()}
    _write(world, "payment_methods", method, on=on)


def keep_permission_of_deleted_user(world: World, *, on: bool) -> None:
    """A user was deleted, and a permission of the user is left."""
    permission = {"kind": "permission", "permission": "orders:read", "at": _now()}
    _write(world, "permissions", permission, on=on)


def keep_device_of_deleted_user(world: World, *, on: bool) -> None:
    """A user was deleted, and a second factor of the user is left."""
    _write(world, "twofa_devices", {"confirmed": True, "last_step": 0, "failures": 0}, on=on)


def _write(world: World, collection: str, fields: dict[str, Any], *, on: bool) -> None:
    document = {"_id": f"{FAULTY}{collection}", "user_id": NOBODY, **fields}
    with _shop(world) as shop:
        shop[collection].delete_many({"_id": document["_id"]})
        if on:
            shop[collection].insert_one(document)


def _now() -> datetime:
    return datetime.now(UTC)
