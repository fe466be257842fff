"""What ended runs left in the database: a run that is killed cannot clean up, so the next one does.

A run has ended when its processes on this machine are gone, or when its newest data is older than
two hours. The data of a run that may be alive is never touched.
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
# Only ids that ``Ownership`` gives: kind, run, process, ten random digits.
OWN_ID = r"^(?:usr|prd|evt)_([a-z0-9][a-z0-9-]{0,59})-(?:main|gw[0-9]+)_[0-9a-f]{10}"
RUN_TIME = re.compile(r"(\d{8}-\d{6})-")
# Fields that say when a document was written.
TIMES = ("made_at", "created_at", "at", "reached_at", "seen_at", "unlocked_at")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What other runs left in a target's database.

    Args:
        removed: how many documents of each collection were deleted.
        ended: the ended runs that left something, deleted or not.
        spared: runs whose data is kept, as they may be alive.
        problem: why something is still there, or may be; empty when nothing is.
    """

    removed: Mapping[str, int] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    problem: str = ""

    def __add__(self, later: "Leftovers") -> "Leftovers":
        """What two looks did; what is still there is what the later look saw."""
        return Leftovers(
            removed=Counter(self.removed) + Counter(later.removed),
            ended=tuple(sorted({*self.ended, *later.ended})),
            spared=later.spared,
            problem=later.problem,
        )

    def sentence(self) -> str:
        """One line for a person; empty when there is nothing to say."""
        parts = []
        if self.removed:
            parts.append(f"removed {_counts(self.removed)} that {_runs(self.ended)} left")
        if self.spared:
            parts.append(f"kept the data of {_runs(self.spared)}, which may be under way")
        return "; ".join([*parts, *([self.problem] if self.problem else [])])


def remove_leftovers(target: Target, run_id: str, *, also_in_production: bool) -> Leftovers:
    """Look for what ended runs left, and delete it where the target allows that.

    Args:
        target: whose database.
        run_id: the run that looks; its own data is left alone.
        also_in_production: delete on a production target, too, instead of reporting only.
    """
    if "database_uri" not in target.secrets:
        return Leftovers()
    may_delete = also_in_production or not target.production
    try:
        with MongoClient[dict[str, Any]](
            target.secrets["database_uri"], serverSelectionTimeoutMS=2000, tz_aware=True
        ) as client:
            return _look(client.get_default_database(), run_id, may_delete=may_delete)
    except PyMongoError as error:
        return Leftovers(problem=f"ended runs: the database does not answer ({_name(error)})")


def _look(database: Shop, run_id: str, *, may_delete: bool) -> Leftovers:
    now = datetime.now(UTC)
    others = {name: at for name, at in runs_with_data(database).items() if name != run_id}
    ended = tuple(name for name, newest in sorted(others.items()) if has_ended(name, newest, now))
    spared = tuple(sorted(set(others) - set(ended)))
    before = _left(database, ended)
    if may_delete:
        for name in ended:
            remove_everything(database, name)
    after = _left(database, ended)
    return Leftovers(
        removed=before - after,
        ended=ended,
        spared=spared,
        problem="; ".join(
            [*_still_there(ended, after, may_delete=may_delete), *_ageless(others, spared)]
        ),
    )


def _still_there(ended: tuple[str, ...], left: Counter[str], *, may_delete: bool) -> list[str]:
    if not left:
        return []
    said = f"{_runs(ended)} left {_counts(left)} in the database"
    if may_delete:
        return [f"{said}, and they could not be deleted: delete them by hand"]
    return [f"{said}; this is a production target: look at them, then add --remove-ended-runs"]


def _ageless(others: Mapping[str, datetime | None], spared: Iterable[str]) -> list[str]:
    names = tuple(
        name for name in spared if others[name] is None and life(name) is not RunLife.ALIVE
    )
    if not names:
        return []
    return [f"nothing says how old the data of {_runs(names)} is: delete it by hand"]


def runs_with_data(database: Shop) -> dict[str, datetime | None]:
    """The runs whose data is in the database, and when each last wrote some, as far as it says."""
    newest: dict[str, datetime | None] = {}
    for collection, name in TRACES.items():
        fields = dict.fromkeys((name, *TIMES), 1)
        for document in database[collection].find({name: {"$regex": OWN_ID}}, fields):
            found = re.match(OWN_ID, str(document[name]))
            if found is None:
                continue
            run_id = found[1]
            times = [newest.get(run_id), _started(run_id), *map(document.get, TIMES)]
            newest[run_id] = max((at for at in times if isinstance(at, datetime)), default=None)
    return newest


def has_ended(run_id: str, newest: datetime | None, now: datetime) -> bool:
    """Whether a run can write nothing more.

    Args:
        run_id: which run.
        newest: when it last wrote something; None when nothing says so.
        now: the present.
    """
    known = life(run_id)
    if known is RunLife.UNKNOWN:
        return newest is not None and now - newest > ENDED_AFTER
    return known is RunLife.ENDED


def _started(run_id: str) -> datetime | None:
    """The time in a run id that ``new_run_id`` made."""
    found = RUN_TIME.match(run_id)
    try:
        return datetime.strptime(f"{found[1]}Z", "%Y%m%d-%H%M%S%z") if found else None
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
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
    return f"run {shown}" if len(names) == 1 else f"{len(names)} runs ({shown})"


def _name(error: Exception) -> str:
    return type(error).__name__
