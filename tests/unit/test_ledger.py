"""The ledger: chained, torn lines survived, changes found, writers at once."""

import gzip
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gates import ledger
from gates.errors import LedgerError
from gates.ledger import OtherEntry, RecoveryEntry, chain


def test_entries_are_chained(tmp_path: Path) -> None:
    ids = [ledger.append(tmp_path, OtherEntry({"n": n})) for n in range(5)]
    assert len(set(ids)) == 5
    assert ledger.verify(tmp_path) == (5, [])


def test_a_changed_line_is_found(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    path = tmp_path / ledger.FILE
    path.write_text(path.read_text().replace('"n": 1', '"n": 7'))
    good, problems = ledger.verify(tmp_path)
    assert good == 1
    assert problems == [
        "line 2 was changed",
        "line 3 does not have the hash of the previous entry",
    ]


def test_a_removed_line_is_found(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    path = tmp_path / ledger.FILE
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    assert ledger.verify(tmp_path)[1] == ["line 2 does not have the hash of the previous entry"]


def test_a_cut_last_line_is_recovered_and_said(tmp_path: Path) -> None:
    for n in range(3):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    path = tmp_path / ledger.FILE
    path.write_bytes(path.read_bytes()[:-20])
    torn = "line 3 is incomplete; when the gate writes the next entry, it moves this line to"
    assert ledger.verify(tmp_path) == (2, [f"{torn} {ledger.TORN}"])
    ledger.append(tmp_path, OtherEntry({"n": 3}))
    assert ledger.verify(tmp_path) == (4, [])
    recovery, last = [record.entry for record in ledger.entries(tmp_path)[-2:]]
    assert isinstance(recovery, RecoveryEntry)
    assert last == OtherEntry({"n": 3})
    assert '"n": 2' in (tmp_path / ledger.TORN).read_text()


def test_the_only_line_cut_is_recovered(tmp_path: Path) -> None:
    ledger.append(tmp_path, OtherEntry({"n": 0}))
    path = tmp_path / ledger.FILE
    path.write_bytes(path.read_bytes()[:-20])
    ledger.append(tmp_path, OtherEntry({"n": 1}))
    assert ledger.verify(tmp_path) == (2, [])


def test_a_reader_that_reads_again_reads_as_a_new_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "MAX_FILE_BYTES", 1000)
    reader, path = ledger.LedgerReader(tmp_path), tmp_path / ledger.FILE
    assert reader.read() == ledger.read(tmp_path)
    for n in range(9):
        ledger.append(tmp_path, OtherEntry({"n": n}))
        assert reader.read() == ledger.read(tmp_path)
    whole = path.read_bytes()
    for changed in (whole.replace(b'"n": 8', b'"n": 7'), whole[:-20], b"", b"hello\n", whole):
        path.write_bytes(changed)
        assert reader.read() == ledger.read(tmp_path)
    assert len(reader.read().records) == 9


def test_a_reader_parses_a_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = chain._parse

    def noted(raw: bytes) -> Any:
        parsed.append(raw)
        return parse(raw)

    monkeypatch.setattr(chain, "_parse", noted)
    for n in range(3):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    reader = ledger.LedgerReader(tmp_path)
    parsed.clear()
    assert len(reader.read().records) == len(parsed) == 3
    assert len(reader.read().records) == len(parsed) == 3


def test_rotation_keeps_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "MAX_FILE_BYTES", 1000)
    for n in range(20):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    assert len(list(tmp_path.glob("ledger-*.jsonl"))) >= 3
    assert ledger.verify(tmp_path) == (20, [])
    assert [record.entry for record in ledger.entries(tmp_path)] == [
        OtherEntry({"n": n}) for n in range(20)
    ]
    (tmp_path / "ledger-0002.jsonl").unlink()
    assert ledger.verify(tmp_path)[1]


def test_rotation_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "MAX_FILE_BYTES", 500)
    for n in range(20):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("ledger-*.jsonl")}
    (tmp_path / "ledger-0001.jsonl").unlink()
    for n in range(20):
        ledger.append(tmp_path, OtherEntry({"n": n}))
    for name, content in kept.items():
        assert name == "ledger-0001.jsonl" or (tmp_path / name).read_bytes() == content


def test_an_entry_there_is_no_room_for_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(tmp_path, OtherEntry({"n": 0}))
    original = os.write
    monkeypatch.setattr(os, "write", lambda file, line: original(file, line[:20]))
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.append(tmp_path, OtherEntry({"n": 1}))
    monkeypatch.undo()
    assert ledger.verify(tmp_path) == (1, [])


def test_evidence_is_kept_by_digest_and_a_change_is_found(tmp_path: Path) -> None:
    digest = ledger.store_evidence(tmp_path, b"what was seen")
    assert ledger.load_evidence(tmp_path, digest) == b"what was seen"
    (path,) = (tmp_path / ledger.EVIDENCE).iterdir()
    path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(LedgerError, match="was changed"):
        ledger.load_evidence(tmp_path, digest)
    with pytest.raises(LedgerError, match="is not a SHA-256"):
        ledger.load_evidence(tmp_path, "../../etc/passwd")


def test_evidence_that_is_cut_or_damaged_is_an_error(tmp_path: Path) -> None:
    digest = ledger.store_evidence(tmp_path, b"evidence" * 999)
    (path,) = (tmp_path / ledger.EVIDENCE).iterdir()
    content = path.read_bytes()
    for damaged in (content[:-9], content[:12] + b"\xff\xff" + content[14:], b"", b"no gzip"):
        path.write_bytes(damaged)
        with pytest.raises(LedgerError):
            ledger.load_evidence(tmp_path, digest)


def test_a_file_that_is_no_ledger_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text("hello\n")
    with pytest.raises(LedgerError, match="no readable entry"):
        ledger.append(tmp_path, OtherEntry({}))


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.append(tmp_path / "file", OtherEntry({}))


def write(folder: Path) -> list[str]:
    return [ledger.append(folder, OtherEntry({"n": n})) for n in range(25)]


def test_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        ids = [entry_id for ids in pool.map(write, [tmp_path] * 4) for entry_id in ids]
    assert ledger.verify(tmp_path) == (100, [])
    assert len(set(ids)) == 100


def decide_for(folder: Path, seconds: float) -> list[str]:
    """Write decisions for a while; the ids it was given."""
    ids: list[str] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ids.append(ledger.append(folder, OtherEntry({"by": os.getpid(), "n": len(ids)})))
    return ids
