"""Takes and restores backups with mongodump and mongorestore, if both tools are installed.

The files have the names and the format of the files that ``copier`` writes. So every backup is
verified, restored and compared in the same way. The tools read the address of the server from a
file that only its owner can read: a command line would show a password to everybody on the machine.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from suites.backup import BackupError
from suites.backup.bson_files import digest_of, read_documents
from suites.backup.copier import collection_line, new_folder, publish
from suites.backup.layout import (
    CollectionLayout,
    Shop,
    file_stem,
    layouts_of,
    schema_version_of,
)
from suites.backup.manifest import Backup, Manifest, StoredCollection, StoredFile
from suites.backup.restoration import RestoreTimes, create_indexes
from suites.backup.scratch import refuse_other

MAX_SECONDS = 3600
DUMP, RESTORE = "mongodump", "mongorestore"
MAX_MESSAGE = 300


def are_installed() -> bool:
    """Return whether both mongodump and mongorestore are on PATH."""
    return all(shutil.which(program) for program in (DUMP, RESTORE))


def take(
    database: Shop, uri: str, folder: Path, say: Callable[[str], None], *, compress: bool
) -> Backup:
    """Let mongodump write a backup into a new folder, and add the manifest.

    Args:
        database: the database, from which the indexes and the schema version are read.
        uri: the address of the database; the address may contain a password.
        folder: the folder of backups, which must exist.
        say: a function that receives one line of text for each collection.
        compress: whether the documents are compressed with gzip.

    Returns:
        The complete backup.

    Raises:
        BackupError: the folder cannot be used, or mongodump failed.
        pymongo.errors.PyMongoError: the database does not answer.
    """
    began, taken_at = time.monotonic(), datetime.now(UTC)
    with new_folder(folder, database.name, taken_at) as unfinished:
        layouts = layouts_of(database)
        options = [f"--out={unfinished}", f"--db={database.name}", *(["--gzip"] * compress)]
        version = _run(DUMP, uri, options)
        collections = [_stored(unfinished, database.name, layout) for layout in layouts]
        for stored in collections:
            say(collection_line(stored, time.monotonic() - began))
        _delete_unlisted(unfinished, collections)
        content = Manifest(
            database=database.name,
            schema_version=schema_version_of(database),
            taken_at=taken_at,
            seconds=round(time.monotonic() - began, 3),
            tool=version,
            collections=tuple(collections),
        )
        return publish(unfinished, content)


def restore(backup: Backup, scratch: Shop, uri: str, live: str) -> RestoreTimes:
    """Let mongorestore write the documents of a backup into a scratch database.

    The indexes are created afterwards, from the manifest.

    Args:
        backup: a verified backup.
        scratch: the scratch database.
        uri: the address of the server of the scratch database; the address may contain a password.
        live: the name of the store's database, which must not be written to.

    Returns:
        The durations of the restore.

    Raises:
        BackupError: the database is not a scratch database, or mongorestore failed.
        pymongo.errors.PyMongoError: the server refuses an index.
    """
    refuse_other(scratch.name, live)
    began = time.monotonic()
    source = backup.manifest.database
    options = [
        f"--dir={backup.folder}",
        f"--nsInclude={source}.*",
        f"--nsFrom={source}.*",
        f"--nsTo={scratch.name}.*",
        "--noIndexRestore",
        *(["--gzip"] * any(file.path.endswith(".gz") for file in backup.manifest.files)),
    ]
    _run(RESTORE, uri, options)
    documents_end = time.monotonic()
    for stored in backup.manifest.collections:
        create_indexes(scratch, stored)
    return RestoreTimes(documents_end - began, time.monotonic() - documents_end)


def _stored(unfinished: Path, database: str, layout: CollectionLayout) -> StoredCollection:
    """Describe the files that mongodump wrote for a collection.

    Args:
        unfinished: the folder of the unfinished backup.
        database: the name of the database.
        layout: the collection, with the options and indexes that the server states.

    Raises:
        BackupError: mongodump wrote no file for the collection.
    """
    stem = f"{database}/{file_stem(layout.name)}"
    files = {}
    for part, name in (("data", f"{stem}.bson"), ("metadata", f"{stem}.metadata.json")):
        path = next((name + end for end in ("", ".gz") if (unfinished / (name + end)).exists()), "")
        if not path:
            raise BackupError(f"{DUMP} wrote no {name}, so the backup is not complete")
        digest = digest_of(unfinished / path)
        files[part] = StoredFile(path, digest.size, digest.sha256)
    documents = sum(1 for _ in read_documents(unfinished / files["data"].path))
    return StoredCollection(
        layout.name, **files, documents=documents, options=layout.options, indexes=layout.indexes
    )


def _delete_unlisted(unfinished: Path, collections: Sequence[StoredCollection]) -> None:
    """Delete the files that are not in the manifest, such as those of new collections."""
    listed = {file.path for stored in collections for file in (stored.data, stored.metadata)}
    for path in [path for path in unfinished.rglob("*") if path.is_file()]:
        if path.relative_to(unfinished).as_posix() not in listed:
            path.unlink()


def _run(program: str, uri: str, options: Sequence[str]) -> str:
    """Run mongodump or mongorestore.

    Args:
        program: the name of the tool.
        uri: the address of the server; the address may contain a password.
        options: the options of the tool.

    Returns:
        The name of the tool with its version.

    Raises:
        BackupError: the tool failed; the message does not show the address of the server.
    """
    try:
        with _configuration(uri) as configuration:
            command = [program, f"--config={configuration}", *options]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False
            )
            shown = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=60, check=False
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackupError(f"{program} could not be run: {type(error).__name__}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        message = last.replace(uri, "***")[:MAX_MESSAGE]
        raise BackupError(f"{program} ended with exit code {done.returncode}: {message}")
    version = (shown.stdout.splitlines() or [program])[0]
    return version.replace(" version:", "")[:80]


@contextmanager
def _configuration(uri: str) -> Iterator[Path]:
    """Make a file with the address of the server; only the owner can read the file."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="kirana-") as file:
        # A text of JSON is a text of YAML.
        file.write(f"uri: {json.dumps(uri)}\n")
        file.flush()
        yield Path(file.name)
