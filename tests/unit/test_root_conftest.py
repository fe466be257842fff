"""The suites run from the root folder, whether or not their plugin is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from worlds import ROOT, Done, environment

# pytest ignores installed plugins then, as if only the dependencies were installed.
NOT_INSTALLED = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def pytest_program(*arguments: str, **variables: str) -> Done:
    """The program ``pytest``, which does not put the current folder on its path."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), *arguments],
        cwd=ROOT,
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
        env={**environment(), **variables},
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("-m", "smoke", "--target", "green"), {}),
        (("suites/smoke", "--target", "green"), NOT_INSTALLED),
    ],
    ids=["installed", "not installed"],
)
def test_the_smoke_checks_are_collected_from_the_root(
    arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = pytest_program("--collect-only", "-q", *arguments, **variables)
    assert done.code == 0, done.out + done.err
    assert len([line for line in done.out.splitlines() if line.startswith("suites/smoke/")]) == 17


@pytest.mark.slow  # proof-packaging runs it
def test_a_folder_after_a_blank_does_not_add_the_tests_of_the_project(tmp_path: Path) -> None:
    done = pytest_program("--collect-only", "-q", "--target", "green", "--targets", str(tmp_path))
    assert done.code == pytest.ExitCode.USAGE_ERROR
    (tmp_path / "green.toml").write_text((ROOT / "targets" / "green.toml").read_text())
    done = pytest_program("--collect-only", "-q", "--target", "green", "--targets", str(tmp_path))
    collected = [line for line in done.out.splitlines() if "::" in line]
    assert done.code == 0, done.out + done.err
    assert len(collected) > 100
    assert [line for line in collected if "suites/" not in line.partition("::")[0]] == []


@pytest.mark.slow  # proof-packaging runs it
@pytest.mark.parametrize("variables", [{}, NOT_INSTALLED], ids=["installed", "not installed"])
def test_the_plugin_is_registered_once(variables: dict[str, str]) -> None:
    done = pytest_program("--trace-config", "--help", **variables)
    assert done.code == 0, done.out + done.err
    assert done.out.count("--target=NAME") + done.out.count("--target NAME") == 1
    assert done.out.count("PLUGIN registered: <module 'suites.pytest_plugin.plugin'") == 1


def test_a_wrong_target_is_named_where_the_plugin_is_not_installed() -> None:
    done = pytest_program("-m", "smoke", "--target", "grene", **NOT_INSTALLED)
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "Did you mean green?" in done.err


@pytest.mark.slow  # proof-packaging runs it
def test_proofs_are_collected_together_with_tests() -> None:
    done = pytest_program("--collect-only", "-q", "proofs", "tests/testbed/test_faults.py")
    assert done.code == 0, done.out + done.err
    folders = {line.split("/")[0] for line in done.out.splitlines() if "::" in line}
    assert folders == {"proofs", "tests"}
