"""The ledger: every decision and move, appended, chained by hash, on disk before it is given.

``ledger.jsonl`` holds the newest entries; when it is large it becomes ``ledger-0001.jsonl`` and so
on, and the next file goes on with the chain. What a decision rested on lies beside it, by digest.
"""

import contextlib
import errno
import fcntl
import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates.errors import LedgerError

FILE, LOCK, TORN, EVIDENCE = "ledger.jsonl", "ledger.lock", "ledger.torn", "evidence"
FIRST = "0" * 64
MOST_LINE = 4_000_000
TAIL = 65_536
MOST_FILE = 8_000_000
MOST_EVIDENCE = 2000
ID_DIGITS = 12
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
MOST_UNPACKED = 400_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its id, and what was written."""

    entry_id: str
    content: dict[str, Any]


def append(folder: Path, entry: dict[str, Any]) -> str:
    """Append an entry, chained to the one before.

    A last line that was cut (the machine went down while it was written) is moved aside to
    ``ledger.torn``, and an entry says so.

    Args:
        folder: the folder of the ledger; made if missing.
        entry: what to write; JSON.

    Returns:
        The entry's id: the first 12 digits of its hash.

    Raises:
        LedgerError: it could not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, LOCK):
            _rotate(folder)
            with (folder / FILE).open("a+b") as file:
                torn, previous = _end(file.fileno(), folder)
                if torn:
                    previous = _recover(file.fileno(), folder, torn, previous)
                line, digest = _line(previous, entry)
                _write(file.fileno(), line)
    except OSError as error:
        raise LedgerError(f"{folder / FILE}: cannot be written: {error.strerror}") from error
    return digest[:ID_DIGITS]


