"""The public names of ``gates`` are complete, typed and cheap to import; docs/library.md runs."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ledgers import json_entries
from worlds import ROOT, Done, environment

import gates
from gates import decisions, errors, ledger

PUBLIC = {
    "EXIT_CODES",
    "ConfigurationError",
    "Decision",
    "Evidence",
    "ExitCode",
    "Finding",
    "GatesError",
    "LedgerError",
    "Measured",
    "Measurement",
    "Outcome",
    "Policy",
    "Stage",
    "Target",
    "UnknownNameError",
    "Verdict",
    "__version__",
    "check",
    "judge",
    "load_policy",
    "load_target",
}
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)
OURS = ("gates", "load", "nightly", "rehearsal", "reports", "suites", "testbed")
LOOKS_LIKE_AN_EXCEPTION = re.compile(r"^ *class \w+\([^)]*(?:Error|Exception)\b", re.MULTILINE)
BRANCH = re.compile(r"(?P<indent>[│├└─ ]*)(?P<name>\w+Error)\b")


def python(*arguments: str, folder: Path, **variables: str) -> Done:
    """A Python of its own in a folder, which finds ``gates`` as an installed package."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**environment(), "PYTHONPATH": str(ROOT), **variables},
        timeout=60,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def nobody_answers(tmp_path: Path) -> dict[str, str]:
    """Variables that name target files whose addresses nobody listens at."""
    folder = tmp_path / "targets"
    folder.mkdir()
    text = (ROOT / "targets" / "green.toml").read_text()
    (folder / "green.toml").write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))
    return {"KIRANA_TARGETS": str(folder)}


def test_the_public_names_are_these() -> None:
    assert set(gates.__all__) == PUBLIC
    assert len(gates.__all__) == len(PUBLIC)
    assert set(gates.__all__) <= set(dir(gates))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    assert getattr(gates, name) is not None
    assert name == "__version__" or f"`{name}`" in (ROOT / "docs" / "library.md").read_text()


def test_every_public_name_stands_where_type_checkers_look() -> None:
    tree = ast.parse(Path(inspect.getfile(gates)).read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    named = {
        alias.name
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert named == PUBLIC - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'chek'"):
        gates.chek  # type: ignore[attr-defined]  # noqa: B018 - only the name is read


def test_no_submodule_has_a_public_name() -> None:
    submodules = {module.name for module in pkgutil.iter_modules(gates.__path__)}
    assert "api" in submodules
    assert submodules & PUBLIC == set()


def test_importing_gates_imports_nothing_else(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import gates; "
        "print(*sorted(set(sys.modules) - before))"
    )
    assert python("-c", code, folder=tmp_path).out.split() == ["gates"]


def test_the_library_needs_no_renderer_and_keeps_the_path(
    tmp_path: Path, nobody_answers: Mapping[str, str]
) -> None:
    code = (
        "import sys; path = list(sys.path); import gates; gates.check('green-ready', 'green'); "
        "print(sys.path == path, 'reports' in sys.modules, 'argparse' in sys.modules)"
    )
    done = python("-c", code, folder=tmp_path, **nobody_answers)
    assert done.out.split() == ["True", "False", "False"], done.err


def test_everything_can_be_imported_with_a_star(tmp_path: Path) -> None:
    done = python("-c", "from gates import *; print(check, Outcome.GO)", folder=tmp_path)
    assert done.out.endswith("Outcome.GO\n"), done.err


def test_check_is_in_the_ledger_under_its_id(
    tmp_path: Path, nobody_answers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIRANA_OUT", str(tmp_path / "out"))
    decision = gates.check("green-ready", "green", targets=nobody_answers["KIRANA_TARGETS"])
    assert decision.outcome is gates.Outcome.HOLD
    record = ledger.entries(tmp_path / "out")[-1]
    assert isinstance(record.entry, ledger.DecisionEntry)
    reason = record.entry.document.decision.reason
    assert (record.entry_id, reason) == (decision.entry_id, decision.reason)
    assert gates.judge is importlib.import_module("gates.judging.decide").judge


def test_check_asks_again_while_it_is_a_hold(
    tmp_path: Path, nobody_answers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, outcomes = decisions.decide, []

    def noted(*arguments: Any) -> Any:
        answer = decide(*arguments)
        outcomes.append(answer.decision.outcome)
        return answer

    monkeypatch.setattr(decisions, "decide", noted)
    decision = gates.check(
        "green-ready",
        "green",
        targets=nobody_answers["KIRANA_TARGETS"],
        out=tmp_path / "out",
        time_scale=60,
        wait_seconds=0.6,
    )
    assert decision.outcome is gates.Outcome.HOLD
    assert len(outcomes) >= 2
    assert [entry["decision"] for entry in json_entries(tmp_path / "out")] == ["hold"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"stage": "ramp-11"}, gates.UnknownNameError),
        ({"target": "grene"}, gates.UnknownNameError),
        ({"policy": "none.toml"}, gates.ConfigurationError),
        ({"time_scale": 0.5}, gates.ConfigurationError),
        ({"out": __file__}, gates.LedgerError),
    ],
)
def test_what_is_wrong_is_an_error_of_gates(
    tmp_path: Path,
    nobody_answers: Mapping[str, str],
    arguments: Mapping[str, Any],
    error: type[gates.GatesError],
) -> None:
    right: dict[str, Any] = {
        "stage": "green-ready",
        "target": "green",
        "targets": nobody_answers["KIRANA_TARGETS"],
        "out": tmp_path / "out",
    }
    with pytest.raises(error):
        gates.check(**{**right, **arguments})


def test_without_arguments_the_environment_chooses_as_for_the_command(
    tmp_path: Path, nobody_answers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "policies" / "release.toml").read_text()
    (tmp_path / "p.toml").write_text(text.replace('"kirana-release"', '"mine"', 1))
    assert gates.load_policy().name == "kirana-release"
    monkeypatch.setenv("KIRANA_POLICY", str(tmp_path / "p.toml"))
    assert gates.load_policy().name == "mine"
    assert gates.load_target("green").addresses.api == "http://127.0.0.1:5001"
    monkeypatch.setenv("KIRANA_TARGETS", nobody_answers["KIRANA_TARGETS"])
    assert gates.load_target("green").addresses.api == "http://127.0.0.1:1"


def test_the_document_has_three_programs() -> None:
    assert len(PROGRAMS) == 3


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (0, 3, r"hold: green does not say which build it serves: .* \(ledger entry [0-9a-f]{12}\)"),
        (1, 0, r"no_go"),
        (2, 0, r"ramp-10: 10% of the traffic, \d+ objectives"),
    ],
    ids=["pipeline", "pure", "look"],
)
def test_the_programs_of_the_document_run(
    tmp_path: Path, nobody_answers: Mapping[str, str], number: int, code: int, line: str
) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[number])
    done = python("-W", "error", "program.py", folder=tmp_path, **nobody_answers)
    assert done.code == code, done.err
    assert done.err == ""
    assert [text for text in done.out.splitlines() if re.fullmatch(line, text)], done.out


