"""Takes a backup with pymongo: documents are copied byte by byte, as the server sends them.

The documents are read in the order of their ids, so a document that the store writes during the
backup appears at most once. Each document is complete, but two documents may be copied at different
moments.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pymongo

from suites.backup import BackupError, manifest
from suites.backup.bson_files import FileDigest, digest_of, write_documents
from suites.backup.layout import (
    CollectionLayout,
    Shop,
    file_stem,
    layouts_of,
    raw_collection,
    schema_version_of,
)
from suites.backup.manifest import Backup, Manifest, StoredCollection, StoredFile

BATCH_DOCUMENTS = 1000
UNFINISHED = ".unfinished-"
MAX_UNFINISHED_SECONDS = 86_400
TOOL = f"pymongo {pymongo.version}"


def take(database: Shop, folder: Path, say: Callable[[str], None], *, compress: bool) -> Backup:
    """Copy a database into a new folder, which gets its final name when the backup is complete.

    Args:
        database: the database; the copy only reads from the database.
        folder: the folder of backups. The folder must exist: a missing folder is often a disk that
            is not mounted.
        say: a function that receives one line of text for each copied collection.
        compress: whether the files are compressed with gzip.

    Returns:
        The complete backup.

    Raises:
        BackupError: the folder cannot be used, or the database has a view or a collection of time
            series, which only mongodump can copy.
        pymongo.errors.PyMongoError: the database does not answer.
    """
    began, taken_at = time.monotonic(), datetime.now(UTC)
    with new_folder(folder, database.name, taken_at) as unfinished:
        data = unfinished / database.name
        data.mkdir()
        suffix = ".gz" if compress else ""
        collections = []
        for layout in layouts_of(database):
            started = time.monotonic()
            collections.append(_copied(database, layout, data, suffix))
            say(collection_line(collections[-1], time.monotonic() - started))
        content = Manifest(
            database=database.name,
            schema_version=schema_version_of(database),
            taken_at=taken_at,
            seconds=round(time.monotonic() - began, 3),
            tool=TOOL,
            collections=tuple(collections),
        )
        return publish(unfinished, content)


@contextmanager
def new_folder(folder: Path, database: str, taken_at: datetime) -> Iterator[Path]:
    """Make a hidden folder for a new backup; delete the folder at the end if the backup failed.

    If the process is killed, the new folder stays. A later backup deletes the folder when the
    folder is a day old.

    Args:
        folder: the folder of backups.
        database: the name of the database.
        taken_at: the time at which the backup began, UTC.

    Yields:
        The new folder; its name shows that the backup is not finished.

    Raises:
        BackupError: the folder of backups does not exist, or cannot be written to.
    """
    name = f"{database}-{taken_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    unfinished = folder / f"{UNFINISHED}{name}"
    _delete_left(folder)
    try:
        unfinished.mkdir(mode=0o700)
    except OSError as error:
        raise BackupError(
            f"{folder}: no backup can be written: {error.strerror}; create the folder, or mount it"
        ) from error
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _delete_left(folder: Path) -> None:
    """Delete the folders of unfinished backups that are older than a day."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > MAX_UNFINISHED_SECONDS:
                shutil.rmtree(left)


def publish(unfinished: Path, content: Manifest) -> Backup:
    """Write the manifest into the folder of a backup, and give the folder its final name.

    Args:
        unfinished: the folder of the unfinished backup.
        content: the contents of the backup, for the manifest.

    Returns:
        The complete backup.

    Raises:
        BackupError: the manifest that was written cannot be read.
        OSError: the manifest cannot be written.
    """
    manifest.write(unfinished, content)
    manifest.read(unfinished)
    finished = unfinished.with_name(unfinished.name.removeprefix(UNFINISHED))
    unfinished.rename(finished)
    descriptor = os.open(finished.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Backup(finished, content)


def collection_line(stored: StoredCollection, seconds: float) -> str:
    """Return a line about a copied collection: number of documents, size and duration.

    Args:
        stored: the collection in the backup.
        seconds: the time since the copying began, in seconds.
    """
    size = f"{stored.data.size / 1000:,.1f} kB"
    return f"{stored.name}: {stored.documents:,} documents, {size}, {seconds:.2f} s"


def _copied(database: Shop, layout: CollectionLayout, data: Path, suffix: str) -> StoredCollection:
    """Copy one collection: its documents, options and indexes."""
    stem = file_stem(layout.name)
    data_file, metadata_file = f"{stem}.bson{suffix}", f"{stem}.metadata.json"
    documents, digest = write_documents(data / data_file, _batches(database, layout.name))
    manifest.write_in_one_step(data / metadata_file, layout.metadata())
    return StoredCollection(
        name=layout.name,
        data=_stored(data, data_file, digest),
        metadata=_stored(data, metadata_file, digest_of(data / metadata_file)),
        documents=documents,
        options=layout.options,
        indexes=layout.indexes,
    )


def _batches(database: Shop, name: str) -> Iterator[bytes]:
    collection = raw_collection(database, name)
    yield from collection.find_raw_batches({}, sort=[("_id", 1)], batch_size=BATCH_DOCUMENTS)


def _stored(data: Path, name: str, digest: FileDigest) -> StoredFile:
    return StoredFile(f"{data.name}/{name}", digest.size, digest.sha256)
