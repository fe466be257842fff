"""The file of the ledger: a chain in which each entry has the hash of the entry before.

An entry is on the disk before ``append`` returns.

``ledger.jsonl`` has the newest entries. When this file is large, it is renamed, and a new file
continues the chain. The first renamed file is ``ledger-0001.jsonl``, the second renamed file is
``ledger-0002.jsonl``.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gates.errors import LedgerError
from gates.json_fields import JsonObject, text
from gates.ledger.entry import LedgerEntry, RecoveryEntry, decode, encode

FILE, LOCK, TORN = "ledger.jsonl", "ledger.lock", "ledger.torn"
FIRST = "0" * 64
MAX_LINE_BYTES = 4_000_000
TAIL_BYTES = 65_536
MAX_FILE_BYTES = 8_000_000
ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """An entry of the ledger and the id of the entry: the first 12 digits of the entry's hash."""

    entry_id: str
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class LedgerContent:
    """The content of the ledger.

    Args:
        records: every undamaged entry, oldest first, also the entries after a damaged line.
        linked: the number of entries that have the correct hash of the entry before.
        problems: a sentence for each line that is damaged or does not follow the line before.
        before_damage: the number of records before the last problem.
    """

    records: tuple[LedgerRecord, ...]
    linked: int
    problems: tuple[str, ...]
    before_damage: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file.

    Args:
        digest: the hash of the entry; empty where the line does not have this hash.
        previous: the hash of the entry before; empty where the line is not an entry.
        record: the entry with its id; None where the line is damaged, or not a JSON object.
    """

    digest: str = ""
    previous: str = ""
    record: LedgerRecord | None = None


def append(folder: Path, entry: LedgerEntry) -> str:
    """Append an entry with the hash of the entry before.

    If the machine stopped during an earlier write, the last line of the file is incomplete. Then
    this function moves the line to ``ledger.torn``, and appends a further entry about the recovery.

    Args:
        folder: the folder of the ledger; a missing folder is created.
        entry: the entry to append.

    Returns:
        The entry's id: the first 12 digits of its hash.

    Raises:
        LedgerError: the entry could not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, LOCK):
            _rotate(folder)
            with (folder / FILE).open("a+b") as file:
                torn, previous = _end(file.fileno(), folder)
                if torn:
                    previous = _recover(file.fileno(), folder, torn, previous)
                line, digest = _line_of(previous, entry)
                _write(file.fileno(), line)
    except OSError as error:
        raise LedgerError(
            f"{folder / FILE}: cannot be written: {error.strerror}; "
            "name a folder that can be written: --out DIR"
        ) from error
    return digest[:ID_DIGITS]


