"""A run removes what ended runs left in the database, and nothing of a run that may be alive."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from thorough import THOROUGH
from worlds import ROOT, TestWorld, environment, recorded, results

from gates.model import Target
from gates.policy import target_file as targets
from suites.testdata import run_locks
from suites.testdata.ended_runs import has_ended, remove_leftovers
from suites.testdata.run_locks import RunLife

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WAITING = """
import pathlib
import pytest
from suites.pytest_plugin.marks import check
from suites.client.waiting import wait_until

HERE = pathlib.Path(__file__).parent

@pytest.mark.smoke
@check("smoke.login", needs="auth")
def test_it(ownership, database):
    user = ownership.user()
    with ownership.on_sale(ownership.findable_product("zqjar", price_paise=100)):
        (HERE / "ready").touch()
        wait_until("the end", (HERE / "end").exists, bool, seconds=60)
        assert database.users.find_one({"_id": user.user_id})
        assert database.products.count_documents({"words": "zqjar", "visibility": "listed"}) == 1
"""


@pytest.fixture
def database(world: TestWorld) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](world.state["environment"]["KIRANA_DATABASE_URI"]) as client:
        yield client.get_default_database()


@pytest.fixture
def green(world: TestWorld) -> Target:
    return targets.load("green", world.targets)


@contextmanager
def waiting_run(world: TestWorld, folder: Path, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has put a product on sale and waits."""
    folder.mkdir()
    (folder / "test_waiting.py").write_text(WAITING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--target",
        "green",
        f"--targets={world.targets}",
        f"--out={folder / 'out'}",
        "-p",
        "no:cacheprovider",
        "-q",
        "--run-id",
        run_id,
        f"--rootdir={folder}",
        str(folder / "test_waiting.py"),
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not (folder / "ready").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield process
        finally:
            process.kill()


def data_of(database: Database[dict[str, Any]], run_id: str) -> int:
    mine = {"_id": {"$regex": f"_{run_id}-"}}
    return database.users.count_documents(mine) + database.products.count_documents(mine)


@pytest.mark.parametrize("workers", [(), ("-n", "2")] if THOROUGH else [()])
def test_what_a_killed_run_left_is_removed_by_the_next(
    world: TestWorld, database: Database[dict[str, Any]], tmp_path: Path, workers: tuple[str, ...]
) -> None:
    # Locks are the machine's, and other processes of these tests have worlds of their own.
    name = f"killed-{os.getpid()}-{len(workers)}"
    with waiting_run(world, tmp_path / "killed", name) as process:
        process.kill()
        process.wait()
    assert data_of(database, name) == 2
    done = world.pytest(tmp_path / "out", "-q", "--check", "smoke.health", *workers)
    assert done.code == 0, done.out
    removed = f"other runs: removed 1 products, 1 users that run {name} left"
    assert done.out.count(removed) == 1
    assert data_of(database, name) == 0
    assert recorded(tmp_path / "out")["run.left_nothing"] == "passed"


def test_a_run_leaves_a_living_run_alone(
    world: TestWorld, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    name = f"long-{os.getpid()}"
    with waiting_run(world, tmp_path / "long", name) as process:
        done = world.pytest(tmp_path / "out", "-q", "--check", "smoke.health")
        assert done.code == 0, done.out
        assert f"kept the data of run {name}, because a process may still be running" in done.out
        assert data_of(database, name) == 2
        (tmp_path / "long" / "end").touch()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert results(tmp_path / "long" / "out") == {"smoke.login": "passed"}
    assert data_of(database, name) == 0


PLANTED = """
import suites.testdata.ended_runs
from suites.pytest_plugin.marks import check

@check("smoke.login", needs="auth")
def test_it(database):
    database.carts.insert_one({"_id": "usr_20200101-000000-dead-gw0_0123456789", "items": []})
    suites.testdata.ended_runs.remove_everything = lambda database, run_id: None
"""


def test_what_cannot_be_removed_fails_the_run(
    world: TestWorld, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    module = tmp_path / "test_planted.py"
    module.write_text(PLANTED)
    done = world.pytest(tmp_path / "out", "-q", f"--rootdir={tmp_path}", str(module))
    assert done.code == 1, done.out
    assert recorded(tmp_path / "out") == {"smoke.login": "passed", "run.left_nothing": "failed"}
    assert "run 20200101-000000-dead left 1 carts in the database; the documents could" in done.out
    assert database.carts.delete_many({"_id": {"$regex": "20200101"}}).deleted_count == 1


OLD, NEW = "20200101-000000-dead", "29990101-000000-beef"


def test_production_is_only_reported_and_customers_are_never_touched(
    green: Target, database: Database[dict[str, Any]]
) -> None:
    customers = ["usr_seed_x", "usr_20200101_0123456789"]
    own = [f"usr_{OLD}-main_0123456789", f"usr_{NEW}-main_0123456789"]
    database.users.insert_many(
        [{"_id": name, "phone": name, "email": name} for name in [*customers, *own]]
    )
    try:
        live = replace(green, production=True)
        reported = remove_leftovers(live, "mine", also_in_production=False)
        assert (reported.removed, reported.ended, reported.kept) == ({}, (OLD,), (NEW,))
        assert "1 users in the database; this is a production target" in reported.problem
        assert database.users.count_documents({"_id": {"$in": [*customers, *own]}}) == 4
        assert remove_leftovers(live, OLD, also_in_production=True).removed == {}
        removed = remove_leftovers(live, "mine", also_in_production=True)
        assert (removed.removed, removed.problem) == ({"users": 1}, "")
        kept = {str(user["_id"]) for user in database.users.find()} - {own[0]}
        assert {*customers, own[1]} <= kept
    finally:
        database.users.delete_many({"_id": {"$in": [*customers, *own]}})


def test_data_of_unknown_age_is_kept_and_is_a_finding(
    green: Target, database: Database[dict[str, Any]]
) -> None:
    database.carts.insert_one({"_id": "usr_named-by-hand-main_0123456789", "items": []})
    try:
        looked = remove_leftovers(green, "mine", also_in_production=False)
        assert (looked.removed, looked.kept) == ({}, ("named-by-hand",))
        assert "the age of the data of run named-by-hand is unknown" in looked.problem
        assert database.carts.count_documents({"_id": {"$regex": "named-by-hand"}}) == 1
    finally:
        database.carts.delete_many({"_id": {"$regex": "named-by-hand"}})


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any lock."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_run_of_another_machine_has_ended_after_two_hours(elsewhere: Path) -> None:
    assert elsewhere.exists()
    assert run_locks.life("of-another") is RunLife.UNKNOWN
    for hours, ended in ((0.0, False), (1.9, False), (2.1, True), (-5.0, False)):
        assert has_ended("of-another", NOW - timedelta(hours=hours), NOW) is ended
    assert not has_ended("of-another", None, NOW)


HOLDING = """
import sys
from suites.testdata import run_locks
run_locks.hold("a-run")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_tells_a_living_run_from_an_ended_one(elsewhere: Path) -> None:
    command = [sys.executable, "-c", HOLDING]
    variables = {**environment(), "TMPDIR": str(elsewhere)}
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert run_locks.life("a-run") is RunLife.ALIVE
        assert not has_ended("a-run", NOW - timedelta(days=3), NOW)
        process.kill()
    assert run_locks.life("a-run") is RunLife.ENDED
    assert has_ended("a-run", None, NOW)
    run_locks.release("a-run")
    assert run_locks.life("a-run") is RunLife.UNKNOWN


def test_old_locks_are_forgotten_and_foreign_folders_are_not_used(elsewhere: Path) -> None:
    folder = elsewhere / f"kirana-runs-{os.getuid()}"
    run_locks.hold("one")
    (folder / "old").touch()
    os.utime(folder / "old", (1, 1))
    run_locks.hold("two")
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    run_locks.release("one")
    run_locks.release("two")
    folder.rmdir()
    folder.symlink_to(elsewhere)
    run_locks.hold("three")
    assert run_locks.life("three") is RunLife.UNKNOWN
