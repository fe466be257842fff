"""The workflow, the hooks, the changelog and the contributors' guide name what is there."""

import importlib.util
import re
import shlex
import tomllib
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
import yaml
from worlds import ROOT

from gates import __version__

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "project.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
MAKEFILE = (ROOT / "Makefile").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PYTHON = (
    "gates",
    "suites",
    "load",
    "nightly",
    "reports",
    "rehearsal",
    "testbed",
    "tests",
    "proofs",
)
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PINNED = re.compile(r"actions/[\w-]+@[0-9a-f]{40}\Z")
# What a step may run besides make.
COMMANDS = ('git config --global --add safe.directory "$GITHUB_WORKSPACE"',)
# The sections of Keep a Changelog 1.1.0.
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
RELEASE = re.compile(r"## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)\Z")
PATH = re.compile(r"`([\w.-]+(?:/[\w.*<>-]*)+|[\w-]+\.(?:md|toml|py|yaml|txt))`")


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def steps() -> list[dict[str, Any]]:
    return [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_each_command_of_the_workflow_is_a_make_target_that_exists() -> None:
    commands = [step["run"] for step in steps() if "run" in step]
    names = {command.removeprefix("make ") for command in commands if command not in COMMANDS}
    assert names >= {"check", "test", "test-coverage", "verify"}
    assert names - make_targets() == set()


def test_each_action_of_the_workflow_is_pinned_to_a_commit() -> None:
    actions = [step["uses"] for step in steps() if "uses" in step]
    assert actions
    assert [action for action in actions if not PINNED.match(action)] == []


def test_the_workflow_tests_every_python_that_the_project_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert project["requires-python"] == f">={pythons[0]}"
    minors = [int(python.partition(".")[2]) for python in pythons]
    assert minors == list(range(11, 15))


def test_the_hooks_are_those_of_make_check_and_use_the_own_venv() -> None:
    entries = [shlex.split(hook["entry"]) for repo in HOOKS for hook in repo["hooks"]]
    assert {repo["repo"] for repo in HOOKS} == {"local"}
    assert {entry[0] for entry in entries} == {".venv/bin/python"}
    modules = [entry[entry.index("-m") + 1] for entry in entries]
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
    recipe = MAKEFILE.partition("\nown-checks:")[2].partition("\n\n")[0]
    checked = re.findall(r"-m (ruff check|ruff format|mypy|gates lint)", recipe)
    assert [" ".join(entry[2:4] if len(entry) > 3 else entry[2:]) for entry in entries] == checked


def test_every_target_of_make_is_phony_and_says_what_it_does() -> None:
    listed = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert listed is not None
    assert set(listed[1].replace("\\\n", " ").split()) == make_targets()
    documented = set(re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE))
    undocumented = make_targets() - documented
    assert undocumented == {"system", "own-tests", "own-checks"}


def test_every_pytest_file_of_the_proofs_has_a_target() -> None:
    files = {path.name for path in (ROOT / "proofs").glob("test_*.py")}
    assert files
    assert [name for name in files if f"proofs/{name}" not in MAKEFILE] == []


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    headings = re.findall(r"^## .*$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "## [Unreleased]"
    releases = [RELEASE.match(heading) for heading in headings[1:]]
    assert releases
    assert None not in releases
    days = [date.fromisoformat(release[2]) for release in releases if release]
    assert all(later >= earlier for later, earlier in pairwise(days))
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= SECTIONS


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    newest = re.search(r"^## \[(\d[\d.]*)\]", CHANGELOG, re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


def test_every_path_in_the_guide_of_contributors_exists() -> None:
    paths = [path for path in PATH.findall(CONTRIBUTING) if not re.search(r"[<>*]", path)]
    assert len(paths) >= 15
    assert [path for path in paths if not exists(path)] == []


def test_every_folder_of_a_path_with_a_placeholder_exists() -> None:
    paths = [path for path in PATH.findall(CONTRIBUTING) if re.search(r"[<>*]", path)]
    folders = {re.split(r"/[^/]*[<>*]", path)[0] for path in paths}
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def exists(path: str) -> bool:
    """Whether a path exists, seen from the root."""
    return (ROOT / path).exists()


@pytest.mark.parametrize("name", ["five recipes", "Release"])
def test_the_guide_of_contributors_has_its_parts(name: str) -> None:
    assert re.search(rf"^## .*{name}", CONTRIBUTING, re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize("bare", [r"# noqa(: *[A-Z0-9, ]+)?$", r"^[^#\n]*# fmt: skip"])
def test_each_comment_for_a_tool_states_its_reason(bare: str) -> None:
    bare_comment = re.compile(bare, re.MULTILINE)
    modules = [path for folder in PYTHON for path in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 500
    assert [str(path) for path in modules if bare_comment.search(path.read_text())] == []


def test_every_make_target_in_the_guide_of_contributors_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", CONTRIBUTING))
    assert {"check", "test", "test-coverage", "proof-packaging"} <= named
    assert named - make_targets() == set()
