"""The bystander has a document in every collection, and the documents contradict no invariant."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from shop_data import Documents, MemoryShop

from suites.database.invariants import INVARIANTS
from suites.database.view import View
from suites.testdata import bystander
from suites.testdata.ownership import TRACES, Ownership

# A message that was sent and an event of the gateway do not wait for anybody.
WITHOUT = {"sms_outbox", "webhook_events"}


class Inserted:
    """A collection that keeps what is inserted, and increases fields."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def insert_one(self, document: dict[str, Any]) -> None:
        self.documents.append(document)

    def insert_many(self, documents: Iterable[dict[str, Any]]) -> None:
        self.documents.extend(documents)

    def update_one(self, query: dict[str, Any], change: dict[str, Any]) -> None:
        (document,) = [each for each in self.documents if each["_id"] == query["_id"]]
        for name, number in change["$inc"].items():
            document[name] += number


class Database(defaultdict[str, Inserted]):
    """Collections by name, also as attributes."""

    def __init__(self) -> None:
        super().__init__(Inserted)

    def __getattr__(self, name: str) -> Inserted:
        return self[name]


@pytest.fixture(scope="module")
def documents() -> Documents:
    """Everything that belongs to a bystander."""
    database = Database()
    bystander.create(database, Ownership(database, "run-main"))  # type: ignore[arg-type]
    return {name: collection.documents for name, collection in database.items()}


def test_there_is_a_document_in_every_collection_of_users(documents: Documents) -> None:
    assert set(TRACES) - set(documents) == WITHOUT
    (user,) = documents["users"]
    owners = {
        str(document[field])
        for name, field in TRACES.items()
        if name != "products"
        for document in documents.get(name, [])
    }
    assert owners == {user["_id"]}


@pytest.mark.parametrize("name", INVARIANTS)
def test_no_invariant_is_contradicted(documents: Documents, name: str) -> None:
    view = View(MemoryShop(documents), 1_000)  # type: ignore[arg-type]
    assert list(INVARIANTS[name].find(view)) == []
