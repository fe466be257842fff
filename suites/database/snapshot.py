"""Compares counts and checksums of a database's collections before and after a migration.

Documents of test runs are left out, because runs write and delete documents all the time.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import encode

from suites.database.structure import indexes
from suites.database.view import Shop

# Ids that ``suites.testdata.ownership`` makes: kind, run, process, ten random digits.
OWN_ID = re.compile(r"\A(?:usr|prd|evt)_[a-z0-9][a-z0-9-]{0,59}_[0-9a-f]{10}")
OWNERS = ("_id", "user_id", "subject", "subject_id", "actor_id")
# Append-only logs, which grow with every refused request, and the records of migrations themselves.
APPEND_ONLY = ("audit_logs", "security_events")
LEFT_OUT = frozenset({*APPEND_ONLY, "webhook_events", "migrations"})
MASK = 2**256 - 1
MAX_SECONDS = 120.0
MAX_OUTPUT = 300


@dataclass(frozen=True, slots=True)
class Content:
    """The count and the checksum of the documents of a collection.

    Args:
        count: the number of documents.
        checksum: the sum of the SHA-256 of all documents, which does not depend on their order.
    """

    count: int
    checksum: int


def snapshot(database: Shop, limit: int) -> dict[str, Content]:
    """Return the count and the checksum of each collection, without documents of test runs.

    Args:
        database: the store's database.
        limit: the maximum number of documents that are read from each collection, in the order of
            ids.

    Returns:
        The counts and checksums, keyed by the name of the collection.
    """
    return {
        collection: _content(database, collection, limit)
        for collection in sorted(set(database.list_collection_names()) - LEFT_OUT)
    }


@dataclass(frozen=True, slots=True)
class Rerun:
    """The changes that a repeated migration made.

    Args:
        exit_code: the exit code of the command that applies the migrations.
        output: the end of the command's stderr, or else of its stdout.
        records: the records of migrations before the command.
        changes: sentences about changed records of migrations and changed indexes.
        changed_content: sentences about changed documents, one for each collection.
    """

    exit_code: int
    output: str
    records: tuple[dict[str, Any], ...]
    changes: tuple[str, ...]
    changed_content: tuple[str, ...]


def rerun_migrations(database: Shop, command: Sequence[str], limit: int) -> Rerun:
    """Apply the migrations once more, and compare the database before and after.

    Args:
        database: the store's database.
        command: the command that applies the migrations; the word ``python`` stands for the
            interpreter of this process.
        limit: the maximum number of documents that are read from each collection.
    """
    records, present = _records(database), indexes(database)
    before, logged = snapshot(database, limit), _logged(database, limit)
    words = [sys.executable if word == "python" else word for word in command]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=MAX_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    changes = [
        *([] if _records(database) == records else ["the records of migrations changed"]),
        *([] if indexes(database) == present else ["the indexes changed"]),
    ]
    return Rerun(
        exit_code=done.returncode,
        output=(done.stderr or done.stdout).strip()[-MAX_OUTPUT:],
        records=tuple(records),
        changes=tuple(changes),
        changed_content=(
            *differences(before, snapshot(database, limit)),
            *_lost(database, logged),
        ),
    )


def _logged(database: Shop, limit: int) -> dict[str, list[Any]]:
    """Return the ids of the oldest entries of each append-only log, keyed by the collection."""
    return {
        name: [
            entry["_id"] for entry in database[name].find({}, {"_id": 1}).sort("at").limit(limit)
        ]
        for name in APPEND_ONLY
    }


def _lost(database: Shop, logged: Mapping[str, list[Any]]) -> list[str]:
    """Return a sentence about each append-only log that has lost entries."""
    left = {
        name: database[name].count_documents({"_id": {"$in": ids}}) for name, ids in logged.items()
    }
    return [
        f"{name}: {len(ids) - left[name]} of {len(ids)} entries are gone"
        for name, ids in logged.items()
        if left[name] < len(ids)
    ]


def _records(database: Shop) -> list[dict[str, Any]]:
    return list(database.migrations.find().sort("version", 1))


def _content(database: Shop, collection: str, limit: int) -> Content:
    count, checksum = 0, 0
    for document in database[collection].find().sort("_id", 1).limit(limit):
        if is_own(document):
            continue
        count += 1
        checksum = (checksum + _digest(document)) & MASK
    return Content(count, checksum)


def is_own(document: Mapping[str, Any]) -> bool:
    """Return whether a document belongs to a test run."""
    return any(OWN_ID.match(str(document.get(name, ""))) for name in OWNERS)


def _digest(document: Mapping[str, Any]) -> int:
    ordered = dict(sorted(document.items()))
    return int.from_bytes(hashlib.sha256(encode(ordered)).digest())


def differences(before: Mapping[str, Content], after: Mapping[str, Content]) -> list[str]:
    """List the changes between two snapshots, one sentence for each changed collection."""
    nothing = Content(0, 0)
    changes = []
    for collection in sorted({*before, *after}):
        earlier, later = before.get(collection, nothing), after.get(collection, nothing)
        if earlier.count != later.count:
            changes.append(f"{collection}: {earlier.count} documents before, {later.count} after")
        elif earlier != later:
            changes.append(f"{collection}: {later.count} documents, some with changed content")
    return changes
