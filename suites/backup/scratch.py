"""Makes scratch databases, each for one restored backup, and always drops them.

A killed run cannot drop its scratch database, so the next run drops that database. The first
document of a scratch database names the run that made the database. No other database is ever
dropped or written to.
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
    """The names of scratch databases of other runs.

    Args:
        dropped: the databases of ended runs; these databases were dropped.
        kept: the databases of runs that may still be alive; these databases were not dropped.
        unknown: the databases that do not name their run; these databases were not dropped.
    """

    dropped: tuple[str, ...]
    kept: tuple[str, ...]
    unknown: tuple[str, ...]


def own_prefix(run_id: str) -> str:
    """Return the prefix of the names of all scratch databases that this process makes for a run."""
    return f"{PREFIX}{run_id[:MAX_RUN_ID]}_{os.getpid()}_"


def scratch_name(run_id: str) -> str:
    """Make a new name for a scratch database of a run."""
    return own_prefix(run_id) + secrets.token_hex(3)


def refuse_other(name: str, live: str) -> None:
    """Refuse a database that is not a scratch database.

    Args:
        name: the name of the database that is to be written to or dropped.
        live: the name of the store's database.

    Raises:
        BackupError: the name is the name of the store's database, or does not begin with the
            prefix of scratch databases, or the store's own database has this prefix.
    """
    if name == live or live.startswith(PREFIX):
        raise BackupError(
            f"the database {name} is refused: {live} is the store's own database, and only the "
            f"names of scratch databases may begin with {PREFIX}"
        )
    if not name.startswith(PREFIX) or name == PREFIX:
        raise BackupError(
            f"the database {name} is refused: the name of a scratch database begins with {PREFIX}"
        )


@contextmanager
def scratch_database(server: Server, live: str, run_id: str) -> Iterator[Shop]:
    """Make a new scratch database, and drop the database at the end, also after an error.

    Args:
        server: a connection to the server for scratch databases.
        live: the name of the store's database, which is never changed.
        run_id: the id of the run that makes the scratch database.

    Raises:
        BackupError: the name is refused, or the database exists already.
        pymongo.errors.PyMongoError: the server does not answer.
    """
    name = scratch_name(run_id)
    refuse_other(name, live)
    if name in server.list_database_names():
        raise BackupError(f"the scratch database {name} exists already; run the command again")
    try:
        owner = {"_id": OWNER, "run_id": run_id, "made_at": datetime.now(UTC)}
        server[name][OWNER].insert_one(owner)
        yield server[name]
    finally:
        server.drop_database(name)


def drop_ended(server: Server, live: str) -> Scratches:
    """Drop the scratch databases of ended runs; return the names of all scratch databases.

    Args:
        server: a connection to the server for scratch databases.
        live: the name of the store's database, which is never dropped.

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
    """Return a time with its time zone; a time without a time zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
