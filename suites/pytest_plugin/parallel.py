"""Lets a check run alone if other checks would disturb it, although the run has several processes.

``pytest -n 2`` runs the checks in two processes. Before each check, a process takes a lock of the
run: a shared lock, or an exclusive lock for a check that must run alone.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from suites.pytest_plugin.state import RECORDER, RUN_ID, is_worker
from suites.testdata.run_locks import folder_of_locks


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Take the lock of the run for the time of one check, with its fixtures."""
    marker = item.get_closest_marker("check")
    if marker is None or RECORDER not in item.config.stash or not is_worker(item.config):
        return (yield)
    with turn(item.config.stash[RUN_ID], alone=marker.kwargs.get("alone", False)):
        return (yield)


@contextlib.contextmanager
def turn(run_id: str, *, alone: bool) -> Iterator[None]:
    """Wait until a check may run, and hold the lock of its run until the check ends.

    Processes queue for the lock, so that no process overtakes a check that waits to run alone. If
    the folder of locks cannot be used, no check waits. The kernel releases the locks of a process
    that was killed.

    Args:
        run_id: the id of the run to which this process belongs.
        alone: whether the check must run while no other check of the run is running.
    """
    folder = folder_of_locks()
    if folder is None:
        yield
        return
    with contextlib.ExitStack() as until_end:
        with _locked(folder / f"{run_id}.queue", fcntl.LOCK_EX):
            kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
            until_end.enter_context(_locked(folder / f"{run_id}.turn", kind))
        yield


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with contextlib.ExitStack() as until_end:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            until_end.callback(os.close, descriptor)
            fcntl.flock(descriptor, kind)
            # Other runs delete old files of locks.
            os.utime(descriptor)
        yield
