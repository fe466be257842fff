"""Restores a backup into a scratch database, and compares the contents byte by byte."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import DatetimeConversion, decode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from suites.backup.bson_files import read_documents
from suites.backup.layout import (
    ID_INDEX,
    Shop,
    from_extended_json,
    indexes_of,
    raw_collection,
    schema_version_of,
)
from suites.backup.manifest import Backup, StoredCollection
from suites.backup.scratch import OWNER, refuse_other
from suites.database.snapshot import is_own
from suites.database.view import MAX_CLOCK_DIFFERENCE, TIMES

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 8 * 1024 * 1024
MAX_DIFFERENCES = 5
# Fields of the command that creates a collection, and that are no options of the collection.
NO_OPTIONS = frozenset({"uuid", "create", "$db", "viewOn", "pipeline", "timeseries"})
MAX_COMPARED = 500
# A time that Python cannot represent is compared, too.
ANY_TIME = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True, slots=True)
class RestoreTimes:
    """The durations of the two steps of a restore.

    Args:
        documents: the seconds in which the documents were written.
        indexes: the seconds in which the indexes were created.
    """

    documents: float
    indexes: float

    @property
    def total(self) -> float:
        """The duration of the whole restore, in seconds."""
        return self.documents + self.indexes


def restore(backup: Backup, scratch: Shop, live: str) -> RestoreTimes:
    """Write the contents of a backup into a scratch database.

    Args:
        backup: a verified backup.
        scratch: the scratch database.
        live: the name of the store's database, which must not be written to.

    Returns:
        The seconds for the documents, and the seconds for the indexes.

    Raises:
        BackupError: the database is not a scratch database, or a file cannot be read.
        pymongo.errors.PyMongoError: the server refuses a document or an index.
    """
    refuse_other(scratch.name, live)
    began = time.monotonic()
    for stored in backup.manifest.collections:
        # A command, because an option may have the name of an argument of pymongo.
        scratch.command({"create": stored.name, **_options(stored)})
        for batch in batches(read_documents(backup.path_of(stored.data))):
            raw_collection(scratch, stored.name).insert_many(map(RawBSONDocument, batch))
    documents_end = time.monotonic()
    for stored in backup.manifest.collections:
        create_indexes(scratch, stored)
    return RestoreTimes(documents_end - began, time.monotonic() - documents_end)


def _options(stored: StoredCollection) -> dict[str, Any]:
    """Return the options of a collection, without other fields, such as the collection's id."""
    options = from_extended_json(stored.options)
    return {name: option for name, option in options.items() if name not in NO_OPTIONS}


def create_indexes(scratch: Shop, stored: StoredCollection) -> None:
    """Create the indexes of a collection, except the index of ``_id``, which the server creates."""
    indexes = [from_extended_json(index) for index in stored.indexes if index["name"] != ID_INDEX]
    if indexes:
        scratch.command("createIndexes", stored.name, indexes=indexes)


