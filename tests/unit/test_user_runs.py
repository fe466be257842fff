"""What runs in the hands of users: their warnings, their read-only checkout, any text."""

import json
import tomllib
import types
from dataclasses import replace
from pathlib import Path

import pytest
from test_decision_document import DOCUMENT
from worlds import ROOT

from gates import decision_document
from gates.model import Build
from gates.sources import json_values
from reports.formats import FORMATS
from reports.terminal import printable
from suites.client import masked
from suites.pytest_plugin import allure_results
from suites.pytest_plugin.plugin import _make_folder

HALF = "half \ud800 pair"
ESCAPED = r"half \ud800 pair"


def test_no_setting_of_ours_ends_a_run_of_a_user() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert [line for line in settings["filterwarnings"] if not line.startswith("ignore:")] == []
    assert "ignore::pytest.PytestCacheWarning" in settings["filterwarnings"]


def test_in_our_own_tests_a_warning_is_an_error(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("filterwarnings")[0] == "error"


def test_a_folder_that_cannot_be_written_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(pytest.UsageError, match="name another folder: --out=DIR"):
        _make_folder(Path("/proc/none/runs/x"))


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"a": ["half \ud800 pair"]}',
        rb'{"a": ["half \uD800 pair"]}',
        '{"a": ["half \ud800 pair"]}'.encode("utf-8", "surrogatepass"),
    ],
)
def test_half_a_pair_of_surrogates_is_escaped_where_it_is_read(raw: bytes) -> None:
    assert json_values.loads(raw) == {"a": [ESCAPED]}


def test_a_whole_pair_stays() -> None:
    assert json_values.loads(rb'"\ud83d\ude00"') == "\U0001f600"
    assert json_values.loads('"\\ud83d\\ude00 \ud55c"') == "\U0001f600 \ud55c"


def test_the_record_of_a_run_can_hold_every_text() -> None:
    assert masked(HALF) == ESCAPED


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_a_decision_can_be_written(name: str) -> None:
    decision = DOCUMENT.decision
    findings = tuple(
        replace(finding, sentence=HALF, next_step=HALF) for finding in decision.findings
    )
    decision = replace(decision, reason=HALF, findings=findings, warnings=(HALF,))
    text = FORMATS[name](replace(DOCUMENT, decision=decision))
    assert "ud800" in text.encode().decode()


def test_the_terminal_shows_the_code_of_half_a_pair() -> None:
    assert printable(HALF) == ESCAPED


def test_allures_writer_escapes_and_stays_the_same_object(tmp_path: Path) -> None:
    import allure_commons
    from allure_commons.logger import AllureFileLogger
    from allure_commons.model2 import StatusDetails, TestResult

    writer = AllureFileLogger(str(tmp_path))  # type: ignore[no-untyped-call] # Allure has no types
    allure_commons.plugin_manager.register(writer, "test-writer")
    try:
        allure_results.pytest_sessionstart(types.SimpleNamespace())  # type: ignore[arg-type]
        assert allure_commons.plugin_manager.get_name(writer) == "test-writer"
        result = TestResult(name=HALF, uuid="x", statusDetails=StatusDetails(message=HALF))
        allure_commons.plugin_manager.hook.report_result(result=result)
        allure_commons.plugin_manager.hook.report_attached_data(body=HALF, file_name="a.txt")
    finally:
        allure_commons.plugin_manager.unregister(writer)
    (written,) = tmp_path.glob("*-result.json")
    content = json.loads(written.read_text())
    assert (content["name"], content["statusDetails"]["message"]) == (ESCAPED, ESCAPED)
    assert (tmp_path / "a.txt").read_text() == ESCAPED


def test_digests_are_whole_in_json() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    build = str(Build("v5", "5.0.0", digest))
    text = decision_document.as_text(
        replace(DOCUMENT, decision=replace(DOCUMENT.decision, build=build))
    )
    assert digest in json.loads(text)["build"]
