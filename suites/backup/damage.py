"""Probe: damaged copies of a backup, and how each copy is refused."""

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
    """A damage, and why a copy with it must not be restored; empty where nothing was found."""

    damage: str
    problem: str


@dataclass(frozen=True, slots=True)
class HalfRestore:
    """How restoring a copy with half a file ended.

    Args:
        error: the error; empty where the copy was restored.
        left: the scratch databases that are there afterwards.
    """

    error: str
    left: tuple[str, ...]


def refusals(backup: Backup, folder: Path) -> list[Refusal]:
    """Damage copies of a backup in several ways, and compare each with its manifest.

    Args:
        backup: a whole backup.
        folder: where the copies are made.
    """
    rows = []
    for damage, path, act in _damages(backup):
        with _copy_of(backup, folder, path) as copy:
            act(copy.folder / path)
            problems = verification.problems_of(copy.folder, copy.manifest.database)
        rows.append(Refusal(damage, "; ".join(problems)))
    return rows


def half_restored(target: Target, backup: Backup, folder: Path, run_id: str) -> HalfRestore:
    """Restore a copy with half a file, as if nobody had compared it with its manifest.

    Args:
        target: the target.
        backup: a whole backup.
        folder: where the copy is made.
        run_id: the run.
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
    """A copy whose files are links, except for the one file that will be changed."""
    copy = folder / "damaged"
    shutil.copytree(backup.folder, copy, copy_function=os.link)
    try:
        (copy / changing).unlink()
        shutil.copyfile(backup.folder / changing, copy / changing)
        yield Backup(copy, backup.manifest)
    finally:
        shutil.rmtree(copy)


def _own_scratches(target: Target, run_id: str) -> set[str]:
    """The scratch databases of this process."""
    with target_backups.scratch_server(target) as server:
        names = server.list_database_names()
    return {name for name in names if name.startswith(own_prefix(run_id))}


def _largest(backup: Backup) -> StoredFile:
    """The largest file of documents."""
    files = [stored.data for stored in backup.manifest.collections]
    return max(files, key=lambda file: file.size)


def _damages(backup: Backup) -> Iterator[tuple[str, str, Callable[[Path], object]]]:
    """The largest file of documents and the manifest: cut, changed, and missing.

    Yields:
        The damage, the path of the file in the backup, and the function that damages it.
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
