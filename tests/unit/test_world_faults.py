"""Faults of other parts than the store: switched twice, one for a part, undone after a failure."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from testbed import switch, world_faults
from testbed.errors import TestbedError
from testbed.faults import Fault
from testbed.world import World

DEAD_RULE = Fault("rules.dead", "wrong value", "a rule is dead", part="rules", change="part:first")
LOST_RULE = Fault("rules.lost", "lost update", "a rule is lost", part="rules", change="part:second")
SLOW_MAIL = Fault("mail.slow", "wrong time", "mail is slow", part="mail", change="part:third")


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A world without processes, and the calls of the functions that change its parts."""
    calls: list[tuple[str, bool]] = []
    world = World(tmp_path, {}, tmp_path, {})

    def resolve(place: str) -> tuple[object, str]:
        def change(world: World, *, on: bool) -> None:
            assert world.folder == tmp_path
            calls.append((place, on))

        return SimpleNamespace(change=change), "change"

    monkeypatch.setattr(world_faults, "resolve", resolve)
    faults = {fault.name: fault for fault in (DEAD_RULE, LOST_RULE, SLOW_MAIL)}
    monkeypatch.setattr(world_faults, "named", faults.__getitem__)
    return SimpleNamespace(world=world, calls=calls)


def test_a_fault_of_a_part_is_switched_on_and_off(part: SimpleNamespace) -> None:
    sentence = world_faults.switch(part.world, DEAD_RULE, "green", on=True)
    assert sentence == "rules: rules.dead on"
    assert world_faults.switched_on(part.world) == ["rules.dead"]
    assert world_faults.switch(part.world, DEAD_RULE, "green", on=False) == "rules: rules.dead off"
    assert world_faults.switched_on(part.world) == []
    place = "testbed.defects.part:first"
    assert part.calls == [(place, True), (place, False)]


def test_a_fault_that_is_switched_twice_is_changed_once(part: SimpleNamespace) -> None:
    for on in (True, True, False, False):
        world_faults.switch(part.world, DEAD_RULE, "green", on=on)
    assert [on for _, on in part.calls] == [True, False]


def test_a_second_fault_of_the_same_part_is_refused(part: SimpleNamespace) -> None:
    world_faults.switch(part.world, DEAD_RULE, "green", on=True)
    world_faults.switch(part.world, SLOW_MAIL, "green", on=True)
    with pytest.raises(TestbedError, match=r"rules\.dead is on and changes the same part"):
        world_faults.switch(part.world, LOST_RULE, "green", on=True)
    assert world_faults.switched_on(part.world) == ["mail.slow", "rules.dead"]


def test_a_change_that_failed_can_be_undone(
    part: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary = vars(world_faults)["resolve"]

    def fail(world: World, *, on: bool) -> None:
        raise TestbedError(f"Prometheus refuses {world.folder} {on}")

    monkeypatch.setattr(world_faults, "resolve", lambda _: (SimpleNamespace(fail=fail), "fail"))
    with pytest.raises(TestbedError, match="Prometheus refuses"):
        world_faults.switch(part.world, DEAD_RULE, "green", on=True)
    monkeypatch.setattr(world_faults, "resolve", ordinary)
    world_faults.switch(part.world, DEAD_RULE, "green", on=False)
    assert part.calls == [("testbed.defects.part:first", False)]
    assert world_faults.switched_on(part.world) == []


def test_the_functions_of_a_change_are_those_of_the_testbed() -> None:
    owner, attribute = switch.resolve("testbed.defects.platform:database_down")
    assert callable(getattr(owner, attribute))
