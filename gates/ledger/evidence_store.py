"""Keeps the evidence of decisions beside the ledger, each in a file named by its digest."""

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
    """Keep the evidence of a decision.

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
    """The evidence with this digest.

    Args:
        folder: the folder of the ledger.
        digest: the SHA-256 of the evidence; untrusted.

    Raises:
        LedgerError: the evidence is missing, or its content does not have this digest.
    """
    if not DIGEST.match(digest):
        raise LedgerError(f"{digest[:80]!r} is not a digest of evidence")
    path = folder / EVIDENCE / f"{digest}.json.gz"
    try:
        with gzip.open(path) as file:
            raw = file.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LedgerError(f"{path}: cannot be read: {error}") from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise LedgerError(f"{path}: the file was changed; it is not the evidence of this decision")
    return raw


def _delete_oldest(place: Path) -> None:
    """Keep the newest files; an older decision still has its findings in the ledger."""
    files = list(place.glob("*.json.gz"))
    if len(files) <= MAX_FILES:
        return
    files.sort(key=lambda path: path.stat().st_mtime)
    for path in files[: len(files) - MAX_FILES]:
        path.unlink(missing_ok=True)
