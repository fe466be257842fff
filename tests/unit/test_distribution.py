"""Tests that need a testbed are in a group, so that few testbeds are started."""

import re

from distribution import GROUP_OF, GROUPS, GroupScheduling, group_of
from worlds import ROOT

# The fixtures that start a testbed.
NEEDS_A_TESTBED = re.compile(r"\b(?:world|passed_out): (?:TestWorld|Path)\b")


def test_every_file_whose_tests_need_a_testbed_is_in_a_group() -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if NEEDS_A_TESTBED.search(path.read_text())
    }
    assert len(files) >= 10
    assert files - GROUP_OF.keys() == set()


def test_every_file_of_a_group_exists_and_is_in_one_group() -> None:
    assert [name for name in GROUP_OF if not (ROOT / name).is_file()] == []
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF)


def test_tests_of_a_group_have_one_scope_and_others_that_of_their_file() -> None:
    scheduling = object.__new__(GroupScheduling)
    scopes = {
        scheduling._split_scope(f"tests/testbed/{name}::test_it[a::b]")
        for name in ("test_faults.py", "test_plugin.py")
    }
    assert scopes == {"suites"}
    assert scheduling._split_scope("tests/unit/test_cli.py::test_it") == "tests/unit/test_cli.py"
    assert group_of(ROOT / "tests/unit/test_cli.py") == ""
    assert group_of(ROOT / "tests/testbed/test_night.py") == "live"
