"""Advisory findings are counted apart in each format, the report, the status and the metrics."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from format_documents import document, finding
from jsonschema import Draft202012Validator
from judging import NOW
from signing import STAGE, command, signing
from worlds import ROOT

from gates import decision_document, ledger
from gates.model import (
    Advisory,
    Outcome,
    Verdict,
)
from gates.release_report.finding_rows import findings_of
from gates.serve.metrics_text import metrics_of
from gates.serve.questions import QuestionCounts
from reports import terminal
from reports.formats import FORMATS, github

STATUS_SCHEMA = json.loads((ROOT / "gates" / "schemas" / "status.schema.json").read_text())
TRIAL = Advisory("Asha Rao", NOW + timedelta(days=7))


def advised_document() -> decision_document.DecisionDocument:
    """A go with a finding that counts, and an advisory finding of each verdict."""
    trials = [
        replace(finding(verdict, f"trial-{verdict.value}"), advisory=TRIAL, subjects=())
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    ]
    return document(*trials, finding(Verdict.PASS, "counts"), outcome=Outcome.GO)


def ctrf(text: str) -> object:
    summary = json.loads(text)["results"]["summary"]
    return {name: summary[name] for name in ("tests", "passed", "failed", "other")}


def sarif(text: str) -> object:
    run = json.loads(text)["runs"][0]
    levels = [(result["level"], result["properties"]["status"]) for result in run["results"]]
    return levels, run["properties"]["passed"], run["properties"]["advisory"]


READ: dict[str, tuple[Callable[[str], Any], Any]] = {
    "ctrf": (ctrf, {"tests": 4, "passed": 1, "failed": 0, "other": 3}),
    "sarif": (sarif, ([("note", "advisory"), ("note", "advisory")], 1, 3)),
    "junit": (
        lambda text: re.findall(r'failures="\d+" errors="\d+" time="0" skipped="\d+"', text)[0],
        'failures="0" errors="0" time="0" skipped="3"',
    ),
    "markdown": (
        lambda text: re.findall(r"^\| ADVISORY (\w+) |^\*\*(.*)$", text, re.MULTILINE)[1:],
        [
            ("FAIL", ""),
            ("UNSURE", ""),
            ("", "Passed (1 of 4):** counts"),
            ("", "Advisory, not counted:** 1 FAIL, 1 UNSURE, 1 pass"),
        ],
    ),
    "json": (
        lambda text: [
            item["advisory"] and item["verdict"] for item in json.loads(text)["findings"]
        ],
        ["fail", "inconclusive", "pass", None],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_each_format_shows_advisory_findings_and_counts_them_apart(name: str) -> None:
    read, expected = READ[name]
    text = FORMATS[name](advised_document())
    assert read(text) == expected
    assert "Asha Rao" in text


def test_the_text_and_the_annotations_show_advisory_findings() -> None:
    shown = advised_document()
    text = terminal.decision_text(shown.decision, "e", colours=False)
    assert "FAIL, ADVISORY trial-fail: trial-fail" in text
    assert text.count("advisory, not counted: until 2026-11-29 12:00 UTC, owner: Asha Rao") == 3
    kinds = [line.split(" ")[0] for line in github.annotations(shown) if "trial-" in line]
    assert kinds == ["::notice", "::notice"]


def test_the_report_shows_advisory_findings_and_counts_them_apart() -> None:
    findings = findings_of(advised_document().decision.findings, None)
    assert findings.counts == (
        "0 failed, 0 unsure, 1 passed. Advisory, not counted: 1 failed, 1 unsure, 1 passed."
    )
    assert [row.word for row in findings.rows] == [
        "FAIL, advisory",
        "UNSURE, advisory",
        "pass, advisory",
        "pass",
    ]


def test_the_metrics_have_advisory_findings_apart() -> None:
    content = ledger.LedgerContent(
        (ledger.LedgerRecord("a", ledger.DecisionEntry(advised_document())),), 1, ()
    )
    text = metrics_of(content, QuestionCounts(), NOW)
    failed = [line for line in text.splitlines() if line.endswith("} 1") and '"fail"' in line]
    assert [line.partition("{")[0] for line in failed] == ["gates_advisory_findings"]
    assert (
        'gates_findings{target="reason",stage="reason",objective="counts",verdict="pass"} 1' in text
    )


def test_the_document_keeps_the_trial() -> None:
    shown = advised_document()
    read = decision_document.decode(json.loads(decision_document.as_text(shown)))
    assert read is not None
    assert read.decision.findings == shown.decision.findings


def test_the_status_has_advisory_objectives_apart(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        text = place.policy.read_text()
        last_day = (datetime.now(UTC) + timedelta(days=3)).date()
        trial = f'advisory = true\nowner = "Asha Rao"\nexpires = {last_day}\n'
        place.policy.write_text(
            text.replace("[objectives.team-informed]\n", f"[objectives.team-informed]\n{trial}")
        )
        decision = place.ask(STAGE)
        content = json.loads(command(place, "status", "--json", "--stage", STAGE).out)
    Draft202012Validator(STATUS_SCHEMA).validate(content)
    states = {row["objective"]: row for row in content["stages"][0]["objectives"]}
    assert states["team-informed"]["state"] == "advisory"
    assert "owner: Asha Rao), open: 0 of 1 people have signed" in states["team-informed"]["detail"]
    assert content["counts"]["advisory"] == 1
    assert decision is not None
