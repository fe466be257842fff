"""The parts that suite runs and load runs share: folder, run id, subject, and boot clock."""

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
    """The target that a run measures, and the limits of the policy that the run uses.

    Args:
        target: the target's name.
        base_url: the address of the store to which the run sends requests.
        target_digest: SHA-256 of the target file.
        build: the build that the target serves; None where the target names no build.
        limits: SHA-256 of the policy's limits that the run uses.
    """

    target: str
    base_url: str
    target_digest: str
    build: Build | None
    limits: str


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The bytes of a run record, or the reason why the record could not be read.

    Args:
        raw: the content of the record; empty where the record could not be read.
        modified: when the record was last written, UTC.
        problem: why the record could not be read; empty where the record was read.
    """

    raw: bytes
    modified: datetime
    problem: str


def new_run_id() -> str:
    """Return a new run id; run ids sort by the time at which the runs began."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{moment}-{time.time_ns() % 16**4:04x}"


def current_boot() -> Boot | None:
    """Return the time since this machine was booted; None where the system has no boot clock.

    Source: clock_gettime(2), CLOCK_BOOTTIME.
    """
    try:
        machine = BOOT_ID.read_text().strip()
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return None
    return Boot(machine=machine, seconds=round(seconds, 3))


def run_folders(folder: Path, is_of_kind: Callable[[Path], bool]) -> list[Path]:
    """Return the folders of all runs of one kind (suite runs or load runs) in a folder.

    Args:
        folder: the folder with one folder for each run; a missing folder has no runs.
        is_of_kind: a function that says whether a folder belongs to a run of the wanted kind.
    """
    if not folder.is_dir():
        return []
    return [entry for entry in folder.iterdir() if entry.is_dir() and is_of_kind(entry)]


def folder_problem(folder: Path) -> str:
    """Return why the runs in a folder cannot be listed; empty where the runs can be listed.

    A missing folder is no problem: it has no runs. A link to a disk that is not mounted is a
    problem, because the disk may have runs.

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


def may_exist(path: Path) -> bool:
    """Return whether a file exists, or whether the gate may not find out."""
    try:
        return path.exists()
    except OSError:
        return True


def read_record(path: Path, max_bytes: int) -> RecordFile:
    """Read the bytes of a run record; if this fails, the returned value has the reason.

    Args:
        path: the file of the record.
        max_bytes: the largest size of a record that is accepted.
    """
    try:
        if path.exists() and not path.is_file():
            return RecordFile(b"", folder_time(path.parent), "the record is not a file")
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        problem = f"the record cannot be read: {error.strerror}"
        return RecordFile(b"", folder_time(path.parent), problem)
    if len(raw) > max_bytes:
        return RecordFile(b"", modified, f"the record has more than {max_bytes:,} bytes")
    return RecordFile(raw, modified, "")


def folder_time(folder: Path) -> datetime:
    """Return when a folder was last written to, UTC; the epoch where this time is unknown."""
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        return EPOCH
