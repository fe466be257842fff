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
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.name == "__init__" or not node.name.startswith("_"))
        for part in (
            node.returns,
            *(each.annotation for each in (*node.args.args, *node.args.kwonlyargs)),
        )
        if part is not None and re.search(r"(dict|Mapping)\[str, Any\]", ast.unparse(part))
    ]


@pytest.mark.parametrize("folder", ["gates", "reports", "load", "nightly"])
def test_no_public_function_takes_or_returns_a_dict_of_anything(folder: str) -> None:
    modules = list((ROOT / folder).rglob("*.py"))
    assert modules
    signatures = {str(path): untyped(path.read_text()) for path in modules}
    assert {path: names for path, names in signatures.items() if names} == {}


def test_a_dict_of_anything_is_found() -> None:
    assert untyped("def read(content: dict[str, Any]) -> None: ...") == ["read"]
    assert untyped("async def read(*, content: Mapping[str, Any]) -> None: ...") == ["read"]
    assert untyped("def __init__(self, content: dict[str, Any]) -> None: ...") == ["__init__"]
    assert untyped("def _read(content: dict[str, Any]) -> None: ...") == []
