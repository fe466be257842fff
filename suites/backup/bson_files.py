"""Reads and writes files of BSON documents in the format of mongodump, plain or compressed.

A document begins with its own length in four bytes (bsonspec.org). So documents are copied
without being decoded, and every type stays as it is. Only one batch is in memory at a time.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from suites.backup import BackupError

LENGTH_BYTES = 4
MIN_DOCUMENT_BYTES = 5
# The server's limit is 16 MiB; what it stores for itself may be 16 kB longer.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024 + 16 * 1024
BLOCK_BYTES = 1024 * 1024
GZIP_SUFFIX = ".gz"
# Most space is saved at the first levels, and a backup must not slow the store's host down.
GZIP_LEVEL = 3


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The size of a file in bytes, and its SHA-256."""

    size: int
    sha256: str


class _HashingWriter:
    """Writes to a file, and computes the SHA-256 of the bytes that were written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self._size += len(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> FileDigest:
        return FileDigest(self._size, self._hash.hexdigest())


def write_documents(path: Path, batches: Iterable[bytes]) -> tuple[int, FileDigest]:
    """Write batches of documents to a new file, and wait until the disk has all bytes.

    Args:
        path: the path of the new file; a file with the suffix ``.gz`` is compressed.
        batches: the bytes of whole documents, one document after the other.

    Returns:
        The number of documents, and the digest of the file.

    Raises:
        BackupError: a batch does not consist of whole documents.
        OSError: the file exists already, or cannot be written.
    """
    documents = 0
    with path.open("xb") as file:
        hashing = _HashingWriter(file)
        output: gzip.GzipFile | _HashingWriter = hashing
        if path.suffix == GZIP_SUFFIX:
            output = gzip.GzipFile("", "wb", GZIP_LEVEL, hashing, mtime=0)
        for batch in batches:
            documents += count_documents(batch)
            output.write(batch)
        if isinstance(output, gzip.GzipFile):
            output.close()
        file.flush()
        os.fsync(file.fileno())
    return documents, hashing.digest()


def count_documents(batch: bytes) -> int:
    """Return the number of documents in a batch.

    Args:
        batch: the bytes of whole documents, one document after the other.

    Raises:
        BackupError: the batch does not consist of whole documents.
    """
    count = position = 0
    while position < len(batch):
        position += _length_of(batch[position : position + LENGTH_BYTES], len(batch) - position)
        count += 1
    return count


def read_documents(path: Path) -> Iterator[bytes]:
    """Read a file, and yield the bytes of each document.

    Args:
        path: the path of the file; a file with the suffix ``.gz`` is compressed.

    Raises:
        BackupError: the file cannot be read, or does not consist of whole documents.
    """
    try:
        with gzip.open(path) if path.suffix == GZIP_SUFFIX else path.open("rb") as file:
            while head := file.read(LENGTH_BYTES):
                length = _length_of(head, MAX_DOCUMENT_BYTES)
                rest = file.read(length - LENGTH_BYTES)
                if len(rest) != length - LENGTH_BYTES or rest[-1] != 0:
                    raise BackupError(f"{path.name}: the file ends within a document")
                yield head + rest
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BackupError(f"{path.name}: the file cannot be read: {error}") from error


def digest_of(path: Path) -> FileDigest:
    """Return the size and the SHA-256 of a file.

    Raises:
        OSError: the file cannot be read.
    """
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            size += len(block)
            digest.update(block)
    return FileDigest(size, digest.hexdigest())


def _length_of(head: bytes, available: int) -> int:
    """Return the length that the first four bytes of a document state.

    Args:
        head: the first four bytes of the document.
        available: the number of bytes that the document can have at most.

    Raises:
        BackupError: no document can have this length.
    """
    length = int.from_bytes(head, "little", signed=True) if len(head) == LENGTH_BYTES else 0
    if not MIN_DOCUMENT_BYTES <= length <= min(available, MAX_DOCUMENT_BYTES):
        raise BackupError(
            f"the bytes are not BSON: a document of {length} bytes is not possible here"
        )
    return length