@contextlib.contextmanager
def locked(folder: Path, name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a lock file while the ``with`` block runs.

    Args:
        folder: the folder of the lock file.
        name: the name of the lock file.
        wait: whether to wait until the lock is free.

    Raises:
        BlockingIOError: another process holds the lock, and ``wait`` is False.
    """
    with (folder / name).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


class LedgerReader:
    """Reads a ledger repeatedly; lines that an earlier reading parsed are not parsed again.

    Args:
        folder: the folder of the ledger.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The parsed lines of the last ``read``, by the SHA-256 of the bytes of each line.
        self._known: dict[bytes, _Line] = {}

    def read(self) -> LedgerContent:
        """Read the whole ledger, and return its entries and its problems.

        A ledger that cannot be opened has no entries, and one problem that says why.
        """
        previous, linked, before_damage = FIRST, 0, 0
        records: list[LedgerRecord] = []
        problems: list[str] = []
        known, read_now = self._known, dict[bytes, _Line]()
        try:
            for where, raw, is_torn in _lines(self._folder):
                if is_torn:
                    problems.append(
                        f"{where} is incomplete; when the gate writes the next entry, it moves "
                        f"this line to {TORN}"
                    )
                    before_damage = len(records)
                    continue
                key = hashlib.sha256(raw).digest()
                line = read_now[key] = known.get(key) or _parse(raw)
                if not line.digest:
                    damage = "was changed" if line.previous else "is not a ledger entry"
                    problems.append(f"{where} {damage}")
                    before_damage = len(records)
                    continue
                if line.previous != previous:
                    problems.append(f"{where} does not have the hash of the previous entry")
                    before_damage = len(records)
                else:
                    linked += 1
                previous = line.digest
                if line.record is not None:
                    records.append(line.record)
        except OSError as error:
            problems.append(f"the ledger cannot be read: {error.strerror}")
            before_damage = len(records)
        self._known = read_now
        return LedgerContent(tuple(records), linked, tuple(problems), before_damage)


def read(folder: Path) -> LedgerContent:
    """Read the whole ledger once; where the ledger cannot be opened, the content has a problem."""
    return LedgerReader(folder).read()


def verify(folder: Path) -> tuple[int, list[str]]:
    """Verify every line of the ledger.

    Returns:
        The number of entries that have the correct hash of the entry before, and a sentence for
        each line with a problem.
    """
    content = read(folder)
    return content.linked, list(content.problems)


def entries(folder: Path) -> list[LedgerRecord]:
    """Return every undamaged entry, oldest first, also the entries after a damaged line."""
    return list(read(folder).records)


def _line_of(previous: str, entry: LedgerEntry) -> tuple[bytes, str]:
    content = {"previous": previous, "entry": encode(entry)}
    digest = _digest_of(content)
    return json.dumps({**content, "hash": digest}).encode() + b"\n", digest


def _digest_of(content: JsonObject) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _end(descriptor: int, folder: Path) -> tuple[bytes, str]:
    """Return the bytes after the last newline, and the hash of the last readable entry."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return b"", _end_of_older(folder)
    for reach in (TAIL_BYTES, MAX_LINE_BYTES):
        tail = os.pread(descriptor, reach, max(0, size - reach))
        *lines, torn = tail.split(b"\n")
        for line in reversed(lines):
            if digest := _verified(line)[1]:
                return torn, digest
        if size <= reach and not any(lines):
            return torn, _end_of_older(folder)
    raise LedgerError(
        "the ledger has no readable entry; move the ledger to another folder, and run the command "
        "again"
    )


def _end_of_older(folder: Path) -> str:
    """Return the hash of the last entry in the newest renamed file."""
    older = _rotated(folder)
    if not older:
        return FIRST
    for line in reversed(older[-1].read_bytes().split(b"\n")):
        if digest := _verified(line)[1]:
            return digest
    raise LedgerError(
        f"{older[-1].name} has no readable entry; move the ledger to another folder, and run the "
        "command again"
    )


def _recover(descriptor: int, folder: Path, torn: bytes, previous: str) -> str:
    """Move an incomplete line to ``ledger.torn``, and append an entry that records the move.

    Returns:
        The hash of the new entry.
    """
    with (folder / TORN).open("ab") as aside:
        aside.write(torn + b"\n")
        aside.flush()
        os.fsync(aside.fileno())
    os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
    entry = RecoveryEntry(len(torn), hashlib.sha256(torn).hexdigest())
    line, digest = _line_of(previous, entry)
    _write(descriptor, line)
    return digest


def _write(descriptor: int, line: bytes) -> None:
    """Write a whole line to the disk, or no part of the line.

    Raises:
        OSError: the disk has no room for the whole line.
    """
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, line) < len(line):
            # The system raises the same error where not even the first byte fits on the disk.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - undone below
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _rotate(folder: Path) -> None:
    path = folder / FILE
    if path.exists() and path.stat().st_size > MAX_FILE_BYTES:
        older = _rotated(folder)
        number = int(older[-1].stem.rpartition("-")[2]) + 1 if older else 1
        path.rename(folder / f"ledger-{number:04d}.jsonl")


def _rotated(folder: Path) -> list[Path]:
    return sorted(folder.glob("ledger-[0-9][0-9][0-9][0-9].jsonl"))


def _parse(raw: bytes) -> _Line:
    """Parse a line of the ledger; the line is untrusted."""
    record, digest = _verified(raw)
    if not record:
        return _Line()
    previous, entry = text(record, "previous"), record["entry"]
    if not digest or not isinstance(entry, dict):
        return _Line(digest, previous)
    return _Line(digest, previous, LedgerRecord(digest[:ID_DIGITS], decode(entry)))


def _verified(raw: bytes) -> tuple[JsonObject, str]:
    """Parse a line, and verify the hash of its entry; the line is untrusted.

    Returns:
        The line as JSON; empty where the line is not an entry. The hash of the entry; empty where
        the line does not have this hash.
    """
    try:
        record = json.loads(raw)
        digest = _digest_of({"previous": record["previous"], "entry": record["entry"]})
        return record, digest if record["hash"] == digest else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, ""


def _lines(folder: Path) -> Iterator[tuple[str, bytes, bool]]:
    """Yield the name of each line (``line 3``), the line, and whether the line has no newline."""
    for path in (*_rotated(folder), folder / FILE):
        if not path.exists():
            continue
        *lines, torn = path.read_bytes().split(b"\n")
        prefix = "" if path.name == FILE else f"{path.name} "
        for number, line in enumerate(lines, start=1):
            yield f"{prefix}line {number}", line, False
        if torn:
            yield f"{prefix}line {len(lines) + 1}", torn, True
