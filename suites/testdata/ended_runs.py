"""Deletes data that ended runs left in the database, because a killed run cannot delete its data.

A run has ended if its processes on this machine are gone. If this is not known, the run counts
as ended if its newest data is older than two hours. The data of a run that may be alive is never
deleted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from gates.model import Target
from suites.testdata.ownership import TRACES, Shop, left_behind, remove_everything
from suites.testdata.run_locks import RunLife, life

ENDED_AFTER = timedelta(hours=2)
MAX_NAMES = 3
# Matches only ids that ``Ownership`` makes: kind, run, process, ten random digits.
OWN_ID = r"^(?:usr|prd|evt)_([a-z0-9][a-z0-9-]{0,59})-(?:main|gw[0-9]+)_[0-9a-f]{10}"
RUN_TIME = re.compile(r"(\d{8}-\d{6})-")
# Fields with the time at which a document was written.
TIMES = ("made_at", "created_at", "at", "reached_at", "seen_at", "unlocked_at")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The data of other runs in a target's database.

    Args:
        removed: the number of documents that were deleted, by collection.
        ended: the ids of the ended runs that had left data, deleted or not.
        kept: the ids of the runs whose data was not deleted, because the runs may be alive.
        problem: the reason why data of ended runs is left, or may be left; an empty text if no data
            is left.
    """

    removed: Mapping[str, int] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    problem: str = ""

    def __add__(self, later: "Leftovers") -> "Leftovers":
        """Combine the results of two searches; only the later search tells which data is left."""
        return Leftovers(
            removed=Counter(self.removed) + Counter(later.removed),
            ended=tuple(sorted({*self.ended, *later.ended})),
            kept=later.kept,
            problem=later.problem,
        )

    def sentence(self) -> str:
        """Return one line for the summary of a run; empty if no run left data."""
        parts = []
        if self.removed:
            parts.append(f"removed {_counts(self.removed)} that {_runs(self.ended)} left")
        if self.kept:
            parts.append(
                f"kept the data of {_runs(self.kept)}, because a process may still be running"
            )
        return "; ".join([*parts, *([self.problem] if self.problem else [])])


def remove_leftovers(target: Target, run_id: str, *, also_in_production: bool) -> Leftovers:
    """Search the database for data of ended runs, and delete this data if the target allows it.

    Args:
        target: the target with the database.
        run_id: the id of the present run, whose own data is not deleted.
        also_in_production: whether to delete data on a production target, too; otherwise the data
            on a production target is only reported.
    """
    if "database_uri" not in target.secrets:
        return Leftovers()
    may_delete = also_in_production or not target.production
    try:
        with MongoClient[dict[str, Any]](
            target.secrets["database_uri"], serverSelectionTimeoutMS=2000, tz_aware=True
        ) as client:
            return _search(client.get_default_database(), run_id, may_delete=may_delete)
    except PyMongoError as error:
        unknown = "it is unknown whether ended runs left data"
        return Leftovers(problem=f"{unknown}: the database does not answer ({_name(error)})")


def _search(database: Shop, run_id: str, *, may_delete: bool) -> Leftovers:
    now = datetime.now(UTC)
    others = {name: at for name, at in runs_with_data(database).items() if name != run_id}
    ended = tuple(name for name, newest in sorted(others.items()) if has_ended(name, newest, now))
    living = tuple(sorted(set(others) - set(ended)))
    before = _left(database, ended)
    if may_delete:
        for name in ended:
            remove_everything(database, name)
    after = _left(database, ended)
    return Leftovers(
        removed=before - after,
        ended=ended,
        kept=living,
        problem="; ".join(
            [*_still_there(ended, after, may_delete=may_delete), *_of_unknown_age(others, living)]
        ),
    )


def _still_there(ended: tuple[str, ...], counts: Counter[str], *, may_delete: bool) -> list[str]:
    if not counts:
        return []
    sentence = f"{_runs(ended)} left {_counts(counts)} in the database"
    if may_delete:
        problem = "the documents could not be deleted; delete the documents by hand"
    else:
        problem = (
            "this is a production target, so no document was deleted: look at the documents, then "
            "run again with --remove-ended-runs"
        )
    return [f"{sentence}; {problem}"]


def _of_unknown_age(others: Mapping[str, datetime | None], kept: Iterable[str]) -> list[str]:
    names = tuple(name for name in kept if others[name] is None and life(name) is not RunLife.ALIVE)
    if not names:
        return []
    problem = f"the age of the data of {_runs(names)} is unknown, so the data was not deleted"
    return [f"{problem}; delete the data by hand"]


def runs_with_data(database: Shop) -> dict[str, datetime | None]:
    """Find the runs with data in the database.

    Returns:
        For each run id, the newest time in the data of the run; None for data without a time.
    """
    newest: dict[str, datetime | None] = {}
    for collection, name in TRACES.items():
        fields = dict.fromkeys((name, *TIMES), 1)
        for document in database[collection].find({name: {"$regex": OWN_ID}}, fields):
            match = re.match(OWN_ID, str(document[name]))
            if match is None:
                continue
            run_id = match[1]
            times = [newest.get(run_id), _started(run_id), *map(document.get, TIMES)]
            newest[run_id] = max((at for at in times if isinstance(at, datetime)), default=None)
    return newest


def has_ended(run_id: str, newest: datetime | None, now: datetime) -> bool:
    """Return whether a run has ended; an ended run cannot write into the database.

    Args:
        run_id: the id of the run.
        newest: the newest time in the data of the run, UTC; None for data without a time.
        now: the present time, UTC.
    """
    run_life = life(run_id)
    if run_life is RunLife.UNKNOWN:
        return newest is not None and now - newest > ENDED_AFTER
    return run_life is RunLife.ENDED


def _started(run_id: str) -> datetime | None:
    """Return the time in a run id that ``new_run_id`` made; None for any other run id."""
    match = RUN_TIME.match(run_id)
    try:
        return datetime.strptime(f"{match[1]}Z", "%Y%m%d-%H%M%S%z") if match else None
    except ValueError:
        return None


def _left(database: Shop, runs: Iterable[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for name in runs:
        total.update(left_behind(database, name))
    return total


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _runs(names: tuple[str, ...]) -> str:
    hidden = len(names) - MAX_NAMES
    listed_names = ", ".join(names[:MAX_NAMES]) + (f" and {hidden} more" if hidden > 0 else "")
    return f"run {listed_names}" if len(names) == 1 else f"{len(names)} runs ({listed_names})"


def _name(error: Exception) -> str:
    return type(error).__name__
