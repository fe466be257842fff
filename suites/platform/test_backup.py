"""Platform checks of backups: a backup can be taken, is recent, and can be restored completely."""

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
    """A backup that this suite run took itself, with the documents that it must contain.

    Args:
        backup: the backup.
        ids: for some collections, the id of a document that this run made before the backup.
        collections: the names of the collections that the database had before the backup.
    """

    backup: Backup
    ids: dict[str, str]
    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """The target's newest backup, restored into a scratch database.

    Args:
        backup: the backup.
        scratch: the scratch database with the restored contents.
        times: the durations of the restore.
    """

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
    """Take a backup into a folder of this run, and delete the backup at the end."""
    ids = {
        "users": ownership.user().user_id,
        "products": ownership.product(price_paise=12_345, stock=10).product_id,
    }
    names = frozenset(database.list_collection_names())
    elsewhere = tmp_path_factory.mktemp("backups")
    with target_backups.passing_folder(target, run_id, elsewhere) as folder:
        yield OwnBackup(target_backups.take(target, folder, lambda _: None), ids, names)


@pytest.fixture(scope="module")
def restored(target: Target, run_id: str, database: "Shop") -> Iterator[RestoredBackup]:
    """Verify the newest backup of the target, and restore the backup into a scratch database."""
    newest = target_backups.newest_in(target_backups.folder_of(target), database.name)
    backup = verification.verified(newest.folder, database.name)
    with target_backups.restored(target, backup, run_id) as (scratch, times):
        yield RestoredBackup(backup, scratch, times)


@check("platform.backup.taken", needs="backups")
def test_taken(own_backup: OwnBackup, database: "Shop") -> None:
    """A new backup is undamaged, and contains every collection and the data of this run."""
    backup = own_backup.backup

    assert verification.problems_of(backup.folder, database.name) == []
    assert own_backup.collections - {stored.name for stored in backup.manifest.collections} == set()
    assert restoration.missing_in(backup, database) == []
    assert restoration.not_as_in(backup, database, own_backup.ids) == []


@check("platform.backup.age", needs="backups")
def test_age(target: Target, policy: Policy, database: "Shop") -> None:
    """The newest backup is young enough; no backup is damaged or readable by every user."""
    stored = target_backups.stored_in(target_backups.folder_of(target), database.name)

    assert stored.damaged == ()
    assert [
        reason for backup in stored.complete if (reason := verification.exposure(backup.folder))
    ] == []
    text = f"{target.backups} has no backup of {database.name}; take a backup"
    assert stored.complete != (), text
    age = datetime.now(UTC) - stored.complete[0].manifest.taken_at
    assert age.total_seconds() > -policy.platform_limits["clock_skew_seconds"]
    assert age.total_seconds() < policy.platform_limits["backup_age_hours"] * 3600


@check("platform.backup.restored", needs="backups")
def test_restored(restored: RestoredBackup, database: "Shop") -> None:
    """After a restore, the data equals the newest backup and the store's data at its time."""
    assert restoration.differences(restored.backup, restored.scratch) == []
    assert restoration.missing_in(restored.backup, database) == []
    taken_at = restored.backup.manifest.taken_at
    assert restoration.absent_from(restored.scratch, database, taken_at) == []


@check("platform.backup.restore_time", needs="backups")
def test_restore_time(restored: RestoredBackup, policy: Policy) -> None:
    """The restore of the newest backup takes less time than ``restore_seconds`` of the policy."""
    assert restored.times.total < policy.platform_limits["restore_seconds"]


@check("platform.backup.damaged_refused", needs="backups")
def test_damaged_refused(target: Target, own_backup: OwnBackup, run_id: str) -> None:
    """A cut, changed or incomplete copy of a backup is refused, and leaves no scratch database."""
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
    """A restore changes nothing in the store's database, and leaves no scratch database."""
    with target_backups.restored(target, own_backup.backup, run_id) as (scratch, _):
        name = scratch.name
        assert restoration.not_as_in(own_backup.backup, scratch, own_backup.ids) == []

    assert restoration.not_as_in(own_backup.backup, database, own_backup.ids) == []
    assert own_backup.collections - set(database.list_collection_names()) == set()
    with target_backups.scratch_server(target) as server:
        assert name not in server.list_database_names()
        assert drop_ended(server, database.name).unknown == ()
