"""Public functions take and return types, not dictionaries of anything."""

import ast
import re

import pytest
from worlds import ROOT


def untyped(source: str) -> list[str]:
    """The public functions and methods of a module that take or return a dict of anything."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        for part in (node.returns, *(argument.annotation for argument in node.args.args))
        if part is not None and re.search(r"(dict|Mapping)\[str, Any\]", ast.unparse(part))
    ]


@pytest.mark.parametrize("folder", ["gates/evidence", "gates/sources", "load", "nightly"])
def test_no_public_function_takes_or_returns_a_dict_of_anything(folder: str) -> None:
    modules = list((ROOT / folder).glob("*.py"))
    assert modules
    assert {path.name: untyped(path.read_text()) for path in modules} == {
        path.name: [] for path in modules}  # fmt: skip
    assert untyped("def read(content: dict[str, Any]) -> None: ...") == ["read"]
