"""Compares the files of a backup with the manifest, so that every changed byte is found."""

import os
import stat
from pathlib import Path

from suites.backup import BackupError, manifest
from suites.backup.bson_files import digest_of, read_documents
from suites.backup.layout import file_stem
from suites.backup.manifest import Backup, StoredCollection, StoredFile

OWN_FILES = {manifest.MANIFEST, manifest.DIGEST}


def problems_of(folder: Path, database: str) -> list[str]:
    """List the reasons why a backup must not be restored.

    Args:
        folder: the folder of the backup.
        database: the name of the database of which the folder must be a backup.

    Returns:
        One sentence for each reason; an empty list for an undamaged backup.
    """
    try:
        backup = manifest.read(folder)
    except BackupError as error:
        return [str(error)]
    content = backup.manifest
    if content.database != database:
        return [f"{folder.name} is a backup of {content.database}, expected {database}"]
    return [
        *_wrong_names(content),
        *_wrong_files(backup),
        *(problem for stored in content.collections for problem in _wrong_file(backup, stored)),
    ]


def verified(folder: Path, database: str) -> Backup:
    """Verify a backup, and return it.

    Args:
        folder: the folder of the backup.
        database: the name of the database of which the folder must be a backup.

    Raises:
        BackupError: the backup must not be restored; the message has the first three reasons.
    """
    if problems := problems_of(folder, database):
        raise BackupError("; ".join(problems[:3]))
    return manifest.read(folder)


def exposure(folder: Path) -> str:
    """Return a warning if every user of the machine can read a backup, else an empty text.

    A backup contains personal data.

    Args:
        folder: the folder of the backup.
    """
    by_others = stat.S_IROTH | stat.S_IXOTH
    is_open = all(path.stat().st_mode & stat.S_IXOTH for path in folder.absolute().parents)
    mode = folder.stat().st_mode
    if not is_open or not mode & by_others:
        return ""
    readable = f"every user can read the backup, because its mode is {stat.S_IMODE(mode):o}"
    return f"{folder.name}: {readable}; run: chmod 700 {folder}"


def _wrong_names(content: manifest.Manifest) -> list[str]:
    """List files that lack the name of their collection, and collections that occur twice."""
    problems = []
    for stored in content.collections:
        stem = f"{content.database}/{file_stem(stored.name)}"
        if stored.data.path not in (f"{stem}.bson", f"{stem}.bson.gz"):
            problems.append(
                f"{stored.data.path} is not the file of {stored.name}, expected {stem}.bson"
            )
    names = [stored.name for stored in content.collections]
    return problems + [
        f"the collection {name} occurs twice in the manifest"
        for name in set(names)
        if names.count(name) > 1
    ]


def _wrong_files(backup: Backup) -> list[str]:
    """List files that the manifest does not list, and files of the manifest that are missing."""
    listed = {file.path for file in backup.manifest.files} | OWN_FILES
    present = {
        os.path.relpath(Path(parent) / name, backup.folder)
        for parent, folders, files in os.walk(backup.folder)
        for name in (*files, *(name for name in folders if (Path(parent) / name).is_symlink()))
    }
    return [
        *(f"{path} is missing" for path in sorted(listed - present)),
        *(f"{path} is not in the manifest" for path in sorted(present - listed)),
    ]


def _wrong_file(backup: Backup, stored: StoredCollection) -> list[str]:
    """Compare a collection's files with the manifest; list the first difference, if any."""
    for file in (stored.data, stored.metadata):
        if problem := _difference(backup.path_of(file), file):
            return [problem]
    try:
        count = sum(1 for _ in read_documents(backup.path_of(stored.data)))
    except BackupError as error:
        return [str(error)]
    if count != stored.documents:
        return [f"{stored.data.path} has {count} documents, expected {stored.documents}"]
    return []


def _difference(path: Path, file: StoredFile) -> str:
    """Describe how a file differs from the manifest.

    Args:
        path: the path of the file.
        file: the size and the SHA-256 in the manifest.

    Returns:
        A sentence; an empty text for the same content, or for a missing file.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return f"{file.path} is a symbolic link, or it is not a regular file"
    try:
        present = digest_of(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{file.path} cannot be read: {error.strerror}"
    if present.size != file.size:
        return f"{file.path} has {present.size:,} bytes, expected {file.size:,}"
    if present.sha256 != file.sha256:
        return f"{file.path} was changed: its SHA-256 differs from the manifest"
    return ""
