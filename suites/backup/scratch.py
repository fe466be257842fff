"""Scratch databases: made for one restored backup, and always dropped.

A killed run cannot drop its scratch database, so the next run does it: the first document of a
scratch database says which run made it. No other database is ever dropped or written to.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from suites.backup import BackupError
from suites.backup.layout import Shop
from suites.testdata.ended_runs import has_ended

PREFIX = "kirana_restore_"
OWNER = "scratch_owner"
# The longest name of a database is 63 bytes.
MAX_RUN_ID = 32
Server = MongoClient[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Scratches:
    """Scratch databases of other runs.

    Args:
        dropped: the databases of ended runs, which were dropped.
        kept: the databases of runs that may still be alive.
        unknown: the databases whose run is not known.
    """

    dropped: tuple[str, ...]
    kept: tuple[str, ...]
    unknown: tuple[str, ...]


def own_prefix(run_id: str) -> str:
    """The beginning of the names of all scratch databases that this process makes for a run."""
    return f"{PREFIX}{run_id[:MAX_RUN_ID]}_{os.getpid()}_"


def scratch_name(run_id: str) -> str:
    """A new name for a scratch database of a run."""
    return own_prefix(run_id) + secrets.token_hex(3)


def refuse_other(name: str, live: str) -> None:
    """Refuse a database that is not a scratch database.

    Args:
        name: the name of the database that is to be written to or dropped.
        live: the name of the store's database.

    Raises:
        BackupError: the name is the live database's, or does not begin with the prefix.
    """
    if name == live or live.startswith(PREFIX):
        raise BackupError(f"{name} is refused: {live} is the store's own database")
    if not name.startswith(PREFIX) or name == PREFIX:
        raise BackupError(f"{name} is refused: the name of a scratch database begins with {PREFIX}")


@contextmanager
def scratch_database(server: Server, live: str, run_id: str) -> Iterator[Shop]:
    """A new, empty database, which is dropped at the end, also after an error.

    Args:
        server: a connection to the server for scratch databases.
        live: the name of the store's database, which is never touched.
        run_id: the run that makes it.

    Raises:
        BackupError: the name is refused, or the database exists already.
        pymongo.errors.PyMongoError: the server does not answer.
    """
    name = scratch_name(run_id)
    refuse_other(name, live)
    if name in server.list_database_names():
        raise BackupError(f"{name} exists already")
    try:
        owner = {"_id": OWNER, "run_id": run_id, "made_at": datetime.now(UTC)}
        server[name][OWNER].insert_one(owner)
        yield server[name]
    finally:
        server.drop_database(name)


def drop_ended(server: Server, live: str) -> Scratches:
    """Drop the scratch databases of ended runs.

    Args:
        server: a connection to the server for scratch databases.
        live: the name of the store's database.

    Raises:
        pymongo.errors.PyMongoError: the server does not answer.
    """
    names: dict[str, list[str]] = {"dropped": [], "kept": [], "unknown": []}
    for name in sorted(server.list_database_names()):
        if not name.startswith(PREFIX) or name in (live, PREFIX):
            continue
        owner = server[name][OWNER].find_one({"_id": OWNER})
        if owner is None or not isinstance(owner.get("made_at"), datetime):
            names["unknown"].append(name)
        elif has_ended(str(owner.get("run_id")), _utc(owner["made_at"]), datetime.now(UTC)):
            refuse_other(name, live)
            server.drop_database(name)
            names["dropped"].append(name)
        else:
            names["kept"].append(name)
    return Scratches(**{kind: tuple(listed) for kind, listed in names.items()})


def _utc(moment: datetime) -> datetime:
    """A time of a driver that does not state the time zone, which is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