def test_a_program_of_the_document_says_what_is_wrong_with_the_configuration(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[0])
    done = python("program.py", folder=tmp_path, KIRANA_TARGETS=str(tmp_path))
    assert (done.code, done.out) == (gates.ExitCode.USAGE, "")
    assert done.err.startswith("a mistake in the configuration: no target 'green'")


def tree_in_the_docstring() -> dict[str, str]:
    """Each class that the docstring of gates.errors draws, with the class above it."""
    above: list[str] = []
    drawn = {}
    for branch in map(BRANCH.match, str(errors.__doc__).splitlines()):
        if branch:
            depth = len(branch["indent"]) // 4
            above[depth:] = [branch["name"]]
            drawn[branch["name"]] = above[depth - 1] if depth else "Exception"
    return drawn


def test_the_tree_of_errors_is_the_tree_in_the_docstring() -> None:
    classes = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert len(classes) >= 8
    assert tree_in_the_docstring() == classes


def exception_classes() -> Iterator[tuple[str, str, set[str]]]:
    """Module, name and bases of each class that looks like an exception."""
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            if not LOOKS_LIKE_AN_EXCEPTION.search(text):
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    if any(base.endswith(("Error", "Exception")) for base in bases):
                        yield str(path.relative_to(ROOT)), node.name, bases


def test_all_errors_of_gates_are_in_one_module() -> None:
    classes = list(exception_classes())
    assert ("gates/errors.py", "LedgerError", {"GatesError"}) in classes
    of_gates = {name for path, name, _ in classes if path == "gates/errors.py"}
    elsewhere = [
        (path, name)
        for path, name, bases in classes
        if path != "gates/errors.py" and (path.startswith("gates/") or bases & of_gates)
    ]
    assert elsewhere == []


def test_the_version_is_written_once() -> None:
    version = re.escape(gates.__version__)
    pattern = re.compile(rf"""^(?:__)?version(?:__)? = ["']{version}""", re.MULTILINE)
    files = [
        *ROOT.glob("*.toml"),
        *(ROOT / "distributions").rglob("*.toml"),
        *(ROOT / "distributions").rglob("*.py"),
        *(path for package in OURS for path in (ROOT / package).rglob("*.py")),
    ]
    assert [path for path in files if path.is_file() and pattern.search(path.read_text())] == [
        ROOT / "gates" / "__init__.py"
    ]
