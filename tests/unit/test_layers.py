"""Who imports whom is what ARCHITECTURE.md's table says."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from worlds import ROOT

OURS = ("gates", "suites", "reports", "testbed", "load", "nightly", "rehearsal")
ROW = re.compile(r"\| (?P<packages>`[^|]*) \|(?P<ours>[^|]*)\|(?P<outside>[^|]*)\|")
NAME = re.compile(r"`([\w.]+)`")


@cache
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


@cache
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
PACKAGES = sorted(name for name, path in MODULES.items() if path.name == "__init__.py")
# One module a command, named as the command: gates/cli is no such folder.
FOLDERS = sorted(
    path.parent.relative_to(ROOT)
    for name, path in MODULES.items()
    if path.name == "__init__.py"
    and name.split(".")[0] in ("gates", "suites")
    and name != "gates.cli"
)


def stems(folder: Path) -> list[str]:
    """The names of a folder's modules."""
    return [path.stem for path in (ROOT / folder).glob("*.py") if not path.stem.startswith("__")]


def child_of(module: str, package: str) -> str:
    """The module or package directly in a package that a module belongs to; empty for none."""
    inside = module.removeprefix(f"{package}.")
    return "" if inside == module else f"{package}.{inside.split('.')[0]}"


def child_imports(package: str) -> dict[str, set[str]]:
    """Which children of a package each child imports."""
    edges: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if child := child_of(name, package):
            needs = {child_of(module, package) for module in imported(path)} - {"", child}
            edges.setdefault(child, set()).update(needs)
    return edges


def row_of(module: str, packages: set[str]) -> str:
    """The most specific row that covers a module."""
    covering = [
        package for package in packages if module == package or module.startswith(f"{package}.")
    ]
    return max(covering, key=len, default="")


def allowed(name: str, own_row: str, may: set[str]) -> bool:
    """Whether an import of ours is its own package's, or in the row."""
    if row_of(name, set(table())) == own_row:
        return True
    return any(
        name == module or (module != "gates" and name.startswith(f"{module}.")) for module in may
    ) or ("gates" in may and name.startswith("gates"))


def forbidden_imports(module: str) -> set[str]:
    """What a module imports although its row of the table does not allow it."""
    rows = table()
    row = row_of(module, set(rows))
    assert row, f"{module} is in no row of ARCHITECTURE.md"
    ours, outside = rows[row]
    names = imported(MODULES[module])
    own = {name for name in names if name.split(".")[0] in OURS}
    foreign = {name.split(".")[0] for name in names - own} - sys.stdlib_module_names
    return {name for name in own if not allowed(name, row, ours)} | (foreign - outside)


def test_each_module_imports_only_what_its_row_allows() -> None:
    assert {name: wrong for name in MODULES if (wrong := forbidden_imports(name))} == {}


# What some packages of a shared row must not import, although another package of the row may.
DECIDING = ("gates.cli", "gates.decisions", "gates.evidence", "gates.judging", "gates.policy")
NEVER = {
    "gates.policy": ("gates.judging", "gates.sources"),
    "suites.scanner": DECIDING,
    "suites.monitoring": DECIDING,
    **dict.fromkeys(
        [f"suites.{suite}" for suite in ("smoke", "integration", "consistency", "performance")],
        ("gates.cli",),
    ),
}


@pytest.mark.parametrize("package", NEVER)
def test_a_shared_row_gives_a_package_no_more_than_it_needs(package: str) -> None:
    modules = [name for name in MODULES if name == package or name.startswith(f"{package}.")]
    assert modules
    assert [
        (module, name)
        for module in modules
        for name in imported(MODULES[module])
        if name.startswith(NEVER[package])
    ] == []


def test_every_row_of_the_table_is_a_package() -> None:
    assert [package for package in table() if package not in MODULES] == []


def test_the_table_forbids() -> None:
    assert not allowed("gates.judging.decide", "suites.client", table()["suites.client"][0])
    assert not allowed("testbed.world", "suites.smoke", table()["suites.smoke"][0])
    assert not allowed("gates.policy.policy_file", "reports", table()["reports"][0])


def test_the_architecture_fits_on_a_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 70


def test_the_table_is_short() -> None:
    """A table with a row for each package would only repeat the imports."""
    assert len(list(ROW.finditer((ROOT / "ARCHITECTURE.md").read_text()))) <= 16


def cycle(edges: dict[str, set[str]]) -> set[str]:
    """The children that are in a cycle of any length, or need such a child."""
    while leaves := [child for child, needs in edges.items() if not needs & edges.keys()]:
        for leaf in leaves:
            del edges[leaf]
    return set(edges)


def test_no_two_children_of_a_package_import_each_other() -> None:
    assert {name: wrong for name in PACKAGES if (wrong := cycle(child_imports(name)))} == {}


def test_a_cycle_is_found() -> None:
    assert child_of("gates.judging.live.timeline", "gates.judging") == "gates.judging.live"
    assert child_of("gates.judging.live.timeline", "gates.judging.live.timeline") == ""
    assert "gates.judging.answers" in child_imports("gates.judging")["gates.judging.live"]
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == {"a", "b", "c"}
    assert cycle({"a": {"b"}, "b": set()}) == set()


def test_a_folder_has_at_most_ten_modules() -> None:
    assert [folder for folder in FOLDERS if len(stems(folder)) > 10] == []


def test_neighbouring_folders_have_no_module_of_the_same_name() -> None:
    for parent in FOLDERS:
        neighbours = [
            path for path in sorted((ROOT / parent).iterdir()) if (path / "__init__.py").exists()
        ]
        names = [
            stem
            for neighbour in neighbours
            if neighbour != ROOT / "gates/cli"
            for stem in stems(neighbour)
        ]
        assert sorted({name for name in names if names.count(name) > 1}) == [], parent
