"""Reads the collections of a database, with the options and indexes that a backup stores."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database

from suites.backup import BackupError

Shop = Database[dict[str, Any]]

PLAIN = "collection"
SYSTEM = "system."
# The index that every collection has, and that the server makes.
ID_INDEX = "_id_"
RAW = CodecOptions[RawBSONDocument](document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class CollectionLayout:
    """The options and the indexes of a collection.

    Args:
        name: the name of the collection.
        options: the options of the collection, in extended JSON.
        indexes: the specifications of the collection's indexes, in extended JSON.
    """

    name: str
    options: Mapping[str, Any]
    indexes: tuple[Mapping[str, Any], ...]

    def metadata(self) -> bytes:
        """Return the content of the file from which mongorestore reads options and indexes."""
        content = {
            "options": self.options,
            "indexes": self.indexes,
            "collectionName": self.name,
            "type": PLAIN,
        }
        return json.dumps(content).encode()


def layouts_of(database: Shop) -> list[CollectionLayout]:
    """Read the layouts of all collections of a database, sorted by name.

    Raises:
        BackupError: the database has a view or a collection of time series, which a copy of the
            documents cannot restore.
    """
    layouts = []
    for entry in sorted(database.list_collections(), key=lambda entry: str(entry["name"])):
        name, kind = str(entry["name"]), entry.get("type", PLAIN)
        if name.startswith(SYSTEM):
            continue
        if kind != PLAIN:
            raise BackupError(
                f"{name} is a {kind}: only mongodump copies it; install mongodump and mongorestore"
            )
        options = in_extended_json(entry.get("options", {}))
        layouts.append(CollectionLayout(name, options, indexes_of(database, name)))
    return layouts


def indexes_of(database: Shop, name: str) -> tuple[Mapping[str, Any], ...]:
    """Read the specifications of a collection's indexes in extended JSON, sorted by name."""
    indexes = [in_extended_json(dict(index)) for index in database[name].list_indexes()]
    for index in indexes:
        # Older servers state the namespace, which differs in a scratch database.
        index.pop("ns", None)
    return tuple(sorted(indexes, key=lambda index: str(index["name"])))


def raw_collection(database: Shop, name: str) -> Collection[RawBSONDocument]:
    """Return a collection whose documents are read and written without being decoded."""
    return database[name].with_options(codec_options=RAW)


def file_stem(name: str) -> str:
    """Return the file name of a collection without a suffix; mongodump uses the same name."""
    return quote(name, safe="$&+=:@")


def in_extended_json(content: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a document to canonical extended JSON, which keeps the types of the values."""
    text = json_util.dumps(content, json_options=json_util.CANONICAL_JSON_OPTIONS)
    document: dict[str, Any] = json.loads(text)
    return document


def from_extended_json(content: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an object of extended JSON to the document that the object represents."""
    document: dict[str, Any] = json_util.loads(
        json.dumps(content), json_options=json_util.CANONICAL_JSON_OPTIONS
    )
    return document


def schema_version_of(database: Shop) -> int:
    """Return the version of the newest migration of a database; 0 without migrations."""
    newest = database["migrations"].find_one({}, sort=[("version", -1)])
    return int(newest["version"]) if newest else 0
