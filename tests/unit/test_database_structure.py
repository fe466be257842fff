"""What the checks of a database's structure report, on a database that has lost something."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from suites.backup import restoration
from suites.database import declared, replication, structure
from suites.database.snapshot import OWN_ID, differences, rerun_migrations, snapshot
from testbed import migrations, ports

SCHEMA = 5
LIMIT = 1000
NOW = datetime.now(UTC)
Shop = Database[dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database server of these tests."""
    port = ports.free()["database"]
    folder = tmp_path_factory.mktemp("database")
    program = Path(sys.executable).with_name("secantusd-py")
    process = subprocess.Popen(
        [
            program,
            "--port",
            str(port),
            "--storage-path",
            str(folder),
            "--cache-size",
            "64M",
            "--log-level",
            "WARNING",
            "--enable-test-commands",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with MongoClient[dict[str, Any]](
                "127.0.0.1", port, serverSelectionTimeoutMS=500
            ) as client:
                client.admin.command("ping")
                return
        except PyMongoError:
            assert time.monotonic() < until


@pytest.fixture
def shop(server: str) -> Iterator[Shop]:
    """A migrated and seeded shop of this test."""
    with MongoClient[dict[str, Any]](server, tz_aware=True) as client:
        database = client["shop"]
        migrations.migrate(database)
        migrations.seed(database)
        yield database
        client.drop_database("shop")


def records(*versions: object) -> list[dict[str, Any]]:
    """Records of migrations, each a second after the one before."""
    return [
        {"_id": f"v{version}-{number}", "version": version, "at": NOW + timedelta(seconds=number)}
        for number, version in enumerate(versions)
    ]


@pytest.mark.parametrize(
    ("versions", "problem"),
    [
        ((1, 2, 3), ""),
        ((1, 3), "the migration of version 2 is not recorded"),
        ((1, 2, 2, 3), "version 2 is recorded 2 times"),
        ((1, 2, 3, 4), "version 4 is recorded; the target file states version 3"),
        ((1, 2, 3, "x"), "version 'x' is recorded"),
        ((1, 3, 2), "the migration of version 3 was applied before the next lower version"),
        ((), "the migration of version 1 is not recorded"),
    ],
)
def test_the_records_of_migrations(versions: tuple[object, ...], problem: str) -> None:
    problems = structure.migration_problems(records(*versions), 3)
    assert bool(problems) == bool(problem)
    assert problem in "; ".join(problems)


def test_a_shop_as_the_migrations_leave_it_has_no_problem(shop: Shop) -> None:
    assert structure.migration_problems(list(shop.migrations.find()), SCHEMA) == []
    assert structure.index_problems(structure.indexes(shop), SCHEMA) == []
    assert structure.plan_problems(shop, SCHEMA, 0) == []
    assert structure.validation_problems(shop, LIMIT) == []
    assert replication.replication_of(shop.client, 1).problems == ()


def test_twenty_queries_are_declared_and_each_has_an_index_that_is_declared() -> None:
    assert len(declared.QUERIES) >= 20
    keys = {(index.collection, index.keys[0].removeprefix("-")) for index in declared.INDEXES}
    assert [
        query.operation
        for query in declared.QUERIES
        if next(iter(query.indexed)) != "_id"
        and (query.collection, next(iter(query.indexed))) not in keys
        and (query.collection, "user_id") not in keys
    ] == []


def test_a_missing_index_is_named_and_one_that_admits_duplicates_too(shop: Shop) -> None:
    shop.payments.drop_index("order_id_1")
    shop.users.drop_index("phone_1")
    shop.users.create_index("phone")
    assert structure.index_problems(structure.indexes(shop), SCHEMA) == [
        "the index users (phone) is not unique",
        "the index payments (order_id) is missing",
    ]
    assert structure.index_problems(structure.indexes(shop), 2) == [
        "the index users (phone) is not unique"
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"expireAfterSeconds": 86_400},
            "the index orders.shared deletes documents (expireAfterSeconds)",
        ),
        (
            {"partialFilterExpression": {"status": "paid"}},
            "the index orders (-created_at) does not serve all documents (partialFilterExpression)",
        ),
        ({"sparse": True}, "the index orders (-created_at) does not serve all documents (sparse)"),
    ],
)
def test_an_index_that_does_not_serve_all_documents_is_named(
    shop: Shop, options: dict[str, Any], problem: str
) -> None:
    shop.orders.drop_index([("created_at", -1)])
    shop.orders.create_index([("created_at", -1)], name="shared", **options)
    assert structure.index_problems(structure.indexes(shop), SCHEMA) == [problem]


def test_a_unique_index_that_nobody_declared_is_named(shop: Shop) -> None:
    shop.payments.create_index([("user_id", 1), ("amount_paise", 1)], unique=True, name="own")
    shop.payments.create_index([("amount_paise", 1)], name="faster")
    assert structure.index_problems(structure.indexes(shop), SCHEMA) == [
        "the index payments.own is unique, but not declared: it may refuse correct documents"
    ]


