"""Runs a suite in as many processes as its target file states, and lets some checks run alone.

Before each check, a process takes a lock of the run: a shared lock, or an exclusive lock for a
check that must run alone because other checks would disturb it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import places
from gates.errors import GatesError
from gates.policy import target_file
from suites.pytest_plugin.state import RECORDER, RUN_ID, SUMMARY, is_worker, only_shows
from suites.testdata.run_locks import folder_of_locks

# The key of a worker's summary lines in what the worker sends at its end.
SUMMARY_LINES = "kirana_summary"


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Choose the number of processes, before pytest-xdist reads its options."""
    if not is_worker(config) and (number := processes(config)) > 1:
        config.option.numprocesses = number
    return (yield)


def processes(config: pytest.Config) -> int:
    """Return the number of processes that the target file states for the suite of ``-m``.

    The number is 1 if an option of pytest-xdist decides, if pytest-xdist is not installed, if
    options or arguments select single checks, and for options that need one process: ``--pdb``,
    ``-s``, and options that end the run at a failure, because pytest-xdist interrupts such a run,
    and an interrupted run has no result.

    Args:
        config: the configuration of pytest, before the run begins.
    """
    name, suite = config.getoption("target"), config.getoption("markexpr")
    options = ("check", "keyword", "lf", "failedfirst")
    selects = any(config.getoption(option, default=False) for option in options) or any(
        "::" in argument for argument in config.args
    )
    if not name or not suite or selects or _needs_one_process(config):
        return 1
    try:
        target = target_file.load(name, places.targets(config.getoption("targets")).path)
    except GatesError:
        # pytest_configure prints the error.
        return 1
    return target.suite_processes.get(suite, 1)


def _needs_one_process(config: pytest.Config) -> bool:
    """Return whether an option needs one process, or whether pytest-xdist is not installed."""
    chosen = config.getoption("numprocesses", default=1) is not None or any(
        config.getoption(name, default="no") not in ([], "no") for name in ("tx", "dist")
    )
    options = ("usepdb", "trace", "maxfail", "stepwise")
    one_by_one = any(config.getoption(name, default=False) for name in options)
    unbuffered = config.getoption("capture", default="fd") == "no"
    return chosen or one_by_one or unbuffered or only_shows(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Take the lock of the run for the time of one check, with its fixtures."""
    marker = item.get_closest_marker("check")
    if marker is None or RECORDER not in item.config.stash or not is_worker(item.config):
        return (yield)
    with turn(item.config.stash[RUN_ID], alone=marker.kwargs.get("alone", False)):
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the summary lines of this worker to the process that prints the summary."""
    config = session.config
    if is_worker(config):
        config.workeroutput[SUMMARY_LINES] = config.stash.get(SUMMARY, [])  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Keep the summary lines of a worker that ended; a worker that crashed has none."""
    output = getattr(node, "workeroutput", {})
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash.setdefault(SUMMARY, []).extend(output.get(SUMMARY_LINES, []))


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
