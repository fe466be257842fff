"""The ledger: every decision, appended, chained by hash, on disk before it is given."""

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from gates.errors import LedgerError

FILE = "ledger.jsonl"
FIRST = "0" * 64
MOST_LINE = 4_000_000


def append(folder: Path, entry: dict[str, Any]) -> str:
    """Append an entry, chained to the one before.

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
        with (folder / FILE).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole, previous = _end(file.fileno())
            line = _line(previous, entry)
            file.write((b"" if whole else b"\n") + line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LedgerError(f"{folder / FILE}: cannot be written: {error.strerror}") from error
    return str(json.loads(line)["hash"])[:12]


def _line(previous: str, entry: dict[str, Any]) -> bytes:
    content = {"previous": previous, "entry": entry}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "hash": digest}).encode() + b"\n"


def _end(descriptor: int) -> tuple[bool, str]:
    """Whether the last line is whole, and the hash of the last whole entry."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return True, FIRST
    tail = os.pread(descriptor, MOST_LINE, max(0, size - MOST_LINE))
    whole = tail.endswith(b"\n")
    for line in reversed(tail.split(b"\n")):
        digest = _hash_of(line)
        if digest:
            return whole, digest
    raise LedgerError("the ledger holds no entry that can be read; move it away and ask again")


def _hash_of(line: bytes) -> str:
    """The hash of an entry whose content it matches; empty for anything else."""
    try:
        record = json.loads(line)
        content = {"previous": record["previous"], "entry": record["entry"]}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    except (ValueError, KeyError, TypeError):
        return ""
    return digest if record.get("hash") == digest else ""


def verify(folder: Path) -> tuple[int, list[str]]:
    """Read the whole ledger.

    Returns:
        How many entries are whole and in the chain, and a sentence for each one that is not.
    """
    path = folder / FILE
    if not path.exists():
        return 0, []
    previous, good, problems = FIRST, 0, []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line:
            continue
        digest = _hash_of(line)
        if not digest:
            problems.append(f"line {number} is cut or was changed")
        elif json.loads(line)["previous"] != previous:
            problems.append(f"line {number} does not follow the entry before it")
            previous = digest
        else:
            previous, good = digest, good + 1
    return good, problems