def test_a_value_that_the_release_does_not_know_is_named(shop: Shop) -> None:
    shop.users.update_one({"_id": "usr_seed_1"}, {"$set": {"role": "supervisor"}})
    (problem,) = structure.validation_problems(shop, LIMIT)
    assert problem.startswith("users usr_seed_1: role is 'supervisor', expected customer or ")


def test_a_document_from_the_future_is_named(shop: Shop) -> None:
    at = datetime.now(UTC) + timedelta(hours=5, minutes=30)
    shop.carts.insert_one({"_id": "usr_seed_1", "items": {}, "version": 1, "changed_at": at})
    (problem,) = structure.validation_problems(shop, LIMIT)
    assert problem.startswith("carts usr_seed_1: changed_at is in the future")


def test_a_missing_document_of_a_migration_is_named(shop: Shop) -> None:
    shop.roles.delete_many({"_id": {"$in": ["owner", "admin"]}})
    assert structure.validation_problems(shop, LIMIT) == [
        "the document admin of roles, which a migration writes, is missing",
        "the document owner of roles, which a migration writes, is missing",
    ]


def test_a_query_that_reads_a_large_collection_is_named(shop: Shop) -> None:
    shop.payments.drop_index("order_id_1")
    shop.payments.insert_many(
        [{"_id": str(number), "open_order_id": str(number)} for number in range(30)]
    )
    assert structure.plan_problems(shop, SCHEMA, 30) == []
    problems = structure.plan_problems(shop, SCHEMA, 29)
    assert len(problems) == 1
    assert "'payments of an order' reads all 30 documents of payments" in problems[0]
    assert "db.payments.find({'order_id': 'o'}).explain()" in problems[0]


def test_a_field_of_another_type_is_named(shop: Shop) -> None:
    for number in range(5):
        change = {"$set": {"price_paise": "100"}}
        shop.products.update_one({"_id": f"prd_0000{number}"}, change)
    shop.users.update_one({"_id": "usr_seed_1"}, {"$unset": {"phone": 1}})
    problems = structure.validation_problems(shop, LIMIT)
    assert "users usr_seed_1: phone is missing, expected str" in problems
    assert "products prd_00004: price_paise is str, expected int" in problems
    assert "products: 2 more fields have a wrong type" in problems
    assert len(problems) == 5


@pytest.mark.parametrize("command", ["validate", "replSetGetStatus"])
def test_a_command_that_fails_is_a_problem(shop: Shop, command: str) -> None:
    admin = shop.client.admin
    data = {"failCommands": [command], "errorCode": 94}
    admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
    try:
        validation = structure.validation_problems(shop, LIMIT)
        state = replication.replication_of(shop.client, 1)
    finally:
        admin.command("configureFailPoint", "failCommand", mode="off")
    assert bool(validation) == (command == "validate")
    assert bool(state.problems) == (command == "replSetGetStatus")
    assert any("code 94" in problem for problem in (*validation, *state.problems))


def member(name: str, state: str, behind: float = 0, health: int = 1) -> dict[str, Any]:
    """A member of a replica set."""
    states = {"PRIMARY": 1, "SECONDARY": 2, "RECOVERING": 3, "DOWN": 8}
    return {
        "name": name,
        "state": states[state],
        "stateStr": state,
        "health": health,
        "optimeDate": NOW - timedelta(seconds=behind),
    }


@pytest.mark.parametrize(
    ("members", "problem", "sentence"),
    [
        ([member("a", "PRIMARY")], "", "a single node, replica set rs0"),
        (
            [member("a", "PRIMARY"), member("b", "SECONDARY", 3)],
            "",
            "2 members, the longest lag is 3.0 s",
        ),
        (
            [member("a", "PRIMARY"), member("b", "SECONDARY", 11)],
            "member b is 11.0 s behind the primary, expected at most 10 s",
            "",
        ),
        ([member("a", "PRIMARY"), member("b", "RECOVERING")], "member b is RECOVERING", ""),
        ([member("a", "PRIMARY"), member("b", "SECONDARY", health=0)], "member b is SECONDARY", ""),
        ([member("a", "SECONDARY"), member("b", "SECONDARY")], "the set has 0 primaries", ""),
        ([], "the set has 0 primaries", ""),
    ],
)
def test_the_state_of_a_replica_set(
    members: list[dict[str, Any]], problem: str, sentence: str
) -> None:
    state = replication.evaluate({"set": "rs0", "members": members}, 10)
    assert bool(state.problems) == bool(problem)
    assert problem in "; ".join(state.problems)
    assert sentence in state.sentence


