"""Reads and writes the manifest of a backup: its time, its collections, and the SHA-256 of files.

``manifest.json`` is written last, so a backup without this file is not complete. A second file in
the format of ``sha256sum`` has the digest of the manifest itself. So every changed byte is noticed.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson.errors import BSONError

from gates.sources import json_values
from suites.backup import BackupError
from suites.backup.layout import from_extended_json

FORMAT = 1
MANIFEST, DIGEST = "manifest.json", "manifest.json.sha256"
MAX_BYTES = 16 * 1024 * 1024
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
# A folder of data and a name in it; neither leads out of the backup.
FILE_NAME = re.compile(r"[^/\x00]{1,200}/[^/\x00]{1,250}\Z")
JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a backup: its path in the backup, its size in bytes, and its SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection of a backup.

    Args:
        name: the name of the collection in the database.
        data: the file with the documents of the collection.
        metadata: the file with the options and the indexes, for mongorestore.
        documents: the number of documents in the file.
        options: the options of the collection, in extended JSON.
        indexes: the specifications of the collection's indexes, in extended JSON.
    """

    name: str
    data: StoredFile
    metadata: StoredFile
    documents: int
    options: JsonObject
    indexes: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a backup.

    Args:
        database: the name of the database.
        schema_version: the version of the newest migration of the database; 0 without migrations.
        taken_at: the time at which the backup began, UTC.
        seconds: the duration of the backup, in seconds.
        tool: the program that took the backup, with its version.
        collections: the collections of the database, sorted by name.
    """

    database: str
    schema_version: int
    taken_at: datetime
    seconds: float
    tool: str
    collections: tuple[StoredCollection, ...]

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """The files of all collections."""
        return tuple(file for stored in self.collections for file in (stored.data, stored.metadata))

    @property
    def documents(self) -> int:
        """The number of documents in all collections."""
        return sum(stored.documents for stored in self.collections)

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup: its folder, and its manifest."""

    folder: Path
    manifest: Manifest

    def path_of(self, file: StoredFile) -> Path:
        """Return the path of a file of the backup."""
        return self.folder / file.path


def write(folder: Path, manifest: Manifest) -> None:
    """Write a manifest, and a file with its digest; no reader sees an unfinished file.

    Args:
        folder: the folder of the backup.
        manifest: the contents of the backup.

    Raises:
        OSError: a file cannot be written.
    """
    content = {"format": FORMAT, **asdict(manifest), "taken_at": manifest.taken_at.isoformat()}
    raw = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(
        errors="backslashreplace"
    )
    write_in_one_step(folder / DIGEST, _digest_line(raw))
    write_in_one_step(folder / MANIFEST, raw)


def write_in_one_step(path: Path, raw: bytes) -> None:
    """Write a file so that a reader gets the whole old content or the whole new content.

    Args:
        path: the path of the file.
        raw: the new content.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(folder: Path) -> Backup:
    """Read the manifest of a backup, but not the files with the documents.

    Args:
        folder: the folder of the backup.

    Raises:
        BackupError: the backup is not complete, or a byte of the manifest was changed.
    """
    raw, line = _content(folder / MANIFEST), _content(folder / DIGEST)
    if line != _digest_line(raw):
        raise BackupError(
            f"{folder.name}: {MANIFEST} was changed: its SHA-256 is not the digest in {DIGEST}"
        )
    try:
        return Backup(folder, _manifest(json.loads(raw)))
    except (*json_values.MALFORMED, BSONError) as error:
        problem = f"{type(error).__name__}: {error}"[:200]
        raise BackupError(
            f"{folder.name}: {MANIFEST} is not a manifest of a backup: {problem}"
        ) from error


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise BackupError(f"{path.parent.name}: {path.name} is not a file")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BackupError(
            f"{path.parent.name}: the backup is not complete: {path.name} is missing"
        ) from None
    except OSError as error:
        raise BackupError(
            f"{path.parent.name}: {path.name} cannot be read: {error.strerror}"
        ) from error
    if len(raw) > MAX_BYTES:
        raise BackupError(f"{path.parent.name}: {path.name} has over {MAX_BYTES:,} bytes")
    return raw


def _digest_line(raw: bytes) -> bytes:
    """Return the line that ``sha256sum`` writes for the manifest."""
    return f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()


def _manifest(content: dict[str, Any]) -> Manifest:
    if content.pop("format") != FORMAT:
        raise ValueError(f"the format of the manifest is not format {FORMAT}")
    collections = tuple(_collection(stored) for stored in content.pop("collections"))
    taken_at = datetime.fromisoformat(content.pop("taken_at"))
    manifest = Manifest(**content, taken_at=taken_at.astimezone(UTC), collections=collections)
    if not isinstance(manifest.database, str) or not isinstance(manifest.schema_version, int):
        raise TypeError("the manifest lacks the name or the schema version of the database")
    json_values.number(manifest.seconds, 0)
    json_values.text(manifest.tool)
    return manifest


def _collection(content: dict[str, Any]) -> StoredCollection:
    data, metadata = _file(content.pop("data")), _file(content.pop("metadata"))
    indexes = tuple(content.pop("indexes"))
    stored = StoredCollection(**content, data=data, metadata=metadata, indexes=indexes)
    if not isinstance(stored.name, str) or not isinstance(stored.documents, int):
        raise TypeError("the manifest lacks the name or the number of documents of a collection")
    if any(not isinstance(index["name"], str) for index in indexes):
        raise TypeError(f"the manifest lacks the name of an index of {stored.name}")
    for specification in (stored.options, *indexes):
        from_extended_json(json_values.object_of(specification))
    return stored


def _file(content: dict[str, Any]) -> StoredFile:
    file = StoredFile(**content)
    parts = file.path.split("/")
    if not FILE_NAME.match(file.path) or ".." in parts or "." in parts:
        raise ValueError(f"the path {file.path[:80]!r} leads out of the backup")
    if not SHA256.match(file.sha256) or not isinstance(file.size, int):
        raise ValueError(f"the manifest lacks the SHA-256 or the size of {file.path}")
    return file
