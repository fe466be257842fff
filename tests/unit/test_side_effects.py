"""What a call changed is compared with what the contract declares, one call or many at once."""

import base64
import json
import re
from collections import defaultdict
from typing import Any

import pytest

from suites.client.observing import Call
from suites.contract import load
from suites.side_effects import EffectObserver, Subjects
from suites.side_effects.references import AnsweredCall, values
from suites.testdata.own_writes import WriteCounter

CALLER, OTHER, BYSTANDER = "usr_a", "usr_b", "usr_c"


def matches(value: object, wanted: object) -> bool:
    if isinstance(wanted, dict) and "$in" in wanted:
        return value in wanted["$in"]
    if isinstance(wanted, dict) and "$regex" in wanted:
        return re.search(wanted["$regex"], str(value)) is not None
    return value == wanted


class Collection:
    """Documents in memory, with the few commands that the observer uses."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    def put(self, key: str, **content: object) -> None:
        self.documents[key] = {"_id": key, **content}

    def find(self, query: dict[str, Any], _fields: object = None) -> list[dict[str, Any]]:
        queries = query.get("$or", [query])
        return [
            dict(document)
            for document in self.documents.values()
            if any(
                all(matches(document.get(name), wanted) for name, wanted in each.items())
                for each in queries
            )
        ]

    def update_one(self, query: dict[str, Any], change: dict[str, Any], *, upsert: bool) -> None:
        assert upsert
        if not self.find(query):
            self.put(f"twin_{len(self.documents)}", **query, **change["$setOnInsert"])


class Shop(defaultdict[str, Collection]):
    """Collections by name."""

    def __init__(self) -> None:
        super().__init__(Collection)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def observer(shop: Shop) -> EffectObserver:
    subjects = Subjects((BYSTANDER, CALLER, OTHER), ("prd_1",), "evt_run")
    return EffectObserver(shop, lambda: subjects, BYSTANDER, WriteCounter())  # type: ignore[arg-type]


def token_of(user: str) -> str:
    """A token that names a user, as a store makes it; nobody reads its signature here."""
    claims = base64.urlsafe_b64encode(json.dumps({"sub": user}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


def call(name: str, body: object = None, user: str = CALLER) -> Call:
    return Call(load().operation(name), token_of(user), body, {})


def test_a_declared_effect_is_no_problem(shop: Shop, observer: EffectObserver) -> None:
    sent = call("add_to_cart", {"product_id": "prd_1", "quantity": 1})
    observer.begin(sent)
    shop["carts"].put(CALLER, items={"prd_1": 1}, version=1)
    assert observer.end(sent, 200, {}) == []


def test_an_effect_on_another_user_is_a_problem(shop: Shop, observer: EffectObserver) -> None:
    shop["carts"].put(BYSTANDER, items={"prd_1": 1}, version=1)
    sent = call("add_to_cart", {})
    observer.begin(sent)
    shop["carts"].put(BYSTANDER, items={}, version=1)
    (problem,) = observer.end(sent, 200, {})
    assert problem == (
        "the changes in the database do not match the effects that the contract declares for "
        "add_to_cart: in the collection carts, a document of usr_c changed (items)"
    )


def test_a_refused_call_changes_nothing(shop: Shop, observer: EffectObserver) -> None:
    sent = call("add_to_cart", {})
    observer.begin(sent)
    shop["carts"].put(CALLER, items={}, version=1)
    assert (
        "in the collection carts, a document of usr_a was added" in observer.end(sent, 409, {})[0]
    )


def test_an_effect_does_not_occur_where_its_exception_holds(
    shop: Shop, observer: EffectObserver
) -> None:
    shop["carts"].put(CALLER, items={"prd_1": 1}, version=1)
    for number, (items, count) in enumerate(((None, 0), ([{"product_id": "prd_1"}], 1))):
        sent = call("place_order", {"client_order_id": f"o{number}", "items": items})
        observer.begin(sent)
        shop["orders"].put(f"ord_{number}", user_id=CALLER, client_order_id=f"o{number}")
        shop["order_events"].put(f"evt_{number}", user_id=CALLER, status="placed")
        shop["carts"].put(CALLER, items={}, version=number + 2)
        assert len(observer.end(sent, 201, {})) == count


def test_a_certain_effect_that_did_not_happen_is_a_problem(
    shop: Shop, observer: EffectObserver
) -> None:
    sent = call("save_search", {"name": "Tea", "q": "tea"})
    observer.begin(sent)
    (problem,) = observer.end(sent, 201, {})
    assert problem.endswith(
        "save_search (201) requires a change in saved_searches, but not every required document "
        "was added"
    )
    assert shop["saved_searches"].documents == {}


def test_the_twin_of_what_is_deleted_must_stay(shop: Shop, observer: EffectObserver) -> None:
    named = {"kind": "resource", "resource_id": "till"}
    shop["permissions"].put("p1", user_id=OTHER, **named)
    sent = call("revoke_resource", {"user_id": OTHER, "resource_id": "till"})
    observer.begin(sent)
    revoked = {
        "action": "resource.revoked",
        "subject_id": OTHER,
        "details": {"resource_id": "till"},
    }
    shop["audit_logs"].put("aud", actor_id=CALLER, **revoked)
    assert [entry["user_id"] for entry in shop["permissions"].find(named)] == [OTHER, BYSTANDER]
    shop["permissions"].documents.clear()
    (problem,) = observer.end(sent, 200, {})
    assert "in the collection permissions, a document of usr_c was deleted" in problem


def test_calls_that_overlap_are_compared_together(shop: Shop, observer: EffectObserver) -> None:
    first, second = call("save_search", {}), call("save_search", {}, OTHER)
    observer.begin(first)
    observer.begin(second)
    shop["saved_searches"].put("s1", user_id=CALLER)
    assert observer.end(first, 201, {}) == []
    shop["saved_searches"].put("s2", user_id=OTHER)
    shop["saved_searches"].put("s3", user_id=OTHER)
    (problem,) = observer.end(second, 201, {})
    assert "in the collection saved_searches, a document of usr_b was added" in problem


def test_what_comes_later_is_expected_in_later_calls(shop: Shop, observer: EffectObserver) -> None:
    shop["orders"].put("ord_1", user_id=CALLER, status="placed", event_seq=1)
    pay = call("process_payment", {"order_id": "ord_1"})
    observer.begin(pay)
    shop["payments"].put("pay_1", user_id=CALLER, order_id="ord_1", status="captured")
    shop["orders"].put("ord_1", user_id=CALLER, status="paid", event_seq=2)
    shop["order_events"].put("e2", user_id=CALLER, order_id="ord_1", status="paid")
    assert observer.end(pay, 201, {}) == []
    for stage, problems in (("packed", 0), ("paid", 1)):
        look = call("show_cart", user=f"{CALLER}{stage}")
        observer.begin(look)
        shop["order_events"].put(f"e-{stage}", user_id=CALLER, order_id="ord_1", status=stage)
        assert len(observer.end(look, 200, {})) == problems


def test_a_call_without_an_answer_says_nothing(shop: Shop, observer: EffectObserver) -> None:
    sent = call("clear_cart")
    observer.begin(sent)
    shop["orders"].put("ord_1", user_id=CALLER)
    assert observer.end(sent, None, None) == []


def test_only_the_first_calls_of_a_kind_are_observed(shop: Shop, observer: EffectObserver) -> None:
    is_noticed = []
    for number in range(5):
        sent = call("redeem_points", {"points": 0})
        observer.begin(sent)
        shop["leaderboards"].put(CALLER, balance=number)
        is_noticed.append(bool(observer.end(sent, 400, {})))
    assert is_noticed == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("details", "count"),
    [
        ({"permission": "orders:read"}, 0),
        ({"permission": "orders"}, 2),
        ({}, 2),
    ],
)
def test_a_declared_field_of_a_field_must_have_its_value(
    shop: Shop, observer: EffectObserver, details: dict[str, str], count: int
) -> None:
    sent = call("grant_permission", {"user_id": OTHER, "permission": "orders:read"})
    observer.begin(sent)
    granted = {"action": "permission.granted", "subject_id": OTHER, "details": details}
    shop["audit_logs"].put("aud", actor_id=CALLER, **granted)
    shop["permissions"].put("p1", user_id=OTHER, kind="permission", permission="orders:read")
    assert len(observer.end(sent, 200, {})) == count


def test_references_stand_for_the_values_of_a_call(shop: Shop) -> None:
    shop["payments"].put("pay_1", user_id=OTHER, order_id="ord_7")
    shop["users"].put(OTHER, phone="+01", email="b@test.invalid")
    body = {"payment_id": "pay_1", "identifier": "+01", "items": None, "a": [{"b": 1}, {"b": 2}]}
    answered = AnsweredCall(call("show_cart", body), 200, {"user": {"id": CALLER}})

    def values_of(reference: object) -> list[Any]:
        return values(reference, answered, shop)  # type: ignore[arg-type]

    assert values_of("caller") == [CALLER]
    assert values_of("body.a.b") == [1, 2]
    assert values_of("body.items") == values_of("body.none") == []
    assert values_of("answer.user.id") == [CALLER]
    assert values_of("payments/body.payment_id") == [OTHER]
    assert values_of("payments.order_id/body.payment_id") == ["ord_7"]
    assert values_of("users/body.identifier") == [OTHER]
    assert values_of("permission.granted") == ["permission.granted"]
    assert values_of(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize("token", ["", "word", "a.b.c", "a..c", "x.W10.y"])
def test_a_token_that_names_nobody_has_no_caller(shop: Shop, token: str) -> None:
    sent = Call(load().operation("show_cart"), token, None, {})
    assert values("caller", AnsweredCall(sent, 200, {}), shop) == []  # type: ignore[arg-type]
