"""Defects of backups: of the newest backup, of the folder, and of the server's databases."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from testbed.backups import folder_of
from testbed.world import World

MANIFEST, DIGEST = "manifest.json", "manifest.json.sha256"
# A scratch database that does not say which run made it.
SCRATCH = "kirana_restore_by_hand"
Content = dict[str, Any]


def _changed(world: World, change: Callable[[Path], object], *, on: bool) -> None:
    """Change the folder of backups, or give it back its content."""
    folder, kept = folder_of(world), world.folder / "backups-kept"
    if on:
        unfinished = world.folder / "backups-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(folder, unfinished)
        unfinished.rename(kept)
        change(folder)
    elif kept.exists():
        _delete(folder)
        kept.rename(folder)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _newest(folder: Path) -> Path:
    return max(path for path in folder.iterdir() if path.is_dir())


def _rewritten(change: Callable[[Content], object]) -> Callable[[Path], None]:
    """Change the manifest of the newest backup as its writer would: with the right digest."""

    def act(folder: Path) -> None:
        path = _newest(folder) / MANIFEST
        content: Content = json.loads(path.read_text())
        change(content)
        raw = json.dumps(content).encode()
        path.write_bytes(raw)
        line = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n"
        path.with_name(DIGEST).write_text(line)

    return act


def _moved_by(days: int) -> Callable[[Path], None]:
    taken_at = datetime.now(UTC) + timedelta(days=days)
    return _rewritten(lambda content: content.update(taken_at=taken_at.isoformat()))


def _file(folder: Path, collection: str) -> Path:
    """The file with the documents of a collection."""
    return next(_newest(folder).glob(f"*/{collection}.bson*"))


def stale(world: World, *, on: bool) -> None:
    _changed(world, _moved_by(-2), on=on)


def of_tomorrow(world: World, *, on: bool) -> None:
    _changed(world, _moved_by(1), on=on)


def none(world: World, *, on: bool) -> None:
    def empty(folder: Path) -> None:
        for path in folder.iterdir():
            _delete(path)

    _changed(world, empty, on=on)


def unfinished(world: World, *, on: bool) -> None:
    _changed(world, lambda folder: (_newest(folder) / MANIFEST).unlink(), on=on)


def truncated(world: World, *, on: bool) -> None:
    def cut(folder: Path) -> None:
        path = _file(folder, "products")
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) // 2])

    _changed(world, cut, on=on)


def flipped_byte(world: World, *, on: bool) -> None:
    def flip(folder: Path) -> None:
        path = _file(folder, "products")
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(bytes(raw))

    _changed(world, flip, on=on)


def file_missing(world: World, *, on: bool) -> None:
    _changed(world, lambda folder: _file(folder, "users").unlink(), on=on)


def extra_file(world: World, *, on: bool) -> None:
    def add(folder: Path) -> None:
        path = _file(folder, "products")
        shutil.copy(path, path.with_name("goods.bson"))

    _changed(world, add, on=on)


def collection_lost(world: World, *, on: bool) -> None:
    def lose(folder: Path) -> None:
        for path in _newest(folder).glob("*/orders.*"):
            path.unlink()
        _rewritten(_without_orders)(folder)

    _changed(world, lose, on=on)


def _without_orders(content: Content) -> None:
    content["collections"] = [
        stored for stored in content["collections"] if stored["name"] != "orders"
    ]


def indexes_lost(world: World, *, on: bool) -> None:
    def lose(content: Content) -> None:
        for stored in content["collections"]:
            stored["indexes"] = [index for index in stored["indexes"] if index["name"] == "_id_"]

    _changed(world, _rewritten(lose), on=on)


def other_database(world: World, *, on: bool) -> None:
    _changed(world, _rewritten(lambda content: content.update(database="staging")), on=on)


def duplicate(world: World, *, on: bool) -> None:
    """Append the first product again, with a manifest that fits."""

    def append(folder: Path) -> None:
        path = _file(folder, "products")
        raw = path.read_bytes()
        raw += raw[: int.from_bytes(raw[:4], "little")]
        path.write_bytes(raw)

        def count(content: Content) -> None:
            for stored in content["collections"]:
                if stored["name"] == "products":
                    stored["documents"] += 1
                    digest = hashlib.sha256(raw).hexdigest()
                    stored["data"] |= {"size": len(raw), "sha256": digest}

        _rewritten(count)(folder)

    _changed(world, append, on=on)


def folder_gone(world: World, *, on: bool) -> None:
    _changed(world, _delete, on=on)


def folder_unwritable(world: World, *, on: bool) -> None:
    def replace(folder: Path) -> None:
        _delete(folder)
        folder.write_text("")

    _changed(world, replace, on=on)


def scratch_left(world: World, *, on: bool) -> None:
    uri = world.environment["KIRANA_DATABASE_URI"]
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=5000) as client:
        if on:
            client[SCRATCH].users.insert_one({"name": "Asha"})
        else:
            client.drop_database(SCRATCH)
