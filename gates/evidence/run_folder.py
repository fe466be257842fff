"""What all runs have in common: their folder, their id, their subject, and the machine's clock."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gates.model import Boot, Build

RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\Z")
MAX_RUNS = 1000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run measures.

    Args:
        target: the target's name.
        base_url: the address that gets the requests.
        target_digest: SHA-256 of the target file.
        build: the build that the target serves; None without an answer.
        limits: SHA-256 of the policy's limits that the run uses.
    """

    target: str
    base_url: str
    target_digest: str
    build: Build | None
    limits: str


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The bytes of a record, or why they could not be read.

    Args:
        raw: the content; empty where it could not be read.
        modified: when the record was last written, UTC.
        problem: why the record could not be read; empty where it could.
    """

    raw: bytes
    modified: datetime
    problem: str


def new_run_id() -> str:
    """A run id that sorts by time."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{moment}-{time.time_ns() % 16**4:04x}"


def current_boot() -> Boot | None:
    """Now, on the clock that counts since this machine's start; None where Linux has no such clock.

    Source: clock_gettime(2), CLOCK_BOOTTIME.
    """
    try:
        machine = BOOT_ID.read_text().strip()
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return None
    return Boot(machine=machine, seconds=round(seconds, 3))


def run_folders(folder: Path, is_of_kind: Callable[[Path], bool]) -> list[Path]:
    """The folders of runs of a kind.

    Args:
        folder: the folder with one folder for each run; may be missing.
        is_of_kind: whether a folder belongs to a run of the kind.
    """
    if not folder.is_dir():
        return []
    return [entry for entry in folder.iterdir() if entry.is_dir() and is_of_kind(entry)]


def folder_problem(folder: Path) -> str:
    """Why the runs of a folder are not known; empty where there is no such problem.

    A missing folder is no problem. A link to a disk that is not mounted may hide runs, so it is a
    problem.

    Args:
        folder: the folder with one folder for each run.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError) and not folder.is_symlink()
        return "" if is_missing else f"the folder of runs cannot be read: {error.strerror}"
    return ""


def read_record(path: Path, max_bytes: int) -> RecordFile:
    """Read a record's bytes; every failure is in the result.

    Args:
        path: the record.
        max_bytes: the largest record that is accepted.
    """
    if path.exists() and not path.is_file():
        return RecordFile(b"", folder_time(path.parent), "it is not a file")
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        return RecordFile(b"", folder_time(path.parent), problem)
    if len(raw) > max_bytes:
        return RecordFile(b"", modified, f"it has more than {max_bytes:,} bytes")
    return RecordFile(raw, modified, "")


def folder_time(folder: Path) -> datetime:
    """When a folder was last written to, UTC; the epoch where that is unknown."""
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        return EPOCH
