"""Backups of a running database: every type comes back, and no other database is touched."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64, Timestamp
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from stored_documents import documents
from worlds import ROOT, Done, TestWorld, environment, run

from gates.model import Target
from gates.policy import target_file
from suites.backup import BackupError, copier, restoration, scratch, target_backups
from suites.backup.layout import Shop, raw_collection
from suites.backup.manifest import Backup

# A database of these tests, beside the store's.
SOURCE = "backup_source"
LIVE = "kirana"
ON_A_SERVER = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def target(world: TestWorld) -> Target:
    return target_file.load("green", world.targets)


@pytest.fixture(scope="module")
def server(target: Target) -> Iterator[scratch.Server]:
    uri = target.secrets["database_uri"]
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        yield client
        client.drop_database(SOURCE)


@pytest.fixture
def source(server: scratch.Server) -> Shop:
    """An empty database of these tests."""
    server.drop_database(SOURCE)
    return server[SOURCE]


def command(world: TestWorld, *arguments: str, **variables: str) -> Done:
    """``python -m suites.backup …`` on this world."""
    places = ("--target", "green", "--targets", str(world.targets))
    return run("suites.backup", *arguments, *places, variables=variables)


@contextmanager
def copied(source: Shop, folder: Path) -> Iterator[tuple[Backup, Shop]]:
    """A backup of a database, and the scratch database it was restored into."""
    backup = copier.take(source, folder, lambda _: None, compress=False)
    client: scratch.Server = source.client
    with scratch.scratch_database(client, LIVE, "test-copied") as restored:
        restoration.restore(backup, restored, LIVE)
        yield backup, restored


def raw_bytes(document: RawBSONDocument) -> bytes:
    return bytes(document.raw)


def types(content: object) -> object:
    """The types of a value and of all values in it."""
    if isinstance(content, dict):
        return {key: types(value) for key, value in content.items()}
    return [types(value) for value in content] if isinstance(content, list) else type(content)


@given(contents=st.lists(documents(), max_size=5, unique_by=lambda content: repr(content["_id"])))
@ON_A_SERVER
def test_every_type_comes_back(
    server: scratch.Server, tmp_path: Path, contents: list[dict[str, Any]]
) -> None:
    server.drop_database(SOURCE)
    if contents:
        server[SOURCE].things.insert_many(contents)
    stored = list(raw_collection(server[SOURCE], "things").find(sort=[("_id", 1)]))
    with copied(server[SOURCE], tmp_path) as (backup, restored):
        assert restoration.differences(backup, restored) == []
        again = list(raw_collection(restored, "things").find(sort=[("_id", 1)]))
    assert list(map(raw_bytes, again)) == list(map(raw_bytes, stored))
    kept = {repr(content["_id"]): types(bson.decode(bson.encode(content))) for content in contents}
    for document in again:
        content = bson.decode(bytes(document.raw))
        assert types(content) == kept[repr(content["_id"])]


CHANGES: dict[str, tuple[Callable[[Shop], object], str]] = {
    "a type": (
        lambda db: db.things.update_one({"_id": 1}, {"$set": {"n": Int64(1)}}),
        "things: document 1 differs from the backup in: n",
    ),
    "a value": (
        lambda db: db.things.update_one({"_id": 1}, {"$set": {"n": 2}}),
        "things: document 1 differs from the backup in: n",
    ),
    "a time of the server": (
        lambda db: db.things.update_one({"_id": 1}, {"$set": {"t": Timestamp(1, 2)}}),
        "things: document 1 differs from the backup in: t",
    ),
    "a missing document": (
        lambda db: db.things.delete_one({"_id": 3}),
        "things: document 3 and all later documents are missing",
    ),
    "an extra document": (
        lambda db: db.things.insert_one({"_id": 9}),
        "things: 1 restored documents are not in the backup",
    ),
    "a missing index": (
        lambda db: db.things.drop_index("n_1"),
        "things: the indexes differ from the indexes of the backup",
    ),
    "an extra collection": (
        lambda db: db.more.insert_one({}),
        "the restored collection more is not in the backup",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_named(source: Shop, tmp_path: Path, name: str) -> None:
    change, sentence = CHANGES[name]
    source.things.insert_many([{"_id": number, "n": 1} for number in (1, 2, 3)])
    source.things.create_index("n")
    with copied(source, tmp_path) as (backup, restored):
        assert restoration.differences(backup, restored) == []
        change(restored)
        assert restoration.differences(backup, restored) == [sentence]


def test_indexes_come_back_with_their_options(source: Shop, tmp_path: Path) -> None:
    source.things.insert_one({"_id": 1, "a": 1, "b": datetime.now(UTC)})
    source.things.create_index([("a", 1), ("b", -1)], unique=True, name="both")
    source.things.create_index("b", expireAfterSeconds=86_400, sparse=True)
    with copied(source, tmp_path) as (_, restored):
        indexes = {index["name"]: dict(index) for index in restored.things.list_indexes()}
    assert list(indexes["both"]["key"].items()) == [("a", 1), ("b", -1)]
    assert indexes["both"]["unique"] is True
    assert (indexes["b_1"]["expireAfterSeconds"], indexes["b_1"]["sparse"]) == (86_400, True)


def test_a_database_that_is_written_to_is_copied(source: Shop, tmp_path: Path) -> None:
    source.things.insert_many([{"_id": number, "n": 0} for number in range(3000)])
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            source.things.update_one({"_id": number % 3000}, {"$inc": {"n": 1}})
            source.things.insert_one({"_id": 10_000 + number, "n": 0})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with copied(source, tmp_path) as (backup, restored):
            assert restoration.differences(backup, restored) == []
            assert backup.manifest.documents >= 3000
    finally:
        ended.set()
        writer.join()


def test_the_commands_take_verify_and_restore(
    world: TestWorld, server: scratch.Server, tmp_path: Path
) -> None:
    def live() -> tuple[list[str], list[bytes]]:
        names = [name for name in server.list_database_names() if name != SOURCE]
        products = raw_collection(server[LIVE], "products").find(sort=[("_id", 1)])
        return names, [bytes(product.raw) for product in products]

    before, textfile = live(), tmp_path / "host" / "backup.prom"
    folder = ("--folder", str(tmp_path))
    taken = command(world, "take", *folder, KIRANA_TEXTFILE=str(textfile))
    assert taken.code == 0, taken.err
    assert "products: 240 documents" in taken.out
    name = "kirana_backup_last_success_timestamp_seconds"
    moment = float(textfile.read_text().rpartition(f"\n{name} ")[2])
    assert abs(moment - datetime.now(UTC).timestamp()) < 60
    assert command(world, "verify", *folder).code == 0
    checked = command(world, "restore-check", *folder)
    assert checked.code == 0, checked.err
    assert "restored, identical" in checked.out
    assert live() == before


@pytest.mark.slow  # proof-platform runs it
def test_half_a_backup_is_refused_and_nothing_is_left(
    world: TestWorld, server: scratch.Server, tmp_path: Path
) -> None:
    folder = ("--folder", str(tmp_path))
    assert command(world, "take", *folder).code == 0
    (products,) = tmp_path.glob("*/kirana/products.bson")
    products.write_bytes(products.read_bytes()[:-1])
    for name in ("verify", "restore-check"):
        refused = command(world, name, *folder)
        assert refused.code == 1
        assert "backup: BackupError: kirana/products.bson has" in refused.err
    assert [name for name in server.list_database_names() if name.startswith(scratch.PREFIX)] == []


def test_a_wrong_command_line_is_a_usage_error(world: TestWorld) -> None:
    assert run("suites.backup", "take").code == 2
    assert run("suites.backup", "take", "--target", "nowhere").code == 2
    assert command(world, "burn").code == 2


@pytest.mark.slow  # proof-platform runs it
def test_an_error_shows_no_secret(world: TestWorld, tmp_path: Path) -> None:
    word = "pass" * 4
    uri = f"mongodb://shop:{word}@127.0.0.1:1/kirana?serverSelectionTimeoutMS=100"
    failed = command(world, "take", "--folder", str(tmp_path), KIRANA_DATABASE_URI=uri)
    assert failed.code == 1
    assert "backup: ServerSelectionTimeoutError" in failed.err
    assert word not in failed.out + failed.err


KILLED = """
import os, signal, sys
from pathlib import Path
from gates.policy import target_file
from suites.backup import scratch, target_backups
from suites.testdata import run_locks
target = target_file.load("green", Path(sys.argv[1]))
run_locks.hold("killed-run")
with target_backups.scratch_server(target) as server:
    with scratch.scratch_database(server, "kirana", "killed-run") as database:
        database.things.insert_one({"_id": 1})
        print(database.name, flush=True)
        signal.pause()
