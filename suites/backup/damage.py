"""Makes damaged copies of a backup, and records why the verification refuses each copy."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pymongo.errors import PyMongoError

from gates.model import Target
from suites.backup import BackupError, target_backups, verification
from suites.backup.manifest import MANIFEST, Backup, StoredFile
from suites.backup.scratch import own_prefix


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why the verification refuses a damaged copy of a backup.

    Args:
        damage: what was done to the copy.
        problem: the reason for the refusal; empty if the verification found no problem.
    """

    damage: str
    problem: str


@dataclass(frozen=True, slots=True)
class HalfRestore:
    """The result of restoring a copy of a backup in which one file was cut to half its size.

    Args:
        error: the error that ended the restore; empty if no error occurred.
        left: the names of the scratch databases that the restore left behind.
    """

    error: str
    left: tuple[str, ...]


def refusals(backup: Backup, folder: Path) -> list[Refusal]:
    """Damage copies of a backup in several ways; return why the verification refuses each copy.

    Args:
        backup: an undamaged backup.
        folder: the folder in which the copies are made, and deleted again.

    Returns:
        One row for each damage.
    """
    rows = []
    for damage, path, act in _damages(backup):
        with _copy_of(backup, folder, path) as copy:
            act(copy.folder / path)
            problems = verification.problems_of(copy.folder, copy.manifest.database)
        rows.append(Refusal(damage, "; ".join(problems)))
    return rows


def half_restored(target: Target, backup: Backup, folder: Path, run_id: str) -> HalfRestore:
    """Without verification, restore a copy of a backup with one file cut to half its size.

    Args:
        target: the target whose server gets the scratch database.
        backup: an undamaged backup.
        folder: the folder in which the copy is made, and deleted again.
        run_id: the id of the present run.
    """
    before, error = _own_scratches(target, run_id), ""
    path = _largest(backup).path
    with _copy_of(backup, folder, path) as copy:
        _cut(_largest(backup).size // 2, copy.folder / path)
        try:
            with target_backups.restored(target, copy, run_id):
                pass
        except (BackupError, PyMongoError) as refusal:
            error = str(refusal)
    return HalfRestore(error, tuple(sorted(_own_scratches(target, run_id) - before)))


@contextmanager
def _copy_of(backup: Backup, folder: Path, changing: str) -> Iterator[Backup]:
    """Copy a backup with hard links; only the file that will be changed gets its own bytes."""
    copy = folder / "damaged"
    shutil.copytree(backup.folder, copy, copy_function=os.link)
    try:
        (copy / changing).unlink()
        shutil.copyfile(backup.folder / changing, copy / changing)
        yield Backup(copy, backup.manifest)
    finally:
        shutil.rmtree(copy)


def _own_scratches(target: Target, run_id: str) -> set[str]:
    """Return the names of the scratch databases that this process made."""
    with target_backups.scratch_server(target) as server:
        names = server.list_database_names()
    return {name for name in names if name.startswith(own_prefix(run_id))}


def _largest(backup: Backup) -> StoredFile:
    """Return the largest file of documents in a backup."""
    files = [stored.data for stored in backup.manifest.collections]
    return max(files, key=lambda file: file.size)


def _damages(backup: Backup) -> Iterator[tuple[str, str, Callable[[Path], object]]]:
    """Cut, change or delete the largest file of documents, and then the manifest.

    Yields:
        The damage in words, the path of the file in the backup, and the function that damages the
        file.
    """
    for path in (_largest(backup).path, MANIFEST):
        size = (backup.folder / path).stat().st_size
        for part, length in (("half", size // 2), ("all but a byte", size - 1), ("nothing", 0)):
            yield f"{part} of {path}", path, partial(_cut, length)
        for position in (0, size // 2, size - 1):
            yield f"byte {position} of {path} changed", path, partial(_flip, position)
        yield f"no {path}", path, Path.unlink


def _cut(length: int, path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def _flip(position: int, path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1]))
