"""Files of the suites that have no wanted check are not imported; no wanted check is left out."""

from importlib import import_module
from pathlib import Path

import pytest
from worlds import ROOT

from suites.pytest_plugin.marks import SUITES
from suites.pytest_plugin.selection import needed_files

FOLDER = ROOT / "suites"
FILES = sorted(FOLDER.rglob("test_*.py"))


def marks_of(path: Path) -> set[str]:
    """The marks of the checks in a file of the suites."""
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    own = getattr(module, "pytestmark", [])
    marks = list(own) if isinstance(own, list) else [own]
    for function in vars(module).values():
        marks += getattr(function, "pytestmark", [])
    return {mark.name for mark in marks}


def test_the_files_of_a_suite_are_those_with_its_mark() -> None:
    marks = {path: marks_of(path) for path in FILES}
    for suite in SUITES:
        files = {path for path in FILES if suite in marks[path]}
        assert files
        assert set(needed_files((), suite, FOLDER) or ()) == files


@pytest.mark.parametrize(
    ("check_ids", "names"),
    [
        (("smoke.health",), {"test_platform.py"}),
        (("smoke.cart", "mobile.cart"), {"test_shopping.py", "test_mobile.py"}),
    ],
)
def test_the_files_of_checks_are_those_with_their_ids(
    check_ids: tuple[str, ...], names: set[str]
) -> None:
    files = needed_files(check_ids, "", FOLDER)
    assert files is not None
    assert {path.name for path in files} == names


@pytest.mark.parametrize(
    ("check_ids", "suite"),
    [
        ((), ""),
        ((), "smoke or security"),
        ((), "not smoke"),
        (("smoke.health", "no.such_check"), ""),
    ],
)
def test_every_file_may_be_needed(check_ids: tuple[str, ...], suite: str) -> None:
    assert needed_files(check_ids, suite, FOLDER) is None


@pytest.mark.parametrize(
    ("text", "is_needed"),
    [
        ("pytestmark = pytest.mark.smoke", True),
        ("pytestmark = [pytest.mark.security, pytest.mark.smoke]", True),
        ("from pytest import mark\n\npytestmark = mark.smoke", True),  # no mark is recognised
        ("pytestmark = pytest.mark.security", False),
    ],
)
def test_a_file_is_left_out_if_it_has_the_mark_of_another_suite_only(
    tmp_path: Path, text: str, *, is_needed: bool
) -> None:
    (tmp_path / "test_it.py").write_text(text)
    assert bool(needed_files((), "smoke", tmp_path)) is is_needed


def test_with_a_file_that_cannot_be_read_every_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_bytes(b"# \xe4")
    assert needed_files((), "smoke", tmp_path) is None
    assert needed_files(("a.b",), "", tmp_path) is None
