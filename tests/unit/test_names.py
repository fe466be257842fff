"""Names of variables, functions and classes are nouns or actions, as the house style asks."""

import ast
from collections.abc import Iterator

import pytest
from worlds import ROOT

FOLDERS = (
    "gates",
    "reports",
    "suites",
    "load",
    "nightly",
    "rehearsal",
    "testbed",
    "tests",
    "proofs",
)
# Numerals, possessives and participles do not say what a value is.
NO_NAMES = {"one", "theirs", "asked", "told", "seen", "made", "found"}


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a module gives to a variable, a parameter, a function or a class."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_is_a_participle_or_a_numeral(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert modules
    wrong = {
        path.relative_to(ROOT).as_posix(): sorted(chosen)
        for path in modules
        if (chosen := NO_NAMES & set(names(ast.parse(path.read_text()))))
    }
    assert wrong == {}


def test_each_form_of_a_name_is_noticed() -> None:
    text = "one = 1\ndef asked(told): ...\nclass seen: ...\nself.made = [found for found in one]"
    assert NO_NAMES - set(names(ast.parse(text))) == {"theirs"}


def test_the_folders_are_those_of_the_project() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= set(FOLDERS)
