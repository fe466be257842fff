"""A folder that the gate may not enter is a damaged run, and no internal error."""

import errno
from pathlib import Path
from typing import Any

import pytest

from gates.evidence import load_runs, suite_runs


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs, with the folder of another user, such as ``lost+found``."""
    (tmp_path / "lost").mkdir()
    stat, opened = Path.stat, Path.open

    def refused(path: Path) -> None:
        if path.parent.name == "lost":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def refused_stat(path: Path, **options: bool) -> object:
        refused(path)
        return stat(path, **options)

    def refused_open(path: Path, *arguments: Any) -> object:
        refused(path)
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "stat", refused_stat)
    monkeypatch.setattr(Path, "open", refused_open)
    return tmp_path


def test_suite_runs_of_another_user_are_damaged(closed: Path) -> None:
    (run,) = suite_runs.read_runs(closed, "")
    assert run.problem == "the record cannot be read: Permission denied"


def test_load_runs_of_another_user_are_damaged(closed: Path) -> None:
    (run,) = load_runs.read_loads(closed, "")
    assert run.problem == "the record cannot be read: Permission denied"
