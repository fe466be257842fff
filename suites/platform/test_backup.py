"""Platform checks of backups: taken, recent, restored into a scratch database, and never half."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gates.model import Policy, Target
from suites.backup import damage, restoration, target_backups, verification
from suites.backup.manifest import Backup
from suites.backup.restoration import RestoreTimes
from suites.backup.scratch import drop_ended
from suites.pytest_plugin.marks import check

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.platform


@dataclass(frozen=True, slots=True)
class OwnBackup:
    """A backup that this run took.

    Args:
        backup: the backup.
        ids: for each collection, the id of a document that this run made before.
        collections: the collections that the database had before.
    """

    backup: Backup
    ids: dict[str, str]
    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Restored:
    """The target's newest backup, restored into a scratch database."""

    backup: Backup
    scratch: "Shop"
    times: RestoreTimes


@pytest.fixture(scope="module")
def own_backup(
    target: Target,
    run_id: str,
    database: "Shop",
    ownership: "Ownership",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OwnBackup]:
    """A backup that this run takes beside the target's backups, and deletes at the end."""
    ids = {
        "users": ownership.user().user_id,
        "products": ownership.product(price_paise=12_345, stock=10).product_id,
    }
    names = frozenset(database.list_collection_names())
    elsewhere = tmp_path_factory.mktemp("backups")
    with target_backups.passing_folder(target, run_id, elsewhere) as folder:
        yield OwnBackup(target_backups.take(target, folder, lambda _: None), ids, names)


@pytest.fixture(scope="module")
def restored(target: Target, run_id: str, database: "Shop") -> Iterator[Restored]:
    """The newest backup of the target, verified, and restored into a scratch database."""
    newest = target_backups.newest_in(target_backups.folder_of(target), database.name)
    backup = verification.verified(newest.folder, database.name)
    with target_backups.restored(target, backup, run_id) as (scratch, times):
        yield Restored(backup, scratch, times)


@check("platform.backup.taken", needs="backups")
def test_taken(own_backup: OwnBackup, database: "Shop") -> None:
    """A backup can be taken now; it is whole, and holds every collection and this run's data."""
    backup = own_backup.backup

    assert verification.problems_of(backup.folder, database.name) == []
    assert own_backup.collections - {stored.name for stored in backup.manifest.collections} == set()
    assert restoration.missing_in(backup, database) == []
    assert restoration.not_as_in(backup, database, own_backup.ids) == []


@check("platform.backup.age", needs="backups")
def test_age(target: Target, policy: Policy, database: "Shop") -> None:
    """The newest complete backup is young enough; no backup is damaged, or open to every user."""
    stored = target_backups.stored_in(target_backups.folder_of(target), database.name)

    assert stored.damaged == ()
    assert [
        reason for backup in stored.complete if (reason := verification.exposure(backup.folder))
    ] == []
    assert stored.complete != (), f"{target.backups} has no backup of {database.name}"
    age = datetime.now(UTC) - stored.complete[0].manifest.taken_at
    assert age.total_seconds() > -policy.platform_limits["clock_skew_seconds"]
    assert age.total_seconds() < policy.platform_limits["backup_age_hours"] * 3600


@check("platform.backup.restored", needs="backups")
def test_restored(restored: Restored, database: "Shop") -> None:
    """The newest backup restores with identical contents, and lacks nothing of the store."""
    assert restoration.differences(restored.backup, restored.scratch) == []
    assert restoration.missing_in(restored.backup, database) == []
    taken_at = restored.backup.manifest.taken_at
    assert restoration.absent_from(restored.scratch, database, taken_at) == []


@check("platform.backup.restore_time", needs="backups")
def test_restore_time(restored: Restored, policy: Policy) -> None:
    """Restoring the newest backup takes less time than a rollback may take."""
    assert restored.times.total < policy.platform_limits["restore_seconds"]


@check("platform.backup.damaged_refused", needs="backups")
def test_damaged_refused(target: Target, own_backup: OwnBackup, run_id: str) -> None:
    """A cut, changed or incomplete copy is refused, and no scratch database is left."""
    folder = own_backup.backup.folder.parent

    rows = damage.refusals(own_backup.backup, folder)
    half = damage.half_restored(target, own_backup.backup, folder, run_id)

    assert len(rows) == 14
    assert [row.damage for row in rows if not row.problem] == []
    assert half.error != ""
    assert half.left == ()


@check("platform.backup.live_untouched", needs="backups")
def test_live_untouched(
    target: Target, own_backup: OwnBackup, database: "Shop", run_id: str
) -> None:
    """Restoring changes nothing in the store's database, and leaves no other database."""
    with target_backups.restored(target, own_backup.backup, run_id) as (scratch, _):
        name = scratch.name
        assert restoration.not_as_in(own_backup.backup, scratch, own_backup.ids) == []

    assert restoration.not_as_in(own_backup.backup, database, own_backup.ids) == []
    assert own_backup.collections - set(database.list_collection_names()) == set()
    with target_backups.scratch_server(target) as server:
        assert name not in server.list_database_names()
        assert drop_ended(server, database.name).unknown == ()
