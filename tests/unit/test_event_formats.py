"""CDEvents of a ledger, and the folder of Allure results of a decision."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from allure_commons.model2 import Label, Parameter, Status, StatusDetails
from allure_commons.model2 import TestResult as AllureResult
from format_documents import AT, NASTY, document, document_of_all, ramp
from in_process import gates
from jsonschema import Draft202012Validator, FormatChecker
from test_format_option import check
from worlds import ROOT

from gates import ledger
from gates.exitcodes import ExitCode
from gates.json_fields import JsonObject
from gates.ledger import (
    LedgerRecord,
    MoveEntry,
)
from gates.model import Outcome
from reports.formats import FOLDER_FORMATS, cdevents
from reports.formats.allure import ENVIRONMENT

SCHEMA = Draft202012Validator(
    json.loads((ROOT / "tests" / "support" / "cdevents-0.5.1.schema.json").read_text()),
    format_checker=FormatChecker(),
)
START = AT.timestamp()


def plain(events: Iterable[JsonObject]) -> list[dict[str, Any]]:
    """The events as a reader of their JSON gets them."""
    decoded: list[dict[str, Any]] = json.loads(json.dumps(list(events)))
    return decoded


def validated(events: list[dict[str, Any]]) -> list[str]:
    """The type of each event, which is valid by the schema."""
    for event in events:
        SCHEMA.validate(event)
    return [event["context"]["type"].removeprefix("dev.cdevents.") for event in events]


def test_the_events_of_a_ramp_are_valid_and_in_order() -> None:
    events = plain(cdevents.of_ledger(ramp()))
    assert validated(events) == [
        "testsuiterun.finished.0.3.0",
        "service.published.0.3.0",
        "service.upgraded.0.3.0",
        "service.rolledback.0.3.0",
        "service.published.0.3.0",
    ]
    assert [event["context"]["id"] for event in events] == [f"{n:012x}" for n in (1, 2, 3, 4, 7)]
    packages = [event["subject"]["content"].get("artifactId") for event in events]
    assert packages == [None, None, *["pkg:generic/kirana-store@unknown"] * 2, None]
    shares = [event["customData"].get("share") for event in events]
    assert shares == [None, 0.1, 0.2, None, 0.1]
    assert events[-1]["customData"]["time_scale"] == "15"


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_of_a_ledger_breaks_an_event(text: str) -> None:
    assert len(validated(plain(cdevents.of_ledger(ramp(text))))) == 5


def test_a_move_at_an_impossible_time_is_left_out() -> None:
    records = [LedgerRecord("a", MoveEntry("green", "ramp-10", 0.1, 1e300, 1.0))]
    assert list(cdevents.of_ledger(records)) == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.GO, ("success", None)),
        (Outcome.HOLD, ("error", "medium")),
        (Outcome.NO_GO, ("failure", "high")),
        (Outcome.ROLLBACK, ("failure", "critical")),
    ],
)
def test_only_a_go_is_a_success(outcome: Outcome, expected: tuple[str, str | None]) -> None:
    (event,) = plain([cdevents.of_decision(document(outcome=outcome))])
    content = event["subject"]["content"]
    assert (content["outcome"], content.get("severity")) == expected


def test_the_log_prints_a_line_for_each_event(tmp_path: Path) -> None:
    check(tmp_path)
    out = tmp_path / "out"
    ledger.append(out, MoveEntry("green", "ramp-10", 0.1, START, 1.0))
    done = gates("log", "--cdevents", "--out", str(out))
    assert done.code == ExitCode.GO
    events = [json.loads(line) for line in done.out.splitlines()]
    assert validated(events) == ["testsuiterun.finished.0.3.0", "service.published.0.3.0"]
    entries = [record.entry_id for record in ledger.entries(out)]
    assert [event["subject"]["id"] for event in events] == entries


def results(files: dict[str, str]) -> list[dict[str, Any]]:
    """The results of a folder; each has only the fields that Allure's own model has."""
    documents = [json.loads(text) for name, text in files.items() if name.endswith("-result.json")]
    for result in documents:
        labels = [Label(**label) for label in result["labels"]]
        parameters = [Parameter(**parameter) for parameter in result["parameters"]]
        details = StatusDetails(**result["statusDetails"])
        fields = {**result, "labels": labels, "parameters": parameters, "statusDetails": details}
        assert attrs.has(type(AllureResult(**fields)))
        assert result["status"] in vars(Status).values()
    return documents


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_every_finding_is_a_result_of_allure(text: str) -> None:
    files = FOLDER_FORMATS["allure"](document_of_all(text))
    documents = results(files)
    assert [result["status"] for result in documents] == ["failed", "broken", "skipped", "passed"]
    assert len({result["uuid"] for result in documents}) == 4
    assert all("\n" not in line and " = " in line for line in files[ENVIRONMENT].split("\n"))


def test_the_same_finding_has_the_same_history_and_another_result(tmp_path: Path) -> None:
    first = tmp_path / "allure"
    check(tmp_path, "--format", f"allure={first}")
    names = set(first.iterdir())
    check(tmp_path, "--format", f"allure={first}")
    both = [json.loads(path.read_text()) for path in first.glob("*-result.json")]
    assert len(both) == 2 * (len(names) - 1)
    assert len({result["historyId"] for result in both}) == len(names) - 1


def test_the_allure_report_is_of_the_runs_and_of_the_newest_decision_of_each_stage(
    tmp_path: Path,
) -> None:
    """A program in the place of Allure shows its arguments."""
    check(tmp_path)
    check(tmp_path)
    out = tmp_path / "out"
    (out / "runs" / "r1" / "allure").mkdir(parents=True)
    program = tmp_path / "allure"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts" / "allure-report.sh"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "KIRANA_OUT": str(out),
            "ALLURE": str(program),
        },
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(f"{out}/allure/decisions {out}/runs/r1/allure")
    newest = list(ledger.entries(out))[-1]
    environment = (out / "allure" / "decisions" / ENVIRONMENT).read_text()
    assert f"ledger_entry = {newest.entry_id}" in environment
