"""Finds the backups of a target, and takes and restores backups of its database."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError as WrongAddressError

from gates.errors import ConfigurationError
from gates.model import Target
from suites.backup import BackupError, copier, manifest, mongo_tools, restoration, scratch
from suites.backup.layout import Shop
from suites.backup.manifest import Backup
from suites.backup.restoration import RestoreTimes
from suites.testdata.run_locks import RunLife, life

TIMEOUT_MILLISECONDS = 5000
HIDDEN = "."
OF_A_RUN = ".run-"


@dataclass(frozen=True, slots=True)
class StoredBackups:
    """The backups in a folder.

    Args:
        complete: the complete backups of one database, the newest first.
        damaged: for each folder without a complete backup, one sentence with the reason.
    """

    complete: tuple[Backup, ...]
    damaged: tuple[str, ...]


def stored_in(folder: Path, database: str) -> StoredBackups:
    """Read the manifests of all backups in a folder.

    Args:
        folder: the folder of backups. Hidden folders are unfinished backups, and are not read.
        database: the name of the database; the backups of other databases are left out.

    Raises:
        BackupError: the folder cannot be read.
    """
    complete: list[Backup] = []
    damaged: list[str] = []
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith(HIDDEN))
    except OSError as error:
        raise BackupError(f"{folder}: the folder cannot be read: {error.strerror}") from error
    for path in [path for path in paths if path.is_dir()]:
        try:
            backup = manifest.read(path)
        except BackupError as error:
            damaged.append(str(error))
            continue
        if backup.manifest.database == database:
            complete.append(backup)
    complete.sort(key=lambda backup: backup.manifest.taken_at, reverse=True)
    return StoredBackups(tuple(complete), tuple(damaged))


def newest_in(folder: Path, database: str) -> Backup:
    """Find the newest complete backup of a database; its files are not verified.

    Args:
        folder: the folder of backups.
        database: the name of the database.

    Raises:
        BackupError: the folder has no complete backup of the database, or cannot be read.
    """
    stored = stored_in(folder, database)
    if not stored.complete:
        reasons = "; ".join(stored.damaged[:3]) or "take a backup first"
        raise BackupError(f"{folder} has no complete backup of {database}: {reasons}"[:500])
    return stored.complete[0]


def folder_of(target: Target) -> Path:
    """Return the folder of backups that the target file names.

    Raises:
        ConfigurationError: the target file names no folder.
    """
    if target.backups is None:
        raise ConfigurationError(
            f"{target.name}: the target file has no [backup] folder; name the folder of backups "
            "there"
        )
    return target.backups


@contextmanager
def live_database(target: Target) -> Iterator[Shop]:
    """Connect to the target's database.

    Raises:
        ConfigurationError: the address of the database is not known.
    """
    with _server(_uri(target)) as server:
        yield server.get_default_database()


@contextmanager
def passing_folder(target: Target, run_id: str, elsewhere: Path) -> Iterator[Path]:
    """Make a folder for the backups of one run, and delete the folder at the end.

    The folder is hidden, so that its backups do not count as backups of the target. Folders of
    killed runs are deleted.

    Args:
        target: the target; the new folder is made in the target's folder of backups.
        run_id: the id of the present run.
        elsewhere: the parent of the new folder, if the target has no folder of backups.

    Raises:
        BackupError: the target's folder of backups cannot be written to.
    """
    parent = target.backups or elsewhere
    for left in parent.glob(f"{OF_A_RUN}*"):
        if life(left.name.removeprefix(OF_A_RUN).rpartition("_")[0]) is RunLife.ENDED:
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{OF_A_RUN}{run_id}_{os.getpid()}"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BackupError(
            f"{parent}: no backup can be written: {error.strerror}; create the folder, or mount it"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take(
    target: Target, folder: Path, say: Callable[[str], None], *, compress: bool = False
) -> Backup:
    """Take a backup of the target's database with mongodump if installed, else with pymongo.

    Args:
        target: the target; its database is only read.
        folder: the folder of backups, which must exist.
        say: a function that receives lines of progress.
        compress: whether the files are compressed with gzip.

    Returns:
        The complete backup.

    Raises:
        BackupError: no backup could be taken.
        ConfigurationError: the address of the database is not known.
        pymongo.errors.PyMongoError: the database does not answer.
    """
    with live_database(target) as database:
        if mongo_tools.are_installed():
            return mongo_tools.take(database, _uri(target), folder, say, compress=compress)
        return copier.take(database, folder, say, compress=compress)


@contextmanager
def restored(target: Target, backup: Backup, run_id: str) -> Iterator[tuple[Shop, RestoreTimes]]:
    """Restore a backup into a scratch database, and drop the database at the end.

    Args:
        target: the target, whose file names the server for scratch databases.
        backup: a verified backup.
        run_id: the id of the present run.

    Yields:
        The scratch database, and the durations of the restore.

    Raises:
        BackupError: the backup could not be restored, or a production target names no server for
            scratch databases.
        ConfigurationError: the address of the database is not known.
        pymongo.errors.PyMongoError: the server does not answer, or refuses a document.
    """
    uri = _scratch_uri(target)
    with live_database(target) as live, _server(uri) as server:
        scratch.drop_ended(server, live.name)
        with scratch.scratch_database(server, live.name, run_id) as database:
            if mongo_tools.are_installed():
                times = mongo_tools.restore(backup, database, uri, live.name)
            else:
                times = restoration.restore(backup, database, live.name)
            yield database, times


@contextmanager
def scratch_server(target: Target) -> Iterator[scratch.Server]:
    """Connect to the server for scratch databases.

    The address is ``restore_uri`` of the target file, or else the address of the target's database.

    Raises:
        BackupError: a production target has no ``restore_uri``; customers use the server of its
            database.
    """
    with _server(_scratch_uri(target)) as server:
        yield server


def _uri(target: Target) -> str:
    if "database_uri" not in target.secrets:
        raise ConfigurationError(
            f"no database_uri for {target.name}: set the variable that its target file names"
        )
    return target.secrets["database_uri"]


def _scratch_uri(target: Target) -> str:
    if "restore_uri" in target.secrets:
        return target.secrets["restore_uri"]
    if target.production:
        raise BackupError(
            f"{target.name} is a production target: name another server for scratch databases, "
            "as restore_uri in [secrets] of the target file"
        )
    return _uri(target)


@contextmanager
def _server(uri: str) -> Iterator[scratch.Server]:
    try:
        server = MongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=TIMEOUT_MILLISECONDS, tz_aware=True
        )
    except (ValueError, WrongAddressError) as error:
        # The text of the error may have a part of the address, and so of the password.
        raise BackupError(
            "database_uri or restore_uri of the target file is not the address of a "
            "database "
            f"({type(error).__name__})"
        ) from None
    with server:
        yield server
