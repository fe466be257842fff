"""mongodump and mongorestore, by programs that stand for them: they are not to be had here."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import bson
import pytest
from stored_documents import NAME, backup_of, small_shop

from suites.backup import BackupError, mongo_tools, verification
from suites.backup.manifest import Backup

# A password of no server, put together here so that no scanner takes it for one.
URI = "mongodb://shop:" + "pass" * 3 + "@127.0.0.1:9/kirana"

PROGRAM = """#!{python}
import json, pathlib, shutil, sys
if "--version" in sys.argv:
    print("{name} version: 100.9.4")
    sys.exit()
options = dict(word[2:].split("=", 1) for word in sys.argv[1:] if "=" in word)
config = pathlib.Path(options["config"])
calls = {{"argv": sys.argv, "config": config.read_text(), "mode": config.stat().st_mode & 0o777}}
pathlib.Path("{calls}").write_text(json.dumps(calls))
if "{failure}":
    print("first line\\nFailed: {failure} {uri}", file=sys.stderr)
    sys.exit(1)
if "out" in options:
    shutil.copytree("{source}", options["out"], dirs_exist_ok=True)
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Where the programs write how they were called."""
    return tmp_path / "calls.json"


@pytest.fixture
def dumped(tmp_path: Path) -> Path:
    """The files that the program in place of mongodump writes."""
    (tmp_path / "from-copier").mkdir()
    copied = backup_of(small_shop(), tmp_path / "from-copier")
    for name in ("manifest.json", "manifest.json.sha256"):
        (copied.folder / name).unlink()
    (copied.folder / NAME / "prelude.json").write_text("{}")
    (copied.folder / NAME / "new.bson").write_bytes(b"")
    return copied.folder


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Path, dumped: Path
) -> "type[Programs]":
    Programs.folder, Programs.calls, Programs.source = tmp_path / "bin", calls, dumped
    Programs.folder.mkdir()
    monkeypatch.setenv("PATH", f"{Programs.folder}:{os.environ['PATH']}")
    return Programs


class Programs:
    """Installs programs that stand for the tools."""

    folder: Path
    calls: Path
    source: Path

    @classmethod
    def write(cls, *, failure: str = "") -> None:
        for name in ("mongodump", "mongorestore"):
            text = PROGRAM.format(
                python=sys.executable,
                name=name,
                calls=cls.calls,
                source=cls.source,
                failure=failure,
                uri=URI,
            )
            (cls.folder / name).write_text(text)
            (cls.folder / name).chmod(0o700)


def taken(folder: Path) -> Backup:
    folder.mkdir(exist_ok=True)
    database: Any = small_shop()
    return mongo_tools.take(database, URI, folder, lambda _: None, compress=False)


def test_without_both_programs_the_copier_is_used(install: type[Programs]) -> None:
    assert not mongo_tools.are_installed()
    install.write()
    assert mongo_tools.are_installed()
    (install.folder / "mongorestore").unlink()
    assert not mongo_tools.are_installed()


def test_a_backup_of_mongodump_is_verified_like_a_copy(
    install: type[Programs], tmp_path: Path, calls: Path
) -> None:
    install.write()
    backup = taken(tmp_path / "backups")
    assert verification.problems_of(backup.folder, NAME) == []
    assert backup.manifest.tool == "mongodump 100.9.4"
    assert backup.manifest.documents == 6
    assert not (backup.folder / NAME / "new.bson").exists()
    call = json.loads(calls.read_text())
    assert URI not in " ".join(call["argv"])
    assert (call["config"], call["mode"]) == (f"uri: {json.dumps(URI)}\n", 0o600)
    assert "--db=kirana" in call["argv"]


def test_a_failure_of_mongodump_leaves_nothing_and_shows_no_password(
    install: type[Programs], tmp_path: Path
) -> None:
    install.write(failure="no reachable servers")
    with pytest.raises(BackupError) as error:
        taken(tmp_path / "backups")
    assert str(error.value) == "mongodump ended with exit code 1: Failed: no reachable servers ***"
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_collection_that_mongodump_left_out_is_an_error(
    install: type[Programs], tmp_path: Path
) -> None:
    install.write()
    (install.source / NAME / "products.bson").unlink()
    with pytest.raises(BackupError, match=r"mongodump wrote no kirana/products\.bson"):
        taken(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


class Scratch:
    """A scratch database that notes the commands it gets."""

    name = "kirana_restore_run_1_abc"

    def __init__(self) -> None:
        self.commands: list[tuple[str, list[str]]] = []

    def command(self, _: str, collection: str, *, indexes: list[dict[str, Any]]) -> None:
        self.commands.append((collection, [index["name"] for index in indexes]))


def test_mongorestore_writes_into_the_scratch_database_only(
    install: type[Programs], tmp_path: Path, calls: Path
) -> None:
    install.write()
    scratch: Any = Scratch()
    mongo_tools.restore(taken(tmp_path / "backups"), scratch, URI, NAME)
    arguments = json.loads(calls.read_text())["argv"]
    assert {"--nsFrom=kirana.*", "--nsTo=kirana_restore_run_1_abc.*"} <= set(arguments)
    assert URI not in " ".join(arguments)
    assert scratch.commands == [("products", ["category_1"])]


def test_mongorestore_never_gets_the_live_database(
    install: type[Programs], tmp_path: Path, calls: Path
) -> None:
    install.write()
    backup = taken(tmp_path / "backups")
    calls.unlink()
    scratch: Any = Scratch()
    scratch.name = NAME
    with pytest.raises(BackupError, match="kirana is refused"):
        mongo_tools.restore(backup, scratch, URI, NAME)
    assert not calls.exists()
    assert bson.decode((backup.folder / NAME / "migrations.bson").read_bytes())["version"] == 5
