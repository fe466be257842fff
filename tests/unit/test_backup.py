"""Backups without a server: every type and byte is kept, and every change of a byte is found."""

import json
import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_documents import NAME, MemoryDatabase, backup_of, documents, small_shop
from worlds import ROOT

from gates.errors import ConfigurationError
from gates.policy import policy_file, target_file
from suites.backup import (
    BackupError,
    copier,
    manifest,
    restoration,
    scratch,
    target_backups,
    verification,
)
from suites.backup.bson_files import count_documents, read_documents, write_documents
from suites.backup.layout import from_extended_json, in_extended_json
from suites.backup.manifest import Backup
from suites.backup.restoration import RestoreTimes
from suites.platform import test_backup as backup_checks
from suites.testdata.run_locks import RunLife

SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """A backup of a small shop."""
    return backup_of(small_shop(), tmp_path)


def problems(backup: Backup) -> list[str]:
    return verification.problems_of(backup.folder, NAME)


@given(contents=st.lists(documents(), max_size=6), suffix=st.sampled_from([".bson", ".bson.gz"]))
@SHARED_FOLDER
def test_a_file_keeps_every_type(
    tmp_path: Path, contents: list[dict[str, Any]], suffix: str
) -> None:
    path = tmp_path / f"documents{suffix}"
    path.unlink(missing_ok=True)
    raw = [bson.encode(content) for content in contents]
    count, _ = write_documents(path, [b"".join(raw[:3]), b"".join(raw[3:])])
    read = list(read_documents(path))
    assert (count, read) == (len(raw), raw)
    for before, after in zip(raw, read, strict=True):
        assert types(bson.decode(before)) == types(bson.decode(after))


def types(content: object) -> object:
    """The types of a value and of all values in it."""
    if isinstance(content, dict):
        return {key: types(value) for key, value in content.items()}
    return [types(value) for value in content] if isinstance(content, list) else type(content)


def test_a_backup_lists_everything(backup: Backup) -> None:
    content = manifest.read(backup.folder).manifest
    assert content == backup.manifest
    assert (content.database, content.schema_version, content.documents) == (NAME, 5, 6)
    assert [stored.name for stored in content.collections] == ["migrations", "products"]
    assert [index["name"] for index in content.collections[1].indexes] == ["_id_", "category_1"]
    assert problems(backup) == []


def test_the_metadata_is_that_of_mongodump(backup: Backup) -> None:
    metadata = json.loads((backup.folder / NAME / "products.metadata.json").read_text())
    assert metadata["indexes"][1] == {
        "v": {"$numberInt": "2"},
        "key": {"category": {"$numberInt": "1"}},
        "name": "category_1",
    }
    assert (metadata["collectionName"], metadata["type"]) == ("products", "collection")


