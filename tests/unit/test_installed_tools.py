"""The tools beside the gate are found where they are installed, by their own processes only."""

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from worlds import ROOT, run

from gates import cli, places
from gates.cli import rehearse as command
from gates.exitcodes import ExitCode


class EntryPoint:
    """The entry point of an installed rehearsal, which ends with exit code 7."""

    def load(self) -> object:
        return lambda options: 7 if isinstance(options, argparse.Namespace) else 0


def test_gates_rehearse_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(places, "BESIDE", tmp_path)
    monkeypatch.setattr(command, "entry_points", lambda **_: ())
    assert cli.main(["rehearse"]) == ExitCode.USAGE
    assert "run: pip install 'kirana-suites[testbed,load]'" in capsys.readouterr().err


def test_gates_rehearse_finds_an_installed_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[dict[str, str]] = []

    def installed(**names: str) -> tuple[EntryPoint, ...]:
        wanted.append(names)
        return (EntryPoint(),)

    monkeypatch.setattr(places, "BESIDE", tmp_path)
    monkeypatch.setattr(command, "entry_points", installed)
    assert cli.main(["rehearse"]) == 7
    assert wanted == [{"group": "gates.commands", "name": "rehearse"}]


def test_a_rehearsal_that_lacks_a_package_says_so_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rehearsal.NEEDED", ("pytest", "no_such_package"))
    assert cli.main(["rehearse", "--out", str(tmp_path)]) == ExitCode.USAGE
    assert "the rehearsal needs no_such_package; run: pip install" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_first_on_the_path_of_the_process_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports.py").write_text("")
    monkeypatch.setattr(sys, "path", ["first", "second"])
    monkeypatch.setenv("PYTHONPATH", "inherited")
    places.put_on_path(tmp_path)
    places.put_on_path(tmp_path)
    assert sys.path == [str(tmp_path), "first", "second"]
    assert os.environ["PYTHONPATH"] == f"{tmp_path}{os.pathsep}inherited"
    code = "import reports; print(reports.__file__)"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == str(tmp_path / "reports.py")


def test_a_checkout_has_no_bundle_and_keeps_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["first"])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    places.put_on_path(places.BUNDLED)
    assert (sys.path, os.environ.get("PYTHONPATH")) == (["first"], None)
    assert (places.INSTALLED, places.suites_installed()) == (ROOT, ROOT / "suites")
    monkeypatch.setattr(places, "BESIDE", tmp_path)
    assert places.suites_installed() is None


@pytest.mark.slow  # proof-packaging runs it
@pytest.mark.parametrize("tool", ["load", "nightly", "testbed"])
def test_python_m_suites_runs_a_tool(tool: str) -> None:
    done = run("suites", tool, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out == run(tool, "--help").out


def test_python_m_suites_refuses_another_name() -> None:
    done = run("suites", "deploy")
    assert (done.code, done.out) == (2, "")
    assert "invalid choice: 'deploy'" in done.err


def wheel_of(folder: str) -> dict[str, Any]:
    """What a pyproject.toml says of its wheel."""
    content = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
    wheel: dict[str, Any] = content["tool"]["hatch"]["build"]["targets"]["wheel"]
    return wheel


def test_both_distributions_take_everything_that_the_checkout_has() -> None:
    """A new folder that no distribution takes would be missing where they are installed."""
    checkout = wheel_of(".")
    # The gate's comes last: of the target files, which both take, the gate reads its own.
    taken = {
        **wheel_of("distributions/suites")["force-include"],
        **wheel_of("distributions/gates")["force-include"],
    }
    folders = {name.removeprefix("../../"): place for name, place in taken.items()}
    assert set(folders) == set(checkout["only-include"])
    assert folders == {**checkout["sources"], "gates": "gates", "suites": "suites"}
