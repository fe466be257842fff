"""Reads the newest documents of each collection of a store's database, each collection once.

The store writes while a view is read, so each collection of a view is read at a slightly
different moment. So an invariant that depends on a later write skips documents younger than GRACE.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

Document = Mapping[str, Any]
Shop = Database[dict[str, Any]]

GRACE = timedelta(seconds=2)
# Both colours write, and their clocks may differ by this time.
MAX_CLOCK_DIFFERENCE = timedelta(seconds=10)
IDS_IN_QUERY = 500
# The field by which the newest documents of a large collection are found; it has an index.
NEWEST: Mapping[str, str] = {
    "orders": "created_at",
    "payments": "created_at",
    "order_events": "at",
    "loyalty_points": "at",
    "leaderboards": "reached_at",
}
# The field with the time of a document, where the collection has one.
TIMES: Mapping[str, str] = {
    **NEWEST,
    "achievements": "unlocked_at",
    "carts": "changed_at",
    "sessions": "opened_at",
    "payment_methods": "saved_at",
    "permissions": "at",
}
# Collections with secrets: only these fields are read.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "users": ("_id",),
    "sessions": ("user_id", "opened_at"),
    "payment_methods": ("user_id", "saved_at"),
    "twofa_devices": ("user_id",),
    "sms_codes": ("user_id",),
}
# What a malformed document raises when it is judged.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Violation:
    """A document that contradicts an invariant.

    Args:
        collection: the collection of the document.
        document: the id of the document.
        at: the time at which the document was written, UTC; None for a document without a time.
        observed: the contradiction in words.
        difference: for a wrong sum, the wrong value minus the right value; else None.
            Later writes that are correct do not change the difference, so the same difference in a
            later run means the same violation.
    """

    collection: str
    document: str
    at: datetime | None
    observed: str
    difference: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The collection and the id of the document."""
        return self.collection, self.document


class View:
    """Reads the newest documents of a database, and stores the documents that were read.

    Args:
        database: the store's database; its client must read times with a time zone.
        limit: the maximum number of documents that are read from each collection.
    """

    def __init__(self, database: Shop, limit: int) -> None:
        self.database = database
        self._limit = limit
        self._documents: dict[str, list[dict[str, Any]]] = {}
        self._by_id: dict[str, dict[str, Document]] = {}
        self.started = datetime.now(UTC)

    def newest(self, collection: str) -> Sequence[Document]:
        """Return the newest documents of a collection, at most ``limit`` documents."""
        if collection == "orders":
            # An order is written after its pieces are taken, so products are read first.
            self.newest("products")
        if collection not in self._documents:
            self._documents[collection] = self._read(collection)
        return self._documents[collection]

    def _read(self, collection: str) -> list[dict[str, Any]]:
        documents = self.database[collection]
        fields = FIELDS.get(collection)
        cursor = documents.find({}, dict.fromkeys(fields, 1) if fields else None)
        if documents.estimated_document_count() > self._limit:
            cursor = cursor.sort(NEWEST.get(collection, "_id"), -1)
        return list(cursor.limit(self._limit))

    def is_complete(self, collection: str) -> bool:
        """Return whether the view has every document of a collection."""
        return len(self.newest(collection)) < self._limit

    def covers(self, collection: str, since: datetime) -> bool:
        """Return whether the view has every document that a collection got since a moment.

        Args:
            collection: the collection.
            since: the moment, UTC.
        """
        if self.is_complete(collection):
            return True
        oldest = min(document[NEWEST[collection]] for document in self.newest(collection))
        return bool(oldest < since - GRACE)

    def by_id(self, collection: str, ids: Iterable[str]) -> Mapping[str, Document]:
        """Return at least the documents with the given ids, keyed by id."""
        if collection not in self._by_id:
            self._by_id[collection] = _by_id(self.newest(collection))
        known = self._by_id[collection]
        if self.is_complete(collection):
            return known
        missing = [each for each in _different(ids) if _is_missing(each, known)]
        return {**known, **_by_id(self._of(collection, "_id", missing))}

    def grouped(
        self, collection: str, field: str, values: Iterable[str]
    ) -> Mapping[str, list[Document]]:
        """Return all documents whose field has one of the given values, keyed by value.

        Args:
            collection: the collection.
            field: the field.
            values: the values. If the view has the whole collection, all documents are returned.
        """
        groups: dict[str, list[Document]] = defaultdict(list)
        documents: Iterable[Document] = self.newest(collection)
        if not self.is_complete(collection):
            documents = self._of(collection, field, _different(values))
        for document in documents:
            groups[str(document.get(field))].append(document)
        return groups

    def _of(self, collection: str, field: str, values: Sequence[str]) -> Iterator[Document]:
        fields = FIELDS.get(collection)
        projection = dict.fromkeys(fields, 1) if fields else None
        for start in range(0, len(values), IDS_IN_QUERY):
            query = {field: {"$in": values[start : start + IDS_IN_QUERY]}}
            yield from self.database[collection].find(query, projection)

    def is_settled(self, collection: str, document: Document) -> bool:
        """Return whether a document is older than GRACE, so that all dependent documents exist.

        A document from the future has a wrong time, and counts as settled.
        """
        at = document[TIMES[collection]]
        return bool(at < self.started - GRACE or at > self.started + MAX_CLOCK_DIFFERENCE)

    def judge(
        self, collection: str, problem: Callable[[Document], str], *, settled: bool = False
    ) -> Iterator[Violation]:
        """Yield a violation for each document with a problem.

        Args:
            collection: the collection whose newest documents are judged.
            problem: a function that returns the contradiction in words, or an empty text.
            settled: whether to judge only documents that are older than GRACE.
        """
        for document in self.newest(collection):
            try:
                if settled and not self.is_settled(collection, document):
                    continue
                text = problem(document)
            except MALFORMED as error:
                text = f"a field is missing or has a wrong type ({type(error).__name__}: {error})"
            if text:
                yield violation(collection, document, text)


def _by_id(documents: Iterable[Document]) -> dict[str, Document]:
    """Key documents by id, without malformed ids, such as an id that is a document."""
    return {document["_id"]: document for document in documents if _can_be_key(document["_id"])}


def _different(values: Iterable[str]) -> list[str]:
    """Return the distinct values, sorted by their texts; malformed values are included."""
    return [value for _, value in sorted({repr(value): value for value in values}.items())]


def _is_missing(document_id: object, known: Mapping[str, Document]) -> bool:
    return not _can_be_key(document_id) or document_id not in known


def _can_be_key(document_id: object) -> bool:
    return isinstance(document_id, Hashable)


def violation(
    collection: str, document: Document, observed: str, difference: int | None = None
) -> Violation:
    """Make a violation by a document, with the time of the document.

    Args:
        collection: the collection of the document.
        document: the document that contradicts the invariant.
        observed: the contradiction in words.
        difference: for a wrong sum, the wrong value minus the right value; else None.
    """
    at = document.get(TIMES.get(collection, ""))
    written = at if isinstance(at, datetime) else None
    return Violation(collection, str(document["_id"]), written, observed, difference)