def test_the_folder_of_an_unfinished_backup_is_deleted(tmp_path: Path) -> None:
    database = small_shop()
    database.collections["products"].contents = [{"_id": 1, "name": object()}]
    with pytest.raises(bson.errors.InvalidDocument):
        backup_of(database, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no backup can be written: No such file"):
        backup_of(small_shop(), tmp_path / "mount")
    assert not (tmp_path / "mount").exists()


def test_a_view_is_refused(tmp_path: Path) -> None:
    class WithView(MemoryDatabase):
        def list_collections(self) -> list[dict[str, Any]]:
            return [{"name": "cheap", "type": "view"}]

    with pytest.raises(BackupError, match="cheap is a view: only mongodump copies it"):
        backup_of(WithView(), tmp_path)


@given(data=st.data())
@SHARED_FOLDER
@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_any_flipped_byte_is_found(tmp_path: Path, data: st.DataObject, form: str) -> None:
    folder = tmp_path / form
    if not folder.exists():
        folder.mkdir()
        backup_of(small_shop(), folder, compress=form == "gzip")
    (whole,) = folder.iterdir()
    paths = sorted(path for path in whole.rglob("*") if path.is_file())
    assert len(paths) == 6
    path = data.draw(st.sampled_from(paths))
    before = path.read_bytes()
    position = data.draw(st.integers(0, len(before) - 1))
    after = bytearray(before)
    after[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(after))
    problems_now = verification.problems_of(whole, NAME)
    path.write_bytes(before)
    assert problems_now != []
    assert verification.problems_of(whole, NAME) == []


def test_a_file_cut_anywhere_is_found(backup: Backup) -> None:
    path = backup.folder / NAME / "products.bson"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert problems(backup) == [
            f"kirana/products.bson has {length:,} bytes, expected {len(whole):,}"
        ]


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no data file": (lambda b: (b / NAME / "products.bson").unlink(), "is missing"),
    "no manifest": (lambda b: (b / "manifest.json").unlink(), "manifest.json is missing"),
    "a pipe as manifest": (lambda b: pipe(b / "manifest.json"), "is not a file"),
    "no digest": (lambda b: (b / "manifest.json.sha256").unlink(), "sha256 is missing"),
    "an extra file": (lambda b: (b / NAME / "x.bson").write_bytes(b""), "is not in the manifest"),
    "a link": (lambda b: link(b / NAME / "products.bson"), "is a symbolic link"),
    "a linked folder": (lambda b: (b / "more").symlink_to(b / NAME), "more is not in the manifest"),
    "a large manifest": (
        lambda b: (b / "manifest.json").write_bytes(b" " * (manifest.MAX_BYTES + 1)),
        "has over",
    ),
}


