"""Fixtures of the tests and of the proofs: a testbed, a passed run, records written by hand."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from guarding import run_at_the_end
from records import Records
from worlds import TestWorld

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUNNING: list[TestWorld] = []


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWorld]:
    """A running testbed on free ports; taken down after the last test that uses it."""
    started = TestWorld(tmp_path_factory.mktemp("world") / "testbed")
    RUNNING.append(started)
    # A killed or interrupted run of the tests leaves no testbed.
    command = (sys.executable, "-m", "testbed", "--world", str(started.folder), "down")
    guard = run_at_the_end(command)
    up = started.testbed("up", "--ports", "free")
    assert up.code == 0, up.err
    yield started
    take_worlds_down()
    guard.kill()
    guard.communicate(timeout=60)


def take_worlds_down() -> None:
    """Take down the testbed of this process if it is up; an idle one needs a tenth of a core."""
    while RUNNING:
        assert RUNNING.pop().testbed("down").code == 0


@pytest.fixture(scope="session")
def passed_out(world: TestWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one passed smoke run on green; not to be written to."""
    out = tmp_path_factory.mktemp("passed") / "out"
    run = world.pytest(out, "-m", "smoke", "-q")
    assert run.code == 0, run.out
    return out


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """The Chromium of the machine, for the tests of one file."""
    from suites.client.pages import browser

    with browser() as started:
        yield started


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Writes run records by hand."""
    return Records(tmp_path / "out")
