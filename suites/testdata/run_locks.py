"""Finds out which runs are alive on this machine: every process of a run holds a lock of the run.

The kernel releases the lock of a killed process, so a run never seems to be alive after its end.
"""

import fcntl
import os
import stat
import tempfile
import time
from enum import Enum
from pathlib import Path

# After this time, an unlocked file is no longer needed: without the file, its run counts as ended.
KEPT_SECONDS = 2 * 3600.0

_held: dict[str, int] = {}


class RunLife(Enum):
    """The state of a run, as far as this machine knows the run."""

    ALIVE = "alive"
    ENDED = "ended"
    UNKNOWN = "unknown"


def hold(run_id: str) -> None:
    """Take a shared lock of a run until this process ends, or until ``release``.

    If the folder of locks cannot be used, there is no lock, and the state of the run is unknown.

    Args:
        run_id: the id of the run to which this process belongs.
    """
    folder = folder_of_locks()
    if folder is None or run_id in _held:
        return
    _forget_old(folder)
    try:
        descriptor = os.open(folder / run_id, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _held[run_id] = descriptor


def release(run_id: str) -> None:
    """Delete the lock file of a run that has no data left; all its processes lose the lock."""
    folder = folder_of_locks()
    if folder is not None:
        (folder / run_id).unlink(missing_ok=True)
    if run_id in _held:
        os.close(_held.pop(run_id))


def life(run_id: str) -> RunLife:
    """Find out whether a process of a run is alive on this machine.

    Returns:
        The state of the run; ``UNKNOWN`` for a run without a lock file on this machine, such as a
        run of another machine.
    """
    folder = folder_of_locks()
    if run_id in _held:
        return RunLife.ALIVE
    if folder is None:
        return RunLife.UNKNOWN
    try:
        return RunLife.ENDED if _is_free(folder / run_id) else RunLife.ALIVE
    except OSError:
        return RunLife.UNKNOWN


def _is_free(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def folder_of_locks() -> Path | None:
    """Return the folder of locks, which belongs to this user; None if it cannot be used."""
    path = Path(tempfile.gettempdir()) / f"kirana-runs-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        state = path.lstat()
    except OSError:
        return None
    is_own_folder = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
    return path if is_own_folder else None


def _forget_old(folder: Path) -> None:
    """Delete the old lock files of runs that have ended."""
    for path in folder.iterdir():
        try:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS and _is_free(path):
                path.unlink()
        except OSError:
            continue
