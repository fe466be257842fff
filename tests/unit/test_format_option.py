"""``--format`` and GitHub Actions: formats beside the answer, which no format can change."""

import html
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from commands import Done
from in_process import gates
from worlds import ROOT

import reports.formats
from gates import ledger
from gates.cli import decision_formats
from gates.cli.decision_formats import ChosenFormats, FormatFile, chosen_formats
from gates.cli.github_actions import without_commands
from gates.decision_document import DecisionDocument
from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from reports.formats import FOLDER_FORMATS, FORMATS, JSON_FORMATS, XML_FORMATS, github

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def check(folder: Path, *arguments: str, variables: Mapping[str, str] = NO_VARIABLES) -> Done:
    """Ask about a target that does not answer: a hold, from which the formats must not differ."""
    text = (ROOT / "targets" / "green.toml").read_text()
    (folder / "green.toml").write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))
    return gates(
        "check",
        "green-ready",
        "--target",
        "green",
        "--targets",
        str(folder),
        "--out",
        str(folder / "out"),
        *arguments,
        variables=variables,
    )


def newest_id(folder: Path) -> str:
    return list(ledger.entries(folder / "out"))[-1].entry_id


def fail(_: DecisionDocument, /) -> str:
    raise ZeroDivisionError


def test_a_format_on_stdout_is_alone_there(tmp_path: Path) -> None:
    done = check(tmp_path, "--format", "ctrf")
    assert done.code == ExitCode.HOLD
    assert json.loads(done.out)["reportFormat"] == "CTRF"


def test_json_is_the_same_by_either_option(tmp_path: Path) -> None:
    done = check(tmp_path, "--format", "json")
    assert json.loads(done.out)["id"] == newest_id(tmp_path)


def test_a_beginning_of_two_ids_names_both_decisions(tmp_path: Path) -> None:
    for _ in range(2):
        check(tmp_path)
    ids = [record.entry_id for record in ledger.entries(tmp_path / "out")]
    done = gates("explain", "", "--out", str(tmp_path / "out"))
    assert done.code == ExitCode.USAGE
    assert "2 decisions have ids that begin with ''" in done.err
    assert all(entry_id in done.err for entry_id in ids)


def test_formats_in_files_leave_the_lines_on_stdout(tmp_path: Path) -> None:
    files = {name: tmp_path / "new" / "folder" / name for name in FORMATS}
    options = [part for name, path in files.items() for part in ("--format", f"{name}={path}")]
    done = check(tmp_path, *options)
    assert done.code == ExitCode.HOLD
    assert done.out.startswith("HOLD  green-ready")
    starts = {name: path.read_text()[:13] for name, path in files.items()}
    statement = '{\n  "_type": '
    assert starts == {
        "cdevents": '{\n  "context"',
        "ctrf": '{\n  "reportFo',
        "json": '{\n  "kind": "',
        "junit": "<?xml version",
        "markdown": "### HOLD gree",
        "sarif": '{\n  "$schema"',
        "test-result": statement,
        "vsa": statement,
    }
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(FORMATS)


def test_explain_writes_the_same_as_check(tmp_path: Path) -> None:
    by_check, by_explain = tmp_path / "by-check", tmp_path / "by-explain"
    check(tmp_path, "--format", f"junit={by_check}")
    arguments = ("explain", newest_id(tmp_path)[:6], "--out", str(tmp_path / "out"))
    done = gates(*arguments, "--format", f"junit={by_explain}", "--format", "markdown")
    assert done.code == ExitCode.GO
    assert by_explain.read_text() == by_check.read_text()
    assert done.out.startswith("### HOLD green-ready green\n")
    assert "judged again" not in done.out
    assert "judged again from its evidence, the decision is the same" in done.err
    lines = gates(*arguments)
    assert lines.out.endswith("judged again from its evidence, the decision is the same\n")


def test_explain_of_a_file_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    check(tmp_path)
    done = gates(
        "explain",
        newest_id(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--format",
        f"sarif={tmp_path}",
    )
    assert done.code == ExitCode.INTERNAL
    assert f"the format sarif could not be written to {tmp_path}" in done.err


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["markdwon"], "Did you mean markdown?"),
        (["markdown="], "expected a file after the equals sign"),
        (["markdown", "junit"], "only one format can be printed"),
        (["junit=a", "sarif=./a"], "two formats have the same file"),
        (
            [""],
            "Known names: allure, cdevents, ctrf, json, junit, markdown, sarif, test-result, vsa",
        ),
        (["allure"], "expected a folder: --format allure=DIR"),
    ],
)
def test_a_mistake_in_the_option_is_exit_2_before_anything_is_asked(
    tmp_path: Path, values: list[str], message: str
) -> None:
    options = [part for value in values for part in ("--format", value)]
    done = check(tmp_path, *options)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_json_beside_a_format_on_stdout_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="only one format can be printed"):
        chosen_formats(["markdown"], as_json=True)
    chosen = ChosenFormats("json", (FormatFile("markdown", Path("a=b")),))
    assert chosen_formats(["markdown=a=b"], as_json=True) == chosen


def test_the_help_names_every_format() -> None:
    shown = gates("check", "--help").out
    assert [name for name in (*FORMATS, *FOLDER_FORMATS) if name not in shown] == []