def pipe(path: Path) -> None:
    """A pipe in place of a file: opening it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    """Replace a file by a link to the same content."""
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


@pytest.mark.parametrize("name", DAMAGES)
def test_another_damage_is_found(backup: Backup, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(backup.folder)
    assert message in " ".join(problems(backup))
    with pytest.raises(BackupError):
        verification.verified(backup.folder, NAME)


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another database": (lambda m: m.update(database="other"), "is a backup of other"),
    "a path that leads out": (
        lambda m: m["collections"][0]["data"].update(path="../secrets.env"),
        "leads out",
    ),
    "an absolute path": (
        lambda m: m["collections"][0]["data"].update(path="/etc/passwd"),
        "leads out",
    ),
    "the file of another collection": (
        lambda m: m["collections"][0].update(name="orders"),
        "is not the file of orders",
    ),
    "a collection twice": (lambda m: m["collections"].append(m["collections"][0]), "occurs twice"),
    "fewer documents": (
        lambda m: m["collections"][1].update(documents=4),
        "has 5 documents, expected 4",
    ),
    "another format": (lambda m: m.update(format=2), "is not format"),
    "no time": (lambda m: m.pop("taken_at"), "is not a manifest"),
    "no list": (lambda m: m.update(collections=None), "is not a manifest"),
    "an unknown key": (lambda m: m.update(more=1), "is not a manifest"),
    "a time of no year": (
        lambda m: m.update(taken_at="0001-01-01T00:00:00+14:00"),
        "is not a manifest",
    ),
    "a duration that is a text": (lambda m: m.update(seconds="1"), "is not a manifest"),
    "a wrong option": (
        lambda m: m["collections"][0].update(options={"x": {"$oid": "x"}}),
        "is not a manifest",
    ),
    "options that are a list": (
        lambda m: m["collections"][0].update(options=[1]),
        "is not a manifest",
    ),
    "a wrong index": (
        lambda m: m["collections"][0]["indexes"].append({"name": "i", "x": {"$oid": 1}}),
        "is not a manifest",
    ),
    "an index without a name": (
        lambda m: m["collections"][0].update(indexes=[{"name": 3}]),
        "lacks the name of an index",
    ),
    "a digest that is none": (
        lambda m: m["collections"][0]["data"].update(sha256="0"),
        "lacks the SHA-256",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_manifest_with_a_right_digest_is_still_checked(backup: Backup, name: str) -> None:
    change, message = FORGERIES[name]
    content = json.loads((backup.folder / "manifest.json").read_text())
    change(content)
    raw = json.dumps(content).encode()
    (backup.folder / "manifest.json").write_bytes(raw)
    (backup.folder / "manifest.json.sha256").write_bytes(manifest._digest_line(raw))
    assert message in " ".join(problems(backup))


def test_the_newest_backup_is_chosen_by_its_time(tmp_path: Path) -> None:
    first = backup_of(small_shop(), tmp_path)
    old = replace(first.manifest, taken_at=datetime.now(UTC) - timedelta(days=2))
    manifest.write(first.folder, old)
    second = backup_of(small_shop(), tmp_path)
    other = small_shop()
    other.name = "other"
    backup_of(other, tmp_path)
    shutil.copytree(second.folder, tmp_path / ".unfinished-kirana")
    (tmp_path / "kirana-broken").mkdir()
    stored = target_backups.stored_in(tmp_path, NAME)
    assert [backup.folder for backup in stored.complete] == [second.folder, first.folder]
    assert stored.damaged == (
        "kirana-broken: the backup is not complete: manifest.json is missing",
    )
    assert target_backups.newest_in(tmp_path, NAME) == second


def test_a_folder_without_a_backup_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="has no complete backup of kirana: take a backup first"):
        target_backups.newest_in(tmp_path, NAME)
    with pytest.raises(BackupError, match="the folder cannot be read: No such file"):
        target_backups.newest_in(tmp_path / "mount", NAME)


def test_a_backup_that_every_user_can_read_is_named() -> None:
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "backup"
        folder.mkdir()
        Path(parent).chmod(0o711)
        folder.chmod(0o750)
        assert verification.exposure(folder) == ""
        folder.chmod(0o755)
        assert verification.exposure(folder).startswith(
            "backup: every user can read the backup, because its mode is 755"
        )
        Path(parent).chmod(0o700)
        assert verification.exposure(folder) == ""


def test_a_batch_that_is_cut_is_refused() -> None:
    whole = bson.encode({"a": 1})
    assert count_documents(whole * 3) == 3
    for batch in (whole[:-1], whole + b"\x05\x00", b"\xff\xff\xff\xff\x00", b"\0\0\0\0"):
        with pytest.raises(BackupError, match="is not possible here"):
            count_documents(batch)


def test_documents_are_streamed(tmp_path: Path) -> None:
    document = bson.encode({"_id": 1, "text": "x" * 99_000})

    def many() -> Iterator[bytes]:
        for _ in range(500):
            yield document

    tracemalloc.start()
    count, digest = write_documents(tmp_path / "large.bson", many())
    batches = restoration.batches(read_documents(tmp_path / "large.bson"))
    sizes = [sum(map(len, batch)) for batch in batches]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, digest.size, sum(sizes)) == (500, 500 * len(document), 500 * len(document))
    assert max(sizes) < restoration.BATCH_BYTES + len(document)
    assert peak < 2.5 * restoration.BATCH_BYTES < digest.size / 2


@pytest.mark.parametrize(
    "name", ["kirana", "kirana_restore_", "admin", "other", "Kirana_restore_x"]
)
def test_no_other_database_is_a_scratch_database(name: str) -> None:
    with pytest.raises(BackupError, match="is refused"):
        scratch.refuse_other(name, NAME)


def test_a_live_database_with_the_name_of_a_scratch_database_is_never_touched() -> None:
    scratch.refuse_other("kirana_restore_a", NAME)
    with pytest.raises(BackupError, match="the store's own database"):
        scratch.refuse_other("kirana_restore_b", "kirana_restore_a")


def test_restoring_into_the_live_database_is_refused(backup: Backup) -> None:
    class Untouchable:
        name = NAME

    with pytest.raises(BackupError, match="kirana is refused"):
        restoration.restore(backup, Untouchable(), NAME)  # type: ignore[arg-type]


def test_the_name_of_a_scratch_database_is_short_and_its_own() -> None:
    names = {scratch.scratch_name("a" * 60) for _ in range(20)}
    assert len(names) == 20
    assert max(map(len, names)) <= 63
    for name in names:
        scratch.refuse_other(name, NAME)


def test_extended_json_keeps_the_types_of_an_index() -> None:
    index = {"v": 2, "key": {"b": -1, "a": 1}, "name": "b_-1", "expireAfterSeconds": bson.Int64(60)}
    again = from_extended_json(json.loads(json.dumps(in_extended_json(index))))
    assert (again, list(again["key"])) == (index, ["b", "a"])
    assert type(again["expireAfterSeconds"]) is bson.Int64


def test_two_backups_of_one_second_have_different_folders(tmp_path: Path) -> None:
    folders = {backup_of(small_shop(), tmp_path).folder for _ in range(3)}
    assert len(folders) == 3
    assert [path for path in tmp_path.iterdir() if path.name.startswith(copier.UNFINISHED)] == []


def test_a_slow_restore_fails_the_limit_of_the_policy(backup: Backup) -> None:
    policy = policy_file.load(ROOT / "policies" / "release.toml")
    limit = policy.platform_limits["restore_seconds"]
    assert limit <= 300
    for seconds, is_slow in ((limit - 1, False), (limit, True)):
        times = RestoreTimes(documents=seconds - 10, indexes=10)
        restored = backup_checks.RestoredBackup(backup, None, times)  # type: ignore[arg-type]
        with pytest.raises(AssertionError) if is_slow else nullcontext():
            backup_checks.test_restore_time(restored, policy)


def test_the_folder_of_a_backup_that_was_cut_off_is_deleted_a_day_later(tmp_path: Path) -> None:
    young, old = (tmp_path / f"{copier.UNFINISHED}kirana-{name}" for name in ("young", "old"))
    for folder in (young, old):
        folder.mkdir()
    yesterday = datetime.now(UTC).timestamp() - copier.MAX_UNFINISHED_SECONDS - 60
    os.utime(old, (yesterday, yesterday))
    backup_of(small_shop(), tmp_path)
    assert (young.exists(), old.exists()) == (True, False)


def test_a_run_deletes_its_backups_and_those_of_ended_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(target_file.load("green", ROOT / "targets"), backups=tmp_path)
    lives = {"ended": RunLife.ENDED, "alive": RunLife.ALIVE, "remote": RunLife.UNKNOWN}
    monkeypatch.setattr(target_backups, "life", lives.__getitem__)
    for name in lives:
        (tmp_path / f".run-{name}_1").mkdir()
    with target_backups.passing_folder(target, "own-run", tmp_path / "elsewhere") as folder:
        backup_of(small_shop(), folder)
        assert folder.parent == tmp_path
        assert target_backups.stored_in(tmp_path, NAME).complete == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".run-alive_1", ".run-remote_1"]


def test_a_target_without_a_folder_keeps_its_backups_elsewhere(tmp_path: Path) -> None:
    target = replace(target_file.load("green", ROOT / "targets"), backups=None)
    with target_backups.passing_folder(target, "own-run", tmp_path) as folder:
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match=r"has no \[backup\] folder"):
        target_backups.folder_of(target)
    with (
        pytest.raises(BackupError, match="no backup can be written"),
        target_backups.passing_folder(target, "own-run", tmp_path / "mount"),
    ):
        pass


def test_a_compressed_file_whose_stream_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bson.gz"
    write_documents(path, [bson.encode({"_id": number}) for number in range(1000)])
    raw = bytearray(path.read_bytes())
    raw[10:40] = b"\xff" * 30
    path.write_bytes(raw)
    with pytest.raises(BackupError, match="cannot be read"):
        list(read_documents(path))


@pytest.mark.parametrize("option", ["create", "viewOn", "pipeline", "$db"])
def test_no_option_of_a_manifest_writes_elsewhere(backup: Backup, option: str) -> None:
    stored = replace(backup.manifest.collections[0], options={option: "other", "capped": True})
    assert restoration._options(stored) == {"capped": True}


def test_the_text_of_a_wrong_address_is_not_shown() -> None:
    password = token_hex(4)
    target = replace(
        target_file.load("green", ROOT / "targets"),
        secrets={"database_uri": f"mongodb://store:x/{password}@host/shop"},
    )
    with (
        pytest.raises(BackupError, match="not the address of a database") as raised,
        target_backups.live_database(target),
    ):
        pass
    assert password not in str(raised.value)
