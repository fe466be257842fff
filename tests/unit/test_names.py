"""Names say what a value is, as the house style asks: seven words that do not are refused."""

import ast
from collections.abc import Iterator

import pytest
from test_project import PYTHON
from worlds import ROOT

NO_NAMES = {"one", "theirs", "asked", "told", "seen", "made", "found"}


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a module gives to a value, a parameter, a function, a class or an import."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.ClassDef(name=name) | ast.alias(asname=str(name)):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name


@pytest.mark.parametrize("folder", PYTHON)
def test_no_name_is_one_of_these_words(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert modules
    wrong = {
        path.relative_to(ROOT).as_posix(): sorted(chosen)
        for path in modules
        if (chosen := NO_NAMES & set(names(ast.parse(path.read_text()))))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "{} = 1",
        "self.{} = 1",
        "def f({}): ...",
        "async def {}(): ...",
        "class {}: ...",
        "x = [{0} for {0} in y]",
        "import x as {}",
        "try: ...\nexcept E as {}: ...",
        "match x:\n    case int() as {}: ...",
    ],
)
def test_each_form_of_a_name_is_noticed(text: str) -> None:
    assert "one" in set(names(ast.parse(text.format("one"))))
