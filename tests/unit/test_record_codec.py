"""Untrusted JSON becomes a value of its type, or an error; all records have one seal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from pathlib import Path

import pytest
from judging import GREEN, NOW, SERVED

from gates.evidence import codec, seal
from gates.model import (
    CheckOutcome,
    LoadPhase,
    Target,
)
from gates.sources import json_values
from gates.sources.json_values import Amount, Count
from load import generator


@dataclass(frozen=True, slots=True)
class Sheet:
    """A record with a field of every kind."""

    at: datetime
    count: Count
    amount: Amount
    pairs: tuple[tuple[int, float], ...]
    by_second: Mapping[int, Count]
    outcome: CheckOutcome
    names: frozenset[str]
    note: str | None = None


SHEET = Sheet(NOW, 3, 0.5, ((-1, 2.5),), {7: 1}, CheckOutcome.PASSED, frozenset({"b", "a"}))


def test_a_record_is_read_as_it_was_written() -> None:
    content = json.loads(json.dumps(codec.to_record(SHEET)))
    assert list(content) == ["at", "count", "amount", "pairs", "by_second", "outcome", "names"]
    assert content["names"] == ["a", "b"]
    assert codec.from_record(Sheet, content) == SHEET
    assert codec.from_record(Sheet, {**content, "note": "n"}) == replace(SHEET, note="n")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "2026-11-22T12:00:00"),
        ("at", "0001-01-01T00:00:00+00:00"),
        ("at", 5),
        ("count", -1),
        ("count", True),
        ("count", 1.5),
        ("count", "3"),
        ("amount", -0.1),
        ("amount", inf),
        ("amount", False),
        ("amount", int("9" * 400)),
        ("pairs", [[1]]),
        ("pairs", "ab"),
        ("pairs", [[1, 2.0, 3]]),
        ("by_second", {"x": 1}),
        ("by_second", []),
        ("outcome", "Passed"),
        ("names", "ab"),
        ("names", [1]),
        ("note", 7),
    ],
)
def test_a_value_of_another_kind_is_refused(field: str, value: object) -> None:
    content = {**codec.to_record(SHEET), field: value}
    with pytest.raises(json_values.MALFORMED):
        codec.from_record(Sheet, content)


@pytest.mark.parametrize("content", [None, [], "x", {}, {"at": NOW.isoformat()}])
def test_a_record_without_a_needed_field_is_refused(content: object) -> None:
    with pytest.raises(json_values.MALFORMED):
        codec.from_record(Sheet, content)


def test_kept_evidence_names_its_classes_and_lacks_no_field() -> None:
    kept = codec.to_json(SERVED)
    assert codec.from_json(type(SERVED), kept) == SERVED
    for broken in (
        {**kept, "is": "Run"},
        {k: v for k, v in kept.items() if k != "is"},
        {k: v for k, v in kept.items() if k != "problem"},
    ):
        with pytest.raises(json_values.MALFORMED):
            codec.from_json(type(SERVED), broken)


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ({"sha256": seal.digest_of(b"a"), "hmac": seal.signature_of(b"a", "k")}, ""),
        ({"sha256": seal.digest_of(b"a")}, "the record has no signature"),
        ({"sha256": seal.digest_of(b"a"), "hmac": 5}, "the record has no signature"),
        (
            {"sha256": seal.digest_of(b"b"), "hmac": seal.signature_of(b"a", "k")},
            "the record was changed",
        ),
        ({}, "the record was changed"),
    ],
)
def test_a_seal_is_valid_only_for_its_bytes_and_its_key(
    stated: dict[str, object], problem: str
) -> None:
    assert seal.problem_of(stated, b"a", b"a", "k").startswith(problem)
    assert bool(seal.problem_of(stated, b"a", b"a", "k")) is bool(problem)
    assert seal.problem_of(stated, b"a", b"a", "other") != ""


@pytest.mark.parametrize(
    "line", [b"", b"[]", b'{"measured": {}}', b'{"progress": {"at": NaN}}', b"\xff"]
)
def test_a_malformed_report_of_the_generator_is_not_a_measurement(line: bytes) -> None:
    with pytest.raises(generator.GeneratorError, match=r"locust\.log"):
        generator._report(line, Path("locust.log"))


def test_evidence_of_an_older_gate_may_lack_what_came_later() -> None:
    phase = LoadPhase("recovery", "answers", 40.0, 100, 100, 500, 0, 0.0, 0.1, {}, is_recovery=True)
    kept = codec.to_json(phase)
    assert codec.from_json(LoadPhase, kept) == phase
    del kept["is_recovery"]
    assert codec.from_json(LoadPhase, kept) == replace(phase, is_recovery=False)

    target = replace(GREEN, secrets={}, suite_processes={"integration": 2})
    kept = codec.to_json(target)
    assert codec.from_json(Target, kept).suite_processes == {"integration": 2}
    del kept["suite_processes"]
    assert codec.from_json(Target, kept).suite_processes == {}
