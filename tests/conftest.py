"""Fixtures of this project's own tests; what several tests need lies in ``tests/support``."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("support", "unit", "../proofs"):
    sys.path.insert(0, str((HERE / folder).resolve()))

from collections.abc import Iterator

import pytest
from records import Records
from worlds import TestWorld


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWorld]:
    """A running testbed on free ports; taken down at the end."""
    started = TestWorld(tmp_path_factory.mktemp("world") / "testbed")
    up = started.testbed("up", "--ports", "free")
    assert up.code == 0, up.err
    yield started
    assert started.testbed("down").code == 0


@pytest.fixture(scope="session")
def passed_out(world: TestWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one passed smoke run on green; not to be written to."""
    out = tmp_path_factory.mktemp("passed") / "out"
    run = world.pytest(out, "-m", "smoke", "-q")
    assert run.code == 0, run.out
    return out


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Writes run records by hand."""
    return Records(tmp_path / "out")
