"""Which tests share a worker of pytest-xdist, and which of them begin first.

The tests of a group share one testbed, one after the other. The groups begin first, because they
take longest. A test that uses the testbed belongs to a group: after the groups, the testbed is
down. The mark ``xdist_group`` cannot say so: pytest-xdist 3.8 changes a test's id for it, and
pytest 9.2 does not let it.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from worlds import ROOT
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

GROUPS = {
    # These tests wait most of the time: for scrapes, bakes and load.
    "live": (
        "testbed/test_ramp_world.py",
        "testbed/test_ended_runs.py",
        "testbed/test_failures.py",
        "adversarial/test_evidence_is_needed.py",
        "testbed/test_load_runs.py",
        "testbed/test_night.py",
        "testbed/test_security_tools.py",
        "testbed/test_store_log.py",
        "testbed/test_backups.py",
        "testbed/test_live_metrics.py",
    ),
    "suites": (
        "testbed/test_database_checks.py",
        "testbed/test_faults.py",
        "testbed/test_plugin.py",
        "testbed/test_lost_dependency.py",
        "testbed/test_run_files.py",
        "testbed/test_monitoring_world.py",
        "testbed/test_platform.py",
        "testbed/test_testbed.py",
    ),
}
GROUP_OF = {f"tests/{name}": group for group, names in GROUPS.items() for name in names}


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker a whole group, or a whole file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return GROUP_OF.get(path, path)


def groups_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests, those of groups first, group by group."""
    order = [*GROUPS, ""]
    return sorted(items, key=lambda item: order.index(group_of(item.path)))


def group_of(path: Path) -> str:
    """The group of a test file; empty for none."""
    return GROUP_OF.get(path.relative_to(ROOT).as_posix(), "") if path.is_relative_to(ROOT) else ""