"""


def test_the_scratch_database_of_a_killed_run_is_dropped_by_the_next(
    world: TestWorld, server: scratch.Server
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(world.targets)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert scratch.drop_ended(server, LIVE).kept == (name,)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert name in server.list_database_names()
    assert scratch.drop_ended(server, LIVE).dropped == (name,)
    assert name not in server.list_database_names()


def test_a_scratch_database_of_another_machine_is_dropped_when_it_is_old(
    server: scratch.Server,
) -> None:
    for age, kept in ((timedelta(hours=1), True), (timedelta(hours=3), False)):
        name = f"{scratch.PREFIX}elsewhere_1_{'young' if kept else 'old'}"
        owner = {"_id": scratch.OWNER, "run_id": "elsewhere", "made_at": datetime.now(UTC) - age}
        server[name][scratch.OWNER].insert_one(owner)
        scratches = scratch.drop_ended(server, LIVE)
        assert (name in scratches.kept, name in scratches.dropped) == (kept, not kept)
        server.drop_database(name)


def test_a_scratch_database_is_dropped_after_an_error(server: scratch.Server) -> None:
    names: list[str] = []

    def fail() -> None:
        with scratch.scratch_database(server, LIVE, "test-error") as database:
            names.append(database.name)
            assert database.name in server.list_database_names()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not set(names) & set(server.list_database_names())


def test_a_production_server_gets_no_scratch_database(target: Target) -> None:
    production = replace(target, production=True)
    with (
        pytest.raises(BackupError, match="name another server for scratch databases"),
        target_backups.scratch_server(production),
    ):
        pass
    secrets = {**target.secrets, "restore_uri": target.secrets["database_uri"]}
    with target_backups.scratch_server(replace(production, secrets=secrets)) as server:
        assert server.admin.command("ping")["ok"] == 1


def test_a_new_testbed_has_a_backup_of_today(world: TestWorld, target: Target) -> None:
    backup = target_backups.newest_in(target_backups.folder_of(target), LIVE)
    assert datetime.now(UTC) - backup.manifest.taken_at < timedelta(hours=1)
    assert backup.manifest.schema_version == target.schema_version
    textfiles = list(world.folder.glob("textfile/kirana_backup_last_success*"))
    assert len(textfiles) == 1
    assert f"{backup.manifest.taken_at.timestamp():.3f}" in textfiles[0].read_text()
