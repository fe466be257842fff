"""Each format of a decision is valid by its schema, tells the answer, and keeps texts as texts.

The schemas are published files: SARIF 2.1.0 of OASIS; junit-10.xsd of Jenkins' xUnit plugin, as
pytest ships it (MIT, in the file); CTRF 0.0 of the npm package ctrf 0.3.0 (MIT, beside the file).
The protocol buffers of the package in-toto-attestation read the statements. For CDEvents and for
the predicate VSA, the project wrote the schemas from the text of the specifications.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from format_documents import NASTY, document, document_of_all, finding, override
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import (
    TestResult as ResultsPredicate,
)
from in_toto_attestation.v1.statement_pb2 import Statement
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from markdown_it import MarkdownIt
from markdown_it.token import Token
from worlds import ROOT

from gates.decision_document import DecisionDocument
from gates.model import Outcome, Verdict
from reports.formats import FORMATS, github, markdown
from reports.formats.cases import clean

SUPPORT = ROOT / "tests" / "support"
SARIF = Draft7Validator(json.loads((SUPPORT / "sarif-schema-2.1.0.json").read_text()))
CTRF = Draft7Validator(
    json.loads((SUPPORT / "ctrf-schema-0.0.json").read_text()), format_checker=FormatChecker()
)
EVENT = Draft202012Validator(
    json.loads((SUPPORT / "cdevents-0.5.1.schema.json").read_text()),
    format_checker=FormatChecker(),
)
SUMMARY = Draft202012Validator(
    json.loads((SUPPORT / "slsa-vsa-1.0.schema.json").read_text()), format_checker=FormatChecker()
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Markdown that only the renderer itself writes.
OWN_TOKENS = {
    "heading",
    "paragraph",
    "inline",
    "text",
    "text_special",
    "strong",
    "softbreak",
    "code_inline",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "bullet_list",
    "list_item",
}
WITHOUT_WIDTH = "\u200b"
# What GitHub makes a link, a mention or a picture although Markdown does not.
ACTIVE = re.compile(r"@\w|#\d|://|www\.|:[\w+-]+:", re.IGNORECASE)


def tokens(tree: list[Token]) -> Iterator[Token]:
    """All tokens of a document, with those inside."""
    for token in tree:
        yield token
        yield from tokens(token.children or [])


def check_markdown(text: str) -> None:
    markdown_tokens = list(tokens(MARKDOWN.parse(text)))
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in markdown_tokens}
    assert kinds <= OWN_TOKENS
    shown = [token.content for token in markdown_tokens if token.type in ("text", "text_special")]
    assert [content for content in shown if ACTIVE.search(content)] == []
    assert len(text.encode()) <= markdown.MAX_BYTES


@cache
def junit_schema() -> xmlschema.XMLSchema:
    """Return the schema of JUnit files; to read the schema takes half a second."""
    return xmlschema.XMLSchema(SUPPORT / "junit-10.xsd")


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - the project wrote it


def check_junit(text: str) -> None:
    junit_schema().validate(parsed(text))


def check_sarif(text: str) -> None:
    SARIF.validate(json.loads(text))


def check_ctrf(text: str) -> None:
    CTRF.validate(json.loads(text))


def check_event(text: str) -> None:
    EVENT.validate(json.loads(text))


def check_statement(text: str, predicate: Message) -> None:
    """A field that the specification does not have is an error of the reader."""
    content = json.loads(text)
    ParseDict(content, Statement())
    ParseDict(content["predicate"], predicate)


def check_summary(text: str) -> None:
    content = json.loads(text)
    SUMMARY.validate(content)
    ParseDict(content, Statement())


CHECKS: dict[str, Callable[[str], object]] = {
    "cdevents": check_event,
    "ctrf": check_ctrf,
    "json": json.loads,
    "junit": check_junit,
    "markdown": check_markdown,
    "sarif": check_sarif,
    "test-result": lambda text: check_statement(text, ResultsPredicate()),
    "vsa": check_summary,
}


def test_every_format_has_a_check() -> None:
    assert sorted(CHECKS) == sorted(FORMATS)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("name", CHECKS)
def test_no_text_from_outside_leaves_its_format(name: str, text: str) -> None:
    CHECKS[name](FORMATS[name](document_of_all(text)))


@given(st.text(st.characters(codec=None), max_size=300))
def test_any_text_is_valid_in_every_format(text: str) -> None:
    decision = document_of_all(text)
    for name, check in CHECKS.items():
        check(FORMATS[name](decision))
    assert all("\n" not in line for line in github.annotations(decision))


@given(st.text("`|\\*_[]()<>@#:/!~$&w.-+=1 \t\n", max_size=60))
def test_any_markup_is_shown_as_it_is(text: str) -> None:
    """The cells of the table hold the texts, character by character."""
    rendered = markdown.render(document(finding(Verdict.FAIL, text), outcome=Outcome.NO_GO))
    check_markdown(rendered)
    cells = [cell for cell in cells_of(rendered) if not cell.startswith("FAIL")]
    objective = clean(text, 200) or "unnamed objective"
    expected = [f"{objective}: {clean(text)}", clean(text)]
    assert [" ".join(cell.split()) for cell in cells] == [
        " ".join(cell.split()) for cell in expected
    ]


def cells_of(text: str) -> list[str]:
    """The shown text of each cell of the table, without the head."""
    markdown_tokens, cells, inside = MARKDOWN.parse(text), [], False
    for token in markdown_tokens:
        inside = token.type == "td_open" or (inside and token.type != "td_close")
        if inside and token.type == "inline":
            content = "".join(child.content for child in token.children or [])
            cells.append(content.replace(WITHOUT_WIDTH, ""))
    return cells


def statuses(name: str, decision: DecisionDocument) -> list[Any]:
    """What a program reads from a format: the status of each case."""
    text = FORMATS[name](decision)
    if name == "junit":
        cases = parsed(text).iter("testcase")
        return [case[0].tag for case in cases]
    content = json.loads(text)
    if name == "ctrf":
        return [test["status"] for test in content["results"]["tests"]]
    return [(result["level"], "suppressions" in result) for result in content["runs"][0]["results"]]


def test_a_fail_an_unsure_and_an_overridden_finding_are_told_apart() -> None:
    decision = document_of_all("a")
    assert statuses("junit", decision) == ["failure", "error", "skipped", "system-out"]
    assert statuses("ctrf", decision) == ["failed", "failed", "skipped", "passed"]
    assert statuses("sarif", decision) == [("error", False), ("warning", False), ("note", True)]
    verdicts = [cell for cell in cells_of(FORMATS["markdown"](decision)) if cell.isupper()]
    assert verdicts == ["FAIL", "OVERRIDDEN"]
    assert "UNSURE (ok)" in FORMATS["markdown"](decision)


@pytest.mark.parametrize(
    ("outcome", "junit", "ctrf", "sarif"),
    [
        (Outcome.HOLD, "error", "failed", "warning"),
        (Outcome.NO_GO, "failure", "failed", "error"),
        (Outcome.ROLLBACK, "failure", "failed", "error"),
    ],
)
def test_a_decision_without_a_finding_that_explains_it_is_no_pass(
    outcome: Outcome, junit: str, ctrf: str, sarif: str
) -> None:
    decision = document(finding(Verdict.PASS), outcome=outcome)
    assert statuses("junit", decision) == [junit, "system-out"]
    assert statuses("ctrf", decision) == [ctrf, "passed"]
    assert statuses("sarif", decision) == [(sarif, False)]


def test_a_go_has_no_failure_in_any_format() -> None:
    overridden = finding(Verdict.FAIL, override=override())
    decision = document(finding(Verdict.PASS), overridden, outcome=Outcome.GO)
    assert statuses("junit", decision) == ["system-out", "skipped"]
    assert statuses("ctrf", decision) == ["passed", "skipped"]
    assert statuses("sarif", decision) == [("note", True)]
    assert FORMATS["markdown"](decision).startswith("### GO reason reason\n")


def test_the_totals_are_the_cases() -> None:
    decision = document_of_all("a")
    suite = parsed(FORMATS["junit"](decision))[0]
    totals = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert totals == ["4", "1", "1", "1"]
    summary = json.loads(FORMATS["ctrf"](decision))["results"]["summary"]
    assert (summary["tests"], summary["failed"], summary["passed"]) == (4, 2, 1)


def test_every_case_has_a_name_of_its_own() -> None:
    decision = document(*[finding(Verdict.FAIL, "a")] * 3, outcome=Outcome.NO_GO)
    tests = json.loads(FORMATS["ctrf"](decision))["results"]["tests"]
    assert [test["name"] for test in tests] == ["a: a", "a: a (2)", "a: a (3)"]
    results = json.loads(FORMATS["sarif"](decision))["runs"][0]["results"]
    assert len({result["partialFingerprints"]["finding/v1"] for result in results}) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_a_rehearsal_and_a_warning_are_in_every_format(name: str) -> None:
    text = FORMATS[name](document(finding(Verdict.PASS), outcome=Outcome.GO, text="damaged"))
    assert "damaged" in text
    assert "rehearsal" in text or name == "json"


def test_ten_thousand_findings_stay_below_the_limits() -> None:
    findings = [finding(Verdict.FAIL, f"objective {number}") for number in range(10_000)]
    decision = document(*findings, outcome=Outcome.NO_GO)
    text = FORMATS["markdown"](decision)
    check_markdown(text)
    shown = len(cells_of(text)) // 3
    assert 50 < shown < 10_000
    assert f"{10_000 - shown} more findings are not shown here" in text
    lines = github.annotations(decision)
    assert [line.split()[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 3
    assert "9992 more findings" in lines[9]


def test_a_next_step_of_several_findings_is_one_line() -> None:
    findings = [
        replace(finding(Verdict.FAIL, name), next_step=step, subjects=())
        for name, step in [("a", "x"), ("b", "y"), ("c", "x"), ("d", "x"), ("e", "x"), ("f", "")]
    ]
    text = FORMATS["markdown"](document(*findings, outcome=Outcome.NO_GO))
    steps = [line for line in text.splitlines() if line.startswith("- Next step")]
    assert steps == ["- Next step for a, c, d and 1 more: `x`", "- Next step for b: `y`"]


def test_an_annotation_is_one_command_with_its_texts_escaped() -> None:
    nasty = "a\n::error::b, c: 100%"
    lines = github.annotations(
        document(finding(Verdict.FAIL, "x"), outcome=Outcome.NO_GO, text=nasty)
    )
    # Control characters are replaced before the text is escaped.
    title = "NO-GO a�%3A%3Aerror%3A%3Ab%2C c%3A 100%25 a�%3A%3Aerror%3A%3Ab%2C c%3A 100%25"
    assert lines[0] == f"::error title={title}::a�::error::b, c: 100%25"
    assert lines[1] == "::error title=x%3A x::x%0ANext step: x"


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.GO, "notice"),
        (Outcome.HOLD, "warning"),
        (Outcome.NO_GO, "error"),
        (Outcome.ROLLBACK, "error"),
    ],
)
def test_the_kind_of_the_annotation_tells_the_answer(outcome: Outcome, kind: str) -> None:
    lines = github.annotations(document(finding(Verdict.PASS), outcome=outcome))
    assert any(line.startswith(f"::{kind} title={outcome_word(outcome)} ") for line in lines)


def outcome_word(outcome: Outcome) -> str:
    return outcome.value.replace("_", "-").upper()


def test_the_summary_has_no_room_left() -> None:
    decision = document(finding(Verdict.FAIL), outcome=Outcome.NO_GO)
    limit = github.MAX_SUMMARY_BYTES
    assert github.summary(decision, 0) == FORMATS["markdown"](decision)
    for present in (1, limit - 5000, limit - 2000, limit - 1000, limit - 1, limit, limit + 1):
        text = github.summary(decision, present)
        assert present + len(text.encode()) <= max(limit, present)
    assert github.summary(decision, limit - 100) == ""