def test_a_snapshot_does_not_depend_on_the_order_and_sees_every_change(shop: Shop) -> None:
    before = snapshot(shop, LIMIT)
    assert differences(before, snapshot(shop, LIMIT)) == []
    first = shop.products.find_one({"_id": "prd_00000"})
    assert first is not None
    shop.products.delete_one({"_id": "prd_00000"})
    assert differences(before, snapshot(shop, LIMIT)) == [
        "products: 240 documents before, 239 after"
    ]
    shop.products.insert_one(first)
    assert differences(before, snapshot(shop, LIMIT)) == []
    shop.products.update_one({"_id": "prd_00000"}, {"$inc": {"stock": 1}})
    assert differences(before, snapshot(shop, LIMIT)) == [
        "products: 240 documents, some with changed content"
    ]


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, 1.0),
        (1, "1"),
        (Int64(1), Decimal128("1")),
        (True, 1),
        ([1, 2], [2, 1]),
        (None, 0),
    ],
)
def test_a_snapshot_sees_another_type(shop: Shop, value: object, other: object) -> None:
    shop.things.insert_one({"_id": "a", "value": value})
    before = snapshot(shop, LIMIT)
    shop.things.replace_one({"_id": "a"}, {"_id": "a", "value": other})
    assert differences(before, snapshot(shop, LIMIT)) == [
        "things: 1 documents, some with changed content"
    ]


def test_a_snapshot_leaves_out_the_documents_of_test_runs(shop: Shop) -> None:
    before = snapshot(shop, LIMIT)
    own = "usr_20261127-145753-132c-main_0123456789"
    assert OWN_ID.match(own)
    assert not OWN_ID.match("usr_seed_1")
    shop.carts.insert_one({"_id": own, "items": {}})
    shop.orders.insert_one({"_id": "ord_1", "user_id": own, "client_order_id": "1"})
    assert differences(before, snapshot(shop, LIMIT)) == []


CHANGES_A_USER = """
import sys
from pymongo import MongoClient
with MongoClient(sys.argv[1]) as client:
    client.shop.users.update_one({"_id": "usr_seed_1"}, {"$set": {"name": "Nobody"}})
    client.shop.users.create_index("name")
    client.shop.migrations.delete_one({"_id": "v3"})
sys.exit("changed")
"""


def test_a_repeated_migration_that_changes_something_is_named(shop: Shop, server: str) -> None:
    rerun = rerun_migrations(shop, ["python", "-c", CHANGES_A_USER, server], LIMIT)
    assert (rerun.exit_code, rerun.output) == (1, "changed")
    assert rerun.changes == ("the records of migrations changed", "the indexes changed")
    assert rerun.changed_content == ("users: 2 documents, some with changed content",)
    assert len(rerun.records) == SCHEMA


def test_a_repeated_migration_that_changes_nothing(shop: Shop) -> None:
    rerun = rerun_migrations(shop, ["python", "-c", "print('nothing')"], LIMIT)
    assert (rerun.exit_code, rerun.changes, rerun.changed_content) == (0, (), ())


def test_migrations_that_are_recorded_are_not_applied_again(shop: Shop) -> None:
    assert migrations.migrate(shop) == []
    shop.migrations.delete_one({"_id": "v5"})
    shop.products.update_one({"_id": "prd_00000"}, {"$unset": {"received": 1, "taken": 1}})
    assert migrations.migrate(shop) == [5]
    product = shop.products.find_one({"_id": "prd_00000"})
    assert product is not None
    assert (product["received"], product["taken"]) == (product["stock"], 0)


def order_of(number: int, at: datetime, user: str = "usr_seed_1") -> dict[str, Any]:
    """An order of a customer."""
    return {
        "_id": f"ord_{number}",
        "user_id": user,
        "client_order_id": f"c-{number}",
        "created_at": at,
    }


def test_documents_that_a_backup_lacks_are_named(shop: Shop) -> None:
    taken_at = datetime.now(UTC) - timedelta(hours=1)
    before, after = taken_at - timedelta(days=1), taken_at + timedelta(minutes=1)
    own = "usr_20261127-154711-8991-main_17cd11d477"
    shop.migrations.update_many({}, {"$set": {"at": before}})
    shop.orders.insert_many([order_of(number, before) for number in range(4)])
    shop.orders.insert_many([order_of(4, after), order_of(5, before, own)])
    restored = shop.client["restored"]
    for name in ("users", "orders", "migrations"):
        restored[name].insert_many(list(shop[name].find()))
    restored.orders.delete_many({"_id": {"$in": ["ord_4", "ord_5"]}})
    try:
        assert restoration.absent_from(restored, shop, taken_at) == []
        restored.orders.delete_many({"_id": {"$in": ["ord_1", "ord_2"]}})
        restored.users.delete_one({"_id": "usr_seed_1"})
        restored.drop_collection("migrations")
        problems = restoration.absent_from(restored, shop, taken_at)
    finally:
        shop.client.drop_database("restored")
    assert problems == [
        "orders: 2 of 4 documents from before the backup are not in the backup, such as ord_1",
        "users: 1 of 1 documents from before the backup are not in the backup, such as usr_seed_1",
        (
            f"migrations: {SCHEMA} of {SCHEMA} documents from before the backup are not in "
            "the backup, such as v1"
        ),
    ]
