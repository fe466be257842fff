"""Takes snapshots: a snapshot has the documents of some users and products in every collection."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from suites.testdata.ownership import TRACES, Shop

Document = dict[str, Any]
# Documents by id, by collection.
Snapshot = Mapping[str, Mapping[Any, Document]]

# The field with the owner, by collection. In the logs, an entry belongs to the acting user.
OWNER_FIELDS: Mapping[str, str] = {
    **TRACES,
    "audit_logs": "actor_id",
    "security_events": "subject",
}
NOT_OF_USERS = ("products", "webhook_events")


@dataclass(frozen=True, slots=True)
class Subjects:
    """The users and products whose documents a snapshot contains.

    Args:
        users: the ids of the users.
        products: the ids of the products.
        event_prefix: the prefix of the ids of webhook events of this run.
    """

    users: tuple[str, ...]
    products: tuple[str, ...]
    event_prefix: str


def take(database: Shop, subjects: Subjects) -> Snapshot:
    """Read the documents of the subjects, one collection after the other, and return a snapshot."""
    queries: dict[str, dict[str, Any]] = {
        collection: {field: {"$in": list(subjects.users)}}
        for collection, field in OWNER_FIELDS.items()
        if collection not in NOT_OF_USERS
    }
    queries["products"] = {"_id": {"$in": list(subjects.products)}}
    queries["webhook_events"] = {"_id": {"$regex": f"^{subjects.event_prefix}"}}
    return {
        collection: _by_id(database[collection].find(query))
        for collection, query in queries.items()
    }


def _by_id(documents: Iterable[Document]) -> dict[Any, Document]:
    return {document["_id"]: document for document in documents}