@contextlib.contextmanager
def locked(folder: Path, name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file of the folder.

    Raises:
        BlockingIOError: somebody else holds it, and wait is False.
    """
    with (folder / name).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _line(previous: str, entry: dict[str, Any]) -> tuple[bytes, str]:
    content = {"previous": previous, "entry": entry}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "hash": digest}).encode() + b"\n", digest


def _end(descriptor: int, folder: Path) -> tuple[bytes, str]:
    """What is behind the last newline, and the hash of the last entry."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return b"", _end_of_older(folder)
    for reach in (TAIL, MOST_LINE):
        tail = os.pread(descriptor, reach, max(0, size - reach))
        *lines, torn = tail.split(b"\n")
        for line in reversed(lines):
            digest = _hash_of(line)
            if digest:
                return torn, digest
        if size <= reach and not any(lines):
            return torn, _end_of_older(folder)
    raise LedgerError("the ledger holds no entry that can be read; move it away and ask again")


def _end_of_older(folder: Path) -> str:
    """The hash of the last entry of the newest rotated file."""
    older = _rotated(folder)
    if not older:
        return FIRST
    for line in reversed(older[-1].read_bytes().split(b"\n")):
        if digest := _hash_of(line):
            return digest
    raise LedgerError(f"{older[-1].name} holds no entry that can be read")


def _recover(descriptor: int, folder: Path, torn: bytes, previous: str) -> str:
    """Move a cut line aside and write that down; the hash of that entry."""
    with (folder / TORN).open("ab") as aside:
        aside.write(torn + b"\n")
        aside.flush()
        os.fsync(aside.fileno())
    os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
    digest_of_torn = hashlib.sha256(torn).hexdigest()
    note = {"kind": "recovered", "bytes": len(torn), "sha256": digest_of_torn}
    line, digest = _line(previous, note)
    _write(descriptor, line)
    return digest


def _write(descriptor: int, line: bytes) -> None:
    """Write a whole line and have it on disk, or nothing of it.

    Raises:
        OSError: there was no room for all of it.
    """
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as the system does
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _rotate(folder: Path) -> None:
    path = folder / FILE
    if path.exists() and path.stat().st_size > MOST_FILE:
        older = _rotated(folder)
        number = int(older[-1].stem.rpartition("-")[2]) + 1 if older else 1
        path.rename(folder / f"ledger-{number:04d}.jsonl")


def _rotated(folder: Path) -> list[Path]:
    return sorted(folder.glob("ledger-[0-9][0-9][0-9][0-9].jsonl"))


def _hash_of(line: bytes) -> str:
    """The hash of an entry whose content it matches; empty for anything else."""
    return _entry_of(line)[0]


def _entry_of(line: bytes) -> tuple[str, str, Any]:
    """The hash of an entry, the one of the entry before it, and its content.

    The hash is empty where it is not the content's; all are where the line is no entry.
    """
    try:
        record = json.loads(line)
        content = {"previous": record["previous"], "entry": record["entry"]}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        whole = digest if record["hash"] == digest else ""
        return whole, str(record["previous"]), record["entry"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", "", None


def _lines(folder: Path) -> Iterator[tuple[str, bytes, bool]]:
    """Where each line stands, the line, and whether it is behind the last newline."""
    for path in (*_rotated(folder), folder / FILE):
        if not path.exists():
            continue
        *lines, torn = path.read_bytes().split(b"\n")
        prefix = "" if path.name == FILE else f"{path.name} "
        for number, line in enumerate(lines, start=1):
            yield f"{prefix}line {number}", line, False
        if torn:
            yield f"{prefix}line {len(lines) + 1}", torn, True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ledger holds.

    Args:
        entries: every whole entry, oldest first; those behind a damaged line too.
        linked: how many of them follow the entry before them.
        problems: a sentence for each line that is damaged or does not follow.
    """

    entries: tuple[Entry, ...]
    linked: int
    problems: tuple[str, ...]


def read(folder: Path) -> Reading:
    """Read the whole ledger; a ledger that cannot be opened has no entries and says so."""
    previous, linked = FIRST, 0
    found: list[Entry] = []
    problems: list[str] = []
    try:
        for where, line, torn in _lines(folder):
            digest, before, content = _entry_of(line)
            if torn:
                problems.append(f"{where} is cut; the next entry will move it to {TORN}")
                continue
            if not digest:
                problems.append(
                    f"{where} was changed" if before else f"{where} is not a ledger entry"
                )
                continue
            if before != previous:
                problems.append(f"{where} does not follow the entry before it")
            else:
                linked += 1
            previous = digest
            if isinstance(content, dict):
                found.append(Entry(digest[:ID_DIGITS], content))
    except OSError as error:
        problems.append(f"it cannot be read: {error.strerror}")
    return Reading(tuple(found), linked, tuple(problems))


def verify(folder: Path) -> tuple[int, list[str]]:
    """Read the whole ledger.

    Returns:
        How many entries are whole and in the chain, and a sentence for each line that is not.
    """
    reading = read(folder)
    return reading.linked, list(reading.problems)


def entries(folder: Path) -> list[Entry]:
    """Every whole entry, oldest first; those behind a damaged line too."""
    return list(read(folder).entries)


def keep(folder: Path, evidence: bytes) -> str:
    """Keep what a decision rests on; its SHA-256.

    Raises:
        LedgerError: it could not be written.
    """
    digest = hashlib.sha256(evidence).hexdigest()
    place = folder / EVIDENCE
    path = place / f"{digest}.json.gz"
    if path.exists():
        return digest
    try:
        place.mkdir(parents=True, exist_ok=True)
        part = place / f".{digest}.{os.getpid()}"
        part.write_bytes(gzip.compress(evidence, compresslevel=1, mtime=0))
        part.rename(path)
        _forget_old(place)
    except OSError as error:
        raise LedgerError(f"{path}: cannot be written: {error.strerror}") from error
    return digest


def _forget_old(place: Path) -> None:
    """Keep so many pieces of evidence; of older decisions only their findings are left."""
    kept = list(place.glob("*.json.gz"))
    if len(kept) <= MOST_EVIDENCE:
        return
    kept.sort(key=lambda path: path.stat().st_mtime)
    for path in kept[: len(kept) - MOST_EVIDENCE]:
        path.unlink(missing_ok=True)


def kept(folder: Path, digest: str) -> bytes:
    """The evidence with this digest.

    Raises:
        LedgerError: it is not there, or is not what its digest says.
    """
    if not DIGEST.match(digest):
        raise LedgerError(f"{digest[:80]!r} is no digest of evidence")
    path = folder / EVIDENCE / f"{digest}.json.gz"
    try:
        with gzip.open(path) as file:
            raw = file.read(MOST_UNPACKED + 1)
    except (OSError, EOFError) as error:
        raise LedgerError(f"{path}: cannot be read: {error}") from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise LedgerError(f"{path}: was changed; it is not the evidence of this decision")
    return raw
