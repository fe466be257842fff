"""The document of a decision is what its schema says, field by field, and is read as written."""

import json
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from worlds import ROOT

from gates import decision_document
from gates.decision_document import DecisionDocument
from gates.model import (
    Decision,
    Figure,
    Finding,
    JudgedRun,
    Measured,
    Measurement,
    Outcome,
    Override,
    PolicyFile,
    Verdict,
)

SCHEMA = json.loads((ROOT / "gates" / "schemas" / "decision.schema.json").read_text())
OVERRIDE = Override(
    ("Asha (unverified, name typed)", "Ben (unverified, name typed)"),
    ("a", "b"),
    datetime(2026, 11, 27, 16, tzinfo=UTC),
    ("d" * 12, "e" * 12),
)
DOCUMENT = DecisionDocument(
    decision=Decision(
        outcome=Outcome.NO_GO,
        reason="60 of 6,000",
        stage="ramp-10",
        target="green",
        build="v5",
        at=datetime(2026, 11, 27, 12, tzinfo=UTC),
        findings=(
            Finding(
                "error-ratio",
                "3",
                Measured.OK,
                Verdict.FAIL,
                "60 of 6,000",
                "curl x",
                (Measurement("http://p", "up[60s]", 60.0, 12, 0.512, "12"),),
                subjects=("smoke.login",),
                override=OVERRIDE,
                figure=Figure(0.01, 0.005),
            ),
        ),
        policy=PolicyFile("release.toml", "a" * 64, installed=True),
        warnings=("damaged",),
    ),
    policy_digest="a" * 64,
    tool="0.1.0",
    evidence_digest="b" * 64,
    entry_id="c" * 12,
    runs=(
        JudgedRun(
            "checks",
            "r1",
            7,
            "d" * 64,
            sealed=True,
            build="v5",
            started_at=datetime(2026, 11, 27, 11, tzinfo=UTC),
            subjects=frozenset({"smoke.login"}),
            failed=frozenset(),
        ),
    ),
)


def test_the_document_is_valid_by_its_schema() -> None:
    content = json.loads(decision_document.as_text(DOCUMENT))
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(content)


def test_the_schema_names_the_fields_of_the_type_and_no_others() -> None:
    content = json.loads(decision_document.as_text(DOCUMENT))
    assert differences(SCHEMA, content, "") == []


def differences(schema: Any, content: Any, path: str) -> list[str]:
    """Every object of a document whose fields are not the schema's properties, all required."""
    paths: list[str] = []
    if isinstance(content, dict):
        names = sorted(content)
        if names != sorted(schema["properties"]) or names != sorted(schema["required"]):
            paths.append(path)
        for name, value in content.items():
            paths += differences(schema["properties"].get(name), value, f"{path}.{name}")
    elif isinstance(content, list):
        for value in content:
            paths += differences(schema["items"], value, f"{path}[]")
    return paths


FINDING = SCHEMA["properties"]["findings"]["items"]["properties"]


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (SCHEMA["properties"]["decision"], Outcome),
        (FINDING["measured"], Measured),
        (FINDING["verdict"], Verdict),
    ],
)
def test_the_schema_lists_the_values_of_the_type(schema: Any, values: type[Enum]) -> None:
    assert sorted(schema["enum"]) == sorted(value.value for value in values)


def test_the_document_is_read_as_it_was_written() -> None:
    assert decision_document.decode(decision_document.encode(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize(
    "change", [{"decision": "maybe"}, {"at": "noon"}, {"at": "2026-11-27T12:00:00"}, {"kind": "x"}]
)
def test_what_is_no_decision_is_not_read_as_one(change: dict[str, object]) -> None:
    assert decision_document.decode({**decision_document.encode(DOCUMENT), **change}) is None