@pytest.mark.parametrize("place", ["folder", "file/below", "pipe", "link/to/nothing"])
def test_a_file_that_cannot_be_written_changes_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    other = tmp_path / "other"
    done = check(tmp_path, "--format", f"sarif={tmp_path / place}", "--format", f"ctrf={other}")
    assert done.code == ExitCode.HOLD
    assert done.out.startswith("HOLD  green-ready")
    assert f"gates: the format sarif could not be written to {tmp_path / place} (" in done.err
    assert f"to try again, run: gates explain {newest_id(tmp_path)}" in done.err
    assert json.loads(other.read_text())["reportFormat"] == "CTRF"


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    kept = path.open()
    decision_formats._write(path, "after")
    assert (path.read_text(), kept.read()) == ("after", "before")
    kept.close()

    def full(_: Path, target: Path) -> None:
        raise OSError(28, f"no space for {target}")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        decision_formats._write(path, "never")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "after"


def test_the_file_of_a_link_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a longer text than before")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    decision_formats._write(link, "short")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "short"


@pytest.mark.parametrize("option", ["junit", "junit=FILE"])
def test_a_renderer_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setitem(reports.formats.FORMATS, "junit", fail)
    done = check(tmp_path, "--format", option.replace("FILE", str(tmp_path / "file")))
    assert done.code == ExitCode.HOLD
    assert done.out.startswith("HOLD  green-ready")
    assert "gates: the format junit could not be " in done.err
    assert not (tmp_path / "file").exists()


def test_the_summary_of_a_step_is_appended(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_text("of the step before")
    done = check(tmp_path, variables={"GITHUB_STEP_SUMMARY": str(summary)})
    assert "::" not in done.out
    assert done.err == ""
    text = summary.read_text()
    assert text.startswith("of the step before\n\n### HOLD green-ready green\n")
    check(tmp_path, variables={"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text().count("### HOLD") == 2
    assert summary.read_text().startswith(text)


def test_without_the_variables_of_github_nothing_is_reported_to_it(tmp_path: Path) -> None:
    done = check(tmp_path, variables={"GITHUB_STEP_SUMMARY": "", "GITHUB_ACTIONS": "1"})
    assert "::" not in done.out
    assert done.err == ""


def test_a_summary_may_be_discarded(tmp_path: Path) -> None:
    done = check(tmp_path, variables={"GITHUB_STEP_SUMMARY": "/dev/null"})
    assert (done.code, done.err) == (ExitCode.HOLD, "")


@pytest.mark.parametrize("kind", ["folder", "pipe", "full", "no folder"])
def test_a_summary_that_cannot_be_written_changes_nothing(tmp_path: Path, kind: str) -> None:
    place = tmp_path / kind / ("file" if kind == "no folder" else "")
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "full":
        place.write_bytes(b"x" * (github.MAX_SUMMARY_BYTES - 10))
    done = check(tmp_path, variables={"GITHUB_STEP_SUMMARY": str(place)})
    assert done.code == ExitCode.HOLD
    assert done.out.startswith("HOLD  green-ready")
    assert "the decision is not changed" in done.err
    if kind == "full":
        assert place.stat().st_size == github.MAX_SUMMARY_BYTES - 10


def test_annotations_follow_the_lines(tmp_path: Path) -> None:
    done = check(tmp_path, variables={"GITHUB_ACTIONS": "true"})
    commands = [line for line in done.out.splitlines() if line.startswith("::")]
    assert commands[0].startswith("::warning title=HOLD green-ready green::")
    assert done.out.startswith("HOLD  green-ready")
    assert done.out.splitlines()[-len(commands) :] == commands


@pytest.mark.parametrize("options", [["--json"], ["--format", "sarif"]])
def test_annotations_leave_stdout_to_a_program(tmp_path: Path, options: list[str]) -> None:
    done = check(tmp_path, *options, variables={"GITHUB_ACTIONS": "true"})
    assert done.code == ExitCode.HOLD
    assert isinstance(json.loads(done.out), dict)
    assert done.err.startswith("::warning title=HOLD green-ready green::")


def test_annotations_that_fail_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "annotations", fail)
    done = check(tmp_path, variables={"GITHUB_ACTIONS": "true"})
    assert done.code == ExitCode.HOLD
    assert "could not be reported to GitHub Actions (ZeroDivisionError" in done.err


@pytest.mark.parametrize(
    "options",
    [[], ["--json"], *(["--format", name] for name in sorted(FORMATS.keys() - XML_FORMATS))],
)
def test_no_text_from_outside_is_a_command_of_the_runner(
    tmp_path: Path, options: list[str]
) -> None:
    """The runner reads ``##[error]`` anywhere in a line."""
    forged = tmp_path / "##[error]forged"
    forged.mkdir()
    policy = forged / "release.toml"
    policy.write_text((ROOT / "policies" / "release.toml").read_text())
    arguments = ("--policy", str(policy), *options)
    plain = check(tmp_path, *arguments)
    assert "##[error]" in plain.out
    done = check(tmp_path, *arguments, variables={"GITHUB_ACTIONS": "true"})
    assert done.code == ExitCode.HOLD
    assert "##[" not in done.out
    if "--json" in options:
        assert json.loads(done.out)["policy"]["file"] == str(policy)
    if JSON_FORMATS.intersection(options):
        assert "##[error]forged" in str(json.loads(done.out))


def test_no_text_of_a_junit_file_is_a_command_of_the_runner() -> None:
    text = "<error>##[error]forged</error>"
    printed = without_commands(text, "junit")
    assert "##[" not in printed
    assert html.unescape(printed) == text
