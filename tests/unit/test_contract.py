"""The contract checks what it states: every format, and every effect of a writing operation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from suites.contract import document, effects, load
from suites.contract.formats import FORMATS, MAX_CLOCK_SKEW, unchecked_formats
from suites.side_effects.owned_documents import OWNER_FIELDS

EVENT = {"type": "order", "order_id": "ord_1", "seq": 1, "status": "placed"}
READING = ("GET",)
# Operations that are sent with POST and change nothing.
ANSWERING = {"check_permission"}


def problems_of(at: str) -> list[str]:
    errors = load().schemas["OrderEvent"].iter_errors({**EVENT, "at": at})
    return [f"{error.message}: {error.cause}" for error in errors]


def test_every_format_of_the_contract_has_a_checker() -> None:
    assert unchecked_formats(document()) == []
    assert set(FORMATS.checkers) == {"date-time"}


def test_a_format_without_a_checker_is_found_wherever_it_stands() -> None:
    inner = {"items": [{"type": "string", "format": "duration"}, {"format": "date-time"}]}
    assert unchecked_formats({"a": {"b": [inner]}, "format": "uri"}) == ["duration", "uri"]


@pytest.mark.parametrize("at", ["2026-01-28T10:00:00Z", "2026-01-28T10:00:00.123456+00:00"])
def test_a_time_in_utc_is_accepted(at: str) -> None:
    assert problems_of(at) == []


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-01-28T10:00:00", "with the offset"),
        ("2026-01-28 10:00:00Z", "RFC 3339"),
        ("2026-01-28T10:00Z", "RFC 3339"),
        ("1769594400", "RFC 3339"),
        ("2026-02-30T10:00:00Z", "day"),
        ("2026-01-28T10:00:00+05:30", "in UTC"),
        ("2999-01-28T10:00:00Z", "not in the future"),
    ],
)
def test_another_time_is_refused_with_the_reason(at: str, reason: str) -> None:
    (problem,) = problems_of(at)
    assert reason in problem


def test_the_clock_of_a_target_may_be_a_little_ahead() -> None:
    now = datetime.now(UTC)
    assert problems_of((now + MAX_CLOCK_SKEW / 2).isoformat()) == []
    assert problems_of((now + MAX_CLOCK_SKEW + timedelta(seconds=5)).isoformat()) != []


def test_every_writing_operation_declares_effects_by_documented_status() -> None:
    operations = load().operations
    silent = {
        name
        for name, operation in operations.items()
        if operation.method not in READING and not operation.effects
    }
    assert silent == ANSWERING
    for operation in operations.values():
        assert set(operation.effects) <= set(operation.answers), operation.name


def test_every_effect_is_about_a_collection_whose_owners_are_known() -> None:
    collections = {
        effect.collection
        for operation in load().operations.values()
        for declared in operation.effects.values()
        for effect in declared
    }
    assert collections - set(OWNER_FIELDS) == set()
    assert len(collections) >= 18


def test_an_answer_repeats_what_was_sent() -> None:
    pay = load().operation("process_payment")
    sent = {"body": {"order_id": "ord_1", "amount_paise": 5, "method": "upi"}}
    answer = {"id": "pay_1", **sent["body"], "status": "pending"}
    assert pay.echo_problems(202, sent, answer) == []
    assert pay.echo_problems(202, sent, {**answer, "order_id": "ord_2"}) == [
        "$.order_id is ['ord_2'], but the request had ['ord_1'] in body.order_id"
    ]
    assert pay.echo_problems(409, sent, {"error": {"code": "already_paid"}}) == []
    show = load().operation("list_products")
    assert show.echo_problems(200, {"query": {"page": "2"}}, {"page": 2, "per_page": 20}) == []
    assert show.echo_problems(200, {"query": {"page": "2"}}, {"page": 1}) != []


def test_the_entries_of_a_list_are_repeated_in_their_order() -> None:
    sync = load().operation("sync_offline")
    sent = {"body": {"changes": [{"client_id": "a"}, {"client_id": "b"}]}}
    results = [{"client_id": "b"}, {"client_id": "a"}]
    assert sync.echo_problems(200, sent, {"results": results[::-1]}) == []
    assert sync.echo_problems(200, sent, {"results": results}) != []


def test_every_echo_is_a_field_of_an_answer() -> None:
    echoes = {name: set(operation.echo) for name, operation in load().operations.items()}
    assert sum(map(bool, echoes.values())) >= 16
    assert all(
        reference.split(".")[0] in ("body", "path", "query")
        for operation in load().operations.values()
        for reference in operation.echo.values()
    )


def effect(**content: Any) -> effects.Effect:
    operation = {"x-effects": {"200": [{"collection": "carts", "of": "caller", **content}]}}
    (only,) = effects.effects_by_status(operation)[200]
    return only


def test_a_number_is_exact_and_a_pair_is_a_range() -> None:
    assert effect(adds=1).adds == (1, 1)
    assert effect(removes=[0, 3]).removes == (0, 3)
    assert effect().adds == effect().removes == (0, 0)
    assert effect(when="later").later
    assert not effect().later


def test_an_unknown_key_of_an_effect_is_refused() -> None:
    with pytest.raises(LookupError, match="unknown key 'ads'"):
        effect(ads=1)
