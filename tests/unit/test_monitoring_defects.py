"""The faults of monitoring: each changes the files of a world, loads, and is undone."""

import subprocess
from pathlib import Path

import pytest

from testbed import ports, world_faults
from testbed.defects import monitoring as defects
from testbed.errors import TestbedError
from testbed.faults import Fault
from testbed.faults.monitoring import DASHBOARDS, ROUTES, RULES, SCRAPES
from testbed.monitoring import configuration
from testbed.world import World

FAULTS = (*RULES, *ROUTES, *SCRAPES, *DASHBOARDS)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of files, in which no part has to read them again."""
    monkeypatch.setattr(defects, "_reload", lambda *_: None)
    monkeypatch.setattr(defects, "_wait", lambda *_: None)
    monkeypatch.setattr(configuration, "SCRAPE_SECONDS", 0.0)
    world = World(tmp_path, dict(ports.GUIDE), tmp_path, {})
    configuration.write_rules(world)
    configuration.write_prometheus(world)
    configuration.write_alertmanager(world)
    configuration.write_dashboards(world)
    return world


def files(world: World) -> dict[str, str]:
    """The text of every file of a world, by its path."""
    paths = [path for path in world.folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(world.folder)): path.read_text() for path in paths}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_files_that_load_and_is_undone(world: World, fault: Fault) -> None:
    before = files(world)
    world_faults.switch(world, fault, "green", on=True)
    changed = files(world)
    assert changed != before
    for command in (
        ("promtool", "check", "config", world.folder / "prometheus.yml"),
        ("amtool", "check-config", world.folder / "alertmanager.yml"),
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    world_faults.switch(world, fault, "green", on=True)
    assert files(world) == changed
    world_faults.switch(world, fault, "green", on=False)
    assert files(world) == before


def test_no_two_faults_change_the_same_text(world: World) -> None:
    changes = set()
    for fault in FAULTS:
        world_faults.switch(world, fault, "green", on=True)
        changes.add(str(sorted(files(world).items())))
        world_faults.switch(world, fault, "green", on=False)
    assert len(changes) == len(FAULTS)


def test_a_fault_that_no_longer_fits_its_file_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("critical", "warning", "info"):
        (tmp_path / "empty" / f"{name}.yml").write_text("groups: []\n")
    monkeypatch.setattr(configuration, "RULES", tmp_path / "empty")
    with pytest.raises(TestbedError, match="does not find"):
        defects.dead_rule(world, on=True)
    with pytest.raises(TestbedError, match="0 times"):
        defects.rule_missing(world, on=True)