def batches(documents: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the documents in lists, each short enough for the memory.

    Args:
        documents: the bytes of each document.
    """
    batch: list[bytes] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if len(batch) == BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def differences(backup: Backup, restored: Shop) -> list[str]:
    """List the differences between a restored database and its backup.

    Documents are compared byte by byte: ids, types, contents, and the order of the fields.

    Args:
        backup: the backup that was restored.
        restored: the scratch database with the restored contents.

    Returns:
        One sentence for each difference; an empty list for identical contents.

    Raises:
        BackupError: a file of the backup cannot be read.
    """
    stored_names = {stored.name for stored in backup.manifest.collections}
    present = set(restored.list_collection_names()) - {OWNER}
    lines = [
        f"the restored collection {name} is not in the backup"
        for name in sorted(present - stored_names)
    ]
    for stored in backup.manifest.collections:
        lines += _different_documents(backup, stored, restored)
        if list(stored.indexes) != list(indexes_of(restored, stored.name)):
            lines.append(f"{stored.name}: the indexes differ from the indexes of the backup")
    return lines


def _different_documents(backup: Backup, stored: StoredCollection, restored: Shop) -> list[str]:
    """List the documents of a collection that differ from the backup, in the order of the ids."""
    cursor = raw_collection(restored, stored.name).find({}, sort=[("_id", 1)])
    lines: list[str] = []
    for position, expected in enumerate(read_documents(backup.path_of(stored.data)), start=1):
        document = next(cursor, None)
        if document is None:
            lines.append(f"{stored.name}: document {position} and all later documents are missing")
            return lines
        present = bytes(document.raw)
        if present != expected:
            lines.append(f"{stored.name}: {_difference(expected, present)}")
        if len(lines) == MAX_DIFFERENCES:
            lines.append(
                f"{stored.name}: the comparison stopped after {position} documents, "
                f"because {MAX_DIFFERENCES} documents differ"
            )
            return lines
    if extra := sum(1 for _ in cursor):
        lines.append(f"{stored.name}: {extra} restored documents are not in the backup")
    return lines


def _difference(expected: bytes, present: bytes) -> str:
    """Name the fields in which two documents differ; values may be personal, and are not shown."""
    before, after = decode(expected, ANY_TIME), decode(present, ANY_TIME)
    if before.get("_id") != after.get("_id"):
        return f"a document has the id {after.get('_id')!r}, expected {before.get('_id')!r}"
    fields = [
        name
        for name in [*before, *(name for name in after if name not in before)]
        if name not in before or name not in after or _typed(before[name]) != _typed(after[name])
    ]
    listed = ", ".join(map(str, fields[:3])) or "the order of its fields"
    return f"document {before.get('_id')!r} differs from the backup in: {listed}"[:200]


def _typed(content: object) -> tuple[type, str]:
    """Return the type and the text of a value, for a comparison in which 1 and 1.0 differ."""
    return type(content), repr(content)


def missing_in(backup: Backup, live: Shop) -> list[str]:
    """List the indexes of the store's database that a backup of the same schema version lacks.

    Migrations give each of their collections an index. So a collection with an index must be in
    the backup. A collection without an index may be newer than the backup.

    Args:
        backup: the backup.
        live: the store's database.

    Returns:
        One sentence for each missing index or collection; empty if the schema versions differ.
    """
    if backup.manifest.schema_version != schema_version_of(live):
        return []
    stored_by_name = {stored.name: stored for stored in backup.manifest.collections}
    missing: list[str] = []
    for name in sorted(live.list_collection_names()):
        expected = [index for index in indexes_of(live, name) if index["name"] != ID_INDEX]
        stored = stored_by_name.get(name)
        if expected and stored is None:
            missing.append(f"the collection {name} is not in the backup")
        elif stored is not None:
            names = [str(index["name"]) for index in expected if index not in stored.indexes]
            missing += [f"{name}: the index {index} is not in the backup" for index in names]
    return missing


def absent_from(restored: Shop, live: Shop, taken_at: datetime) -> list[str]:
    """List customers' documents that are older than a backup but are not in the backup.

    Documents are missing if the backup was taken from an empty database or another database, or has
    only a part of the documents. The function does not compare all documents, but only the
    oldest and the newest documents from before the backup, and the users of the compared orders.

    Args:
        restored: the scratch database with the restored backup.
        live: the store's database.
        taken_at: the time at which the backup began, UTC.

    Returns:
        One sentence for each collection with missing documents.
    """
    before = taken_at - MAX_CLOCK_DIFFERENCE
    ids_by_collection: dict[str, set[Any]] = {}
    for name, field in {**TIMES, "migrations": "at"}.items():
        older = [document for document in _older(live, name, field, before) if not is_own(document)]
        ids_by_collection[name] = {document["_id"] for document in older}
        if name == "orders":
            ids_by_collection["users"] = {order["user_id"] for order in older}
    lines = []
    for name, ids in ids_by_collection.items():
        query = {"_id": {"$in": list(ids)}}
        expected = {document["_id"] for document in live[name].find(query, {"_id": 1})}
        present = {document["_id"] for document in restored[name].find(query, {"_id": 1})}
        if missing := sorted(map(str, expected - present)):
            lines.append(
                f"{name}: {len(missing)} of {len(expected)} documents from before the backup are "
                f"not in the backup, such as {missing[0]}"
            )
    return lines


def _older(live: Shop, name: str, field: str, before: datetime) -> Iterator[dict[str, Any]]:
    """Read the oldest and the newest documents of a collection before a moment, UTC."""
    for direction in (1, -1):
        documents = live[name].find({field: {"$lt": before}}).sort(field, direction)
        yield from documents.limit(MAX_COMPARED)


def not_as_in(backup: Backup, live: Shop, ids: Mapping[str, str]) -> list[str]:
    """List documents of a database that a backup lacks, or has with another content.

    Args:
        backup: the backup.
        live: the store's database, or a database with the same documents.
        ids: for each collection, the id of a document that nobody changes.

    Returns:
        One sentence for each document that is missing or different.
    """
    stored_by_name = {stored.name: stored for stored in backup.manifest.collections}
    wrong = []
    for name, document_id in ids.items():
        document = raw_collection(live, name).find_one({"_id": document_id})
        stored = stored_by_name.get(name)
        copies = read_documents(backup.path_of(stored.data)) if stored else iter(())
        if document is None or bytes(document.raw) not in copies:
            wrong.append(
                f"{name}: the document {document_id} is missing in the backup or in the database, "
                "or the two documents differ"
            )
    return wrong
