"""Fixtures of this project's own tests; what several tests need lies in ``tests/support``."""

import signal
import sys
from pathlib import Path
from socketserver import TCPServer

HERE = Path(__file__).resolve().parent
for folder in ("support", "unit", "../proofs"):
    sys.path.insert(0, str((HERE / folder).resolve()))

import pytest
from distribution import GroupScheduling, group_of, groups_first
from hypothesis import settings
from shared_fixtures import chromium, passed_out, records, take_worlds_down, world

__all__ = ["chromium", "passed_out", "records", "world"]


# Servers of the tests accept as many connections at once as real servers do. Otherwise, the kernel
# drops the sixth, and its client tries again after one second.
TCPServer.request_queue_size = 128

# A busy machine may take longer for one example than Hypothesis expects.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

# A shell without job control starts background commands with SIGINT ignored, and nohup ignores
# SIGHUP. Every process that a test starts would ignore these signals, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    """Distribute the tests by group and file."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items[:] = groups_first(items)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take the testbed down after the groups: no later test of this process uses it."""
    if group_of(item.path) and nextitem is not None and not group_of(nextitem.path):
        take_worlds_down()
