"""Stores the evidence of each decision beside the ledger, in a file named after its SHA-256."""

import gzip
import hashlib
import os
import re
import zlib
from pathlib import Path

from gates.errors import LedgerError

EVIDENCE = "evidence"
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
MAX_FILES = 2000
MAX_UNPACKED_BYTES = 400_000_000


def store_evidence(folder: Path, evidence: bytes) -> str:
    """Store the evidence of a decision in the folder of the ledger.

    Args:
        folder: the folder of the ledger.
        evidence: the evidence of the decision, as JSON.

    Returns:
        The SHA-256 of the evidence.

    Raises:
        LedgerError: the evidence could not be written.
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
        _delete_oldest(place)
    except OSError as error:
        raise LedgerError(
            f"{path}: cannot be written: {error.strerror}; "
            "name a folder that can be written: --out DIR"
        ) from error
    return digest


def load_evidence(folder: Path, digest: str) -> bytes:
    """Load the stored evidence that has a given SHA-256.

    Args:
        folder: the folder of the ledger.
        digest: the SHA-256 of the evidence; untrusted.

    Raises:
        LedgerError: the evidence is missing, or its content has another SHA-256.
    """
    if not DIGEST.match(digest):
        raise LedgerError(
            f"{digest[:80]!r} is not a SHA-256 of evidence: expected 64 hexadecimal digits"
        )
    path = folder / EVIDENCE / f"{digest}.json.gz"
    try:
        with gzip.open(path) as file:
            raw = file.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LedgerError(f"{path}: cannot be read: {error}") from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise LedgerError(
            f"{path}: the file was changed, and is no longer the evidence of this decision"
        )
    return raw


def _delete_oldest(place: Path) -> None:
    """Delete the oldest files of evidence; the ledger still has the findings of the decisions."""
    files = list(place.glob("*.json.gz"))
    if len(files) <= MAX_FILES:
        return
    files.sort(key=lambda path: path.stat().st_mtime)
    for path in files[: len(files) - MAX_FILES]:
        path.unlink(missing_ok=True)
