"""The ledger: chained, torn lines survived, changes found, writers at once."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from gates import ledger
from gates.errors import LedgerError


def test_entries_are_chained(tmp_path: Path) -> None:
    ids = [ledger.append(tmp_path, {"n": n}) for n in range(5)]
    assert len(set(ids)) == 5
    assert ledger.verify(tmp_path) == (5, [])


def test_a_changed_line_is_found(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, {"n": n})
    path = tmp_path / ledger.FILE
    path.write_text(path.read_text().replace('"n": 1', '"n": 7'))
    good, problems = ledger.verify(tmp_path)
    assert good == 1
    assert problems == [
        "line 2 is cut or was changed",
        "line 3 does not follow the entry before it",
    ]


def test_a_removed_line_is_found(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, {"n": n})
    path = tmp_path / ledger.FILE
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    assert ledger.verify(tmp_path)[1] == ["line 2 does not follow the entry before it"]


def test_a_cut_last_line_loses_nothing_else(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, {"n": n})
    path = tmp_path / ledger.FILE
    path.write_bytes(path.read_bytes()[:-20])
    ledger.append(tmp_path, {"n": 3})
    assert ledger.verify(tmp_path) == (3, ["line 3 is cut or was changed"])
    assert json.loads(path.read_text().splitlines()[-1])["entry"] == {"n": 3}


def test_a_file_that_is_no_ledger_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text("hello\n")
    with pytest.raises(LedgerError, match="no entry that can be read"):
        ledger.append(tmp_path, {})


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.append(tmp_path / "file", {})


def write(folder: Path) -> list[str]:
    return [ledger.append(folder, {"n": n}) for n in range(25)]


def test_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        ids = [one for ids in pool.map(write, [tmp_path] * 4) for one in ids]
    assert ledger.verify(tmp_path) == (100, [])
    assert len(set(ids)) == 100
