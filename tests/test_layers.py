"""Who imports whom is what ARCHITECTURE.md's table says."""

import ast
import re
import sys
from pathlib import Path

import pytest
from worlds import ROOT

OURS = ("gates", "suites", "reports", "testbed", "load", "nightly")
ROW = re.compile(r"\| (?P<packages>`[^|]*) \|(?P<ours>[^|]*)\|(?P<outside>[^|]*)\|")
NAME = re.compile(r"`([\w.]+)`")


def table() -> dict[str, tuple[set[str], set[str]]]:
    """What each package may import: of ours, and from outside."""
    rows = ROW.finditer((ROOT / "ARCHITECTURE.md").read_text())
    return {
        package: (set(NAME.findall(row["ours"])), set(NAME.findall(row["outside"])))
        for row in rows
        for package in NAME.findall(row["packages"])
    }


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    paths = [path for package in OURS for path in (ROOT / package).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imported(path: Path) -> set[str]:
    """Every module a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= resolved(str(node.module), [alias.name for alias in node.names])
    return names


def resolved(module: str, attributes: list[str]) -> set[str]:
    """``from a import b``: the module ``a.b`` where there is one, else ``a``."""
    known = MODULES
    return {f"{module}.{name}" if f"{module}.{name}" in known else module for name in attributes}


MODULES = modules()


def row_of(module: str, packages: set[str]) -> str:
    """The most specific row that covers a module."""
    covering = [one for one in packages if module == one or module.startswith(f"{one}.")]
    return max(covering, key=len, default="")


def allowed(name: str, own_row: str, may: set[str]) -> bool:
    """Whether an import of ours is its own package's, or in the row."""
    if row_of(name, set(table())) == own_row:
        return True
    return any(name == one or (one != "gates" and name.startswith(f"{one}.")) for one in may) or (
        "gates" in may and name.startswith("gates")
    )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_row_allows(module: str) -> None:
    rows = table()
    row = row_of(module, set(rows))
    assert row, f"{module} is in no row of ARCHITECTURE.md"
    ours, outside = rows[row]
    names = imported(MODULES[module])
    own = {name for name in names if name.split(".")[0] in OURS}
    foreign = {name.split(".")[0] for name in names - own} - sys.stdlib_module_names
    assert {name for name in own if not allowed(name, row, ours)} == set()
    assert foreign - outside == set()


def test_every_row_of_the_table_is_a_package() -> None:
    assert [package for package in table() if package not in MODULES] == []


def test_the_table_forbids() -> None:
    assert not allowed("gates.judge", "suites.client", table()["suites.client"][0])
    assert not allowed("testbed.world", "suites.smoke", table()["suites.smoke"][0])
    assert not allowed("gates.policy", "reports", table()["reports"][0])


def test_the_architecture_fits_on_a_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 70
