"""Each integrity invariant holds in an honest shop, and finds the document that contradicts it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from shop_data import AT, Documents, MemoryShop, honest, order, payment
from worlds import ROOT

from suites.database import invariants, totals
from suites.database.invariants import INVARIANTS, ConfirmedViolations, check, text_of
from suites.database.view import View, Violation

LIMIT = 1000
Edit = Callable[[Documents], Any]


def change(collection: str, number: int, **fields: object) -> Edit:
    """Change fields of a document."""
    return lambda shop: shop[collection][number].update(fields)


def change_line(**fields: object) -> Edit:
    """Change the item of the first order."""
    return lambda shop: shop["orders"][0]["items"][0].update(fields)


def add(collection: str, document: dict[str, Any]) -> Edit:
    """Add a document."""
    return lambda shop: shop.setdefault(collection, []).append(document)


def remove(collection: str, number: int) -> Edit:
    """Remove a document."""
    return lambda shop: shop[collection].pop(number)


# The invariant, the document that contradicts it, what was done to the data, and a part of the
# observation.
BROKEN: tuple[tuple[str, str, Edit, str], ...] = (
    ("order_items", "ord_1", change("orders", 0, items=[]), "no items"),
    ("order_items", "ord_1", change_line(quantity=0), "less than 1"),
    ("order_lines", "ord_1", change_line(line_total_paise=1), "line_total_paise is 1"),
    ("order_totals", "ord_2", change("orders", 1, total_paise=7), "the sum of the items is 300000"),
    ("order_users", "ord_1", change("orders", 0, user_id="usr_9"), "usr_9 does not exist"),
    ("order_products", "ord_1", change_line(product_id="prd_9"), "prd_9 does not exist"),
    ("order_once", "ord_2", change("orders", 1, client_order_id="client-ord_1"), "ord_1 has"),
    ("order_payments", "ord_1", remove("payments", 0), "the states of its payments: none"),
    ("order_payments", "ord_1", change("payments", 0, status="pending"), "payments: pending"),
    ("payment_orders", "pay_2", change("payments", 1, order_id="ord_9"), "ord_9 does not exist"),
    ("payment_orders", "pay_1", change("payments", 0, user_id="usr_9"), "is of user usr_9"),
    ("payment_amounts", "pay_1", change("payments", 0, amount_paise=199_900), "199900"),
    ("payment_once", "pay_1", add("payments", payment("pay_4", "ord_1", 200_000, "captured")),
     "also has the payment pay_4"),
    ("payment_effects", "pay_1", change("orders", 0, status="placed"), "ord_1 is placed"),
    ("order_items", "ord_1", change_line(price_paise=200_000.0), "not a whole number"),
    ("order_items", "ord_1", change_line(quantity=True), "is not a whole number"),
    ("payment_orders", "pay_1", change("payments", 0, created_at=AT - timedelta(hours=5)),
     "was made 18000 s before order ord_1"),
    ("event_numbers", "ord_1", change("order_events", 1, at=AT - timedelta(days=3)),
     "event 2 is older than the order or the previous event"),
    ("second_factors", "usr_9", add("leaderboards", {
        "_id": "usr_9", "balance": 0, "points": 0, "name": "Gone", "reached_at": AT,
    }), "user usr_9 does not exist"),
    ("second_factors", "dev_1", add("mobile_devices", {"_id": "dev_1", "user_id": "usr_9"}),
     "user usr_9 does not exist"),
    ("second_factors", "syn_1", add("offline_sync", {"_id": "syn_1", "user_id": "usr_9"}),
     "user usr_9 does not exist"),
    ("second_factors", "sav_1", add("saved_searches", {"_id": "sav_1", "user_id": "usr_9"}),
     "user usr_9 does not exist"),
    # A document from the future is judged, too.
    ("payment_effects", "pay_1", lambda shop: (
        change("payments", 0, created_at=datetime(2999, 1, 1, tzinfo=UTC))(shop),
        change("orders", 0, status="placed")(shop),
    ), "order ord_1 is placed"),
    ("points_orders", "earn:ord_1", change("loyalty_points", 0, order_id="ord_9"), "ord_9"),
    ("points_orders", "earn:ord_1", change("loyalty_points", 0, order_id="ord_2"), "is placed"),
    ("points_amounts", "earn:ord_1", change("loyalty_points", 0, points=201), "earns 200"),
    ("points_balances", "usr_1", change("leaderboards", 0, balance=151), "entries is 150"),
    ("points_balances", "usr_1", remove("leaderboards", 0), "balance is 0"),
    ("points_lifetime", "usr_1", change("leaderboards", 0, points=150), "entries is 200"),
    ("points_not_negative", "usr_1", change("leaderboards", 0, balance=-1), "balance is -1"),
    ("achievements", "usr_1:regular", add("achievements", {
        "_id": "usr_1:regular", "user_id": "usr_1", "key": "regular", "unlocked_at": AT,
    }), "1 paid orders"),
    ("stock_balance", "prd_1", change("products", 0, stock=96), "too high"),
    ("stock_balance", "prd_1", change("products", 0, taken=4), "too low"),
    ("stock_taken", "prd_1", remove("orders", 1), "the orders have 2 pieces"),
    ("stock_taken", "prd_1", add("orders", order("ord_3", 1, "placed", 0)), "have 6 pieces"),
    ("stock_not_negative", "prd_2", change("products", 1, stock=-1), "stock is -1"),
    ("carts", "usr_9", change("carts", 0, _id="usr_9"), "usr_9 does not exist"),
    ("carts", "usr_1", change("carts", 0, items={"prd_2": 0}), "prd_2 is 0"),
    ("sessions", "ses_1", change("sessions", 0, user_id="usr_9"), "usr_9"),
    ("event_orders", "evt_ord_1_5", change("order_events", 4, order_id="ord_9"), "ord_9"),
    ("event_orders", "evt_ord_1_5", change("order_events", 4, user_id="usr_9"), "user usr_9"),
    ("event_numbers", "ord_1", remove("order_events", 2), "[1, 2, 4, 5]"),
    ("event_numbers", "ord_2", remove("order_events", 5), "the numbers []"),
    ("event_status", "ord_1", change("orders", 0, status="packed"), "status delivered"),
    ("saved_methods", "pm_1", change("payment_methods", 0, user_id="usr_9"), "usr_9"),
    ("permissions", "per_1", change("permissions", 0, user_id="usr_9"), "usr_9"),
    ("second_factors", "dev_1", change("twofa_devices", 0, user_id="usr_9"), "usr_9"),
    ("second_factors", "sms_1", change("sms_codes", 0, user_id="usr_9"), "usr_9"),
)  # a table, one row a line # fmt: skip


def view_of(documents: Documents, limit: int = LIMIT) -> View:
    """A view of documents in memory."""
    return View(MemoryShop(documents), limit)  # type: ignore[arg-type]


def find(name: str, documents: Documents, limit: int = LIMIT) -> list[Violation]:
    """What an invariant finds."""
    return list(INVARIANTS[name].find(view_of(documents, limit)))


@pytest.mark.parametrize("name", INVARIANTS)
def test_an_honest_shop_contradicts_no_invariant(name: str) -> None:
    assert find(name, honest()) == []
    assert find(name, {}) == []


@pytest.mark.parametrize(("name", "document", "edit", "observed"), BROKEN)
def test_an_invariant_finds_the_document_that_contradicts_it(
    name: str, document: str, edit: Edit, observed: str
) -> None:
    shop = honest()
    edit(shop)
    observations = {violation.document: violation.observed for violation in find(name, shop)}
    assert document in observations
    assert observed in observations[document]


def test_every_invariant_is_shown_to_find_something() -> None:
    assert {name for name, *_ in BROKEN} == set(INVARIANTS)
    assert len(INVARIANTS) >= 20


def test_the_document_of_the_database_states_every_invariant() -> None:
    text = (ROOT / "docs" / "database.md").read_text()
    rows = [f"| `{name}` | {invariant.sentence} |" for name, invariant in INVARIANTS.items()]
    assert [row for row in rows if row not in text] == []


@pytest.mark.parametrize(
    "name",
    [
        "order_items",
        "order_totals",
        "points_amounts",
        "points_balances",
        "points_not_negative",
        "stock_balance",
        "stock_not_negative",
        "carts",
    ],
)
def test_a_malformed_document_is_a_violation_and_no_error(name: str) -> None:
    shop = honest()
    for documents in shop.values():
        for document in documents:
            for field in ("items", "total_paise", "points", "balance", "stock", "amount_paise"):
                if field in document:
                    document[field] = "text"
    assert any("wrong type" in violation.observed for violation in find(name, shop))


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("order_payments", remove("payments", 0)),
        ("event_numbers", remove("order_events", 2)),
    ],
)
def test_documents_of_this_moment_are_not_judged_yet(name: str, edit: Edit) -> None:
    shop = honest()
    edit(shop)
    shop["orders"][0]["created_at"] = datetime.now(UTC) - timedelta(seconds=1)
    assert find(name, shop) == []
    shop["orders"][0]["created_at"] = datetime.now(UTC) - timedelta(seconds=3)
    assert [violation.document for violation in find(name, shop)] == ["ord_1"]


def test_an_order_that_is_being_placed_may_have_its_pieces_counted_or_not() -> None:
    shop = honest()
    shop["orders"].append({**order("ord_3", 4, "placed", 0), "created_at": datetime.now(UTC)})
    assert find("stock_taken", shop) == []
    shop["products"][0]["taken"] = 9
    assert find("stock_taken", shop) == []
    shop["products"][0]["taken"] = 10
    assert [violation.difference for violation in find("stock_taken", shop)] == [5]


def test_points_that_are_being_earned_are_not_judged_yet() -> None:
    shop = honest()
    shop["leaderboards"][0]["balance"] = 151
    shop["loyalty_points"][1]["at"] = datetime.now(UTC)
    assert find("points_balances", shop) == []


def test_a_large_collection_is_read_up_to_the_limit_and_references_are_looked_up() -> None:
    shop = honest()
    earlier = AT - timedelta(days=1)
    for number in range(20):
        shop["orders"].append({**order(f"old_{number}", 1, "placed", 0), "created_at": earlier})
        shop["users"].append({"_id": f"a_{number}"})
    view = view_of(shop, 3)
    assert [document["_id"] for document in view.newest("orders")] == ["ord_1", "ord_2", "old_0"]
    assert not view.is_complete("orders")
    assert view.covers("orders", AT)
    assert not view.covers("orders", earlier)
    assert "usr_1" in view.by_id("users", ["usr_1", "usr_9"])
    assert "usr_9" not in view.by_id("users", ["usr_1", "usr_9"])
    assert len(view.grouped("orders", "user_id", ["usr_1"])["usr_1"]) == 22
    assert list(totals.stock_taken(view)) == []


class Writing:
    """A shop that is written to between the readings."""

    def __init__(self, *edits: Edit) -> None:
        self.shop = honest()
        self._edits = list(edits)
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        """Write what is due."""
        self.pauses.append(seconds)
        if self._edits:
            self._edits.pop(0)(self.shop)

    def check(self, name: str) -> ConfirmedViolations:
        """Check one invariant."""
        return check(MemoryShop(self.shop), LIMIT, self.pause, [name])[name]  # type: ignore[arg-type]


def test_a_shop_without_violations_is_read_once() -> None:
    writing = Writing()
    assert writing.check("order_totals") == ConfirmedViolations((), frozenset())
    assert writing.pauses == []


def test_a_violation_that_is_gone_at_the_second_reading_does_not_count() -> None:
    writing = Writing(change("orders", 0, status="delivered"))
    writing.shop["orders"][0]["status"] = "placed"
    assert writing.check("payment_effects").violations == ()
    assert writing.pauses == [invariants.FIRST_PAUSE_SECONDS]


def test_a_violation_counts_that_is_there_at_every_reading() -> None:
    writing = Writing()
    writing.shop["orders"][0]["status"] = "placed"
    assert [violation.document for violation in writing.check("payment_effects").violations] == [
        "pay_1"
    ]
    assert writing.pauses == [invariants.FIRST_PAUSE_SECONDS, invariants.PAUSE_SECONDS]


def test_reading_goes_on_while_the_data_of_a_run_is_being_deleted() -> None:
    delete = [remove("orders", 0) for _ in range(3)]
    writing = Writing(*delete)
    writing.shop["users"] = []
    writing.shop["orders"] = [order(f"ord_{number}", 1, "placed", 0) for number in range(3)]
    assert writing.check("order_users").violations == ()
    assert len(writing.pauses) == 3


def test_readings_end_even_when_violations_become_fewer_for_ever() -> None:
    writing = Writing(*[remove("orders", 0) for _ in range(50)])
    writing.shop["users"] = []
    writing.shop["orders"] = [order(f"ord_{number}", 1, "placed", 0) for number in range(50)]
    assert len(writing.check("order_users").violations) == 50 - len(writing.pauses)
    assert len(writing.pauses) == invariants.MAX_READINGS - 1


def test_older_violations_are_told_from_newer_ones() -> None:
    writing = Writing()
    writing.shop["orders"][0]["total_paise"] = 1
    confirmed = writing.check("order_totals")
    assert [len(part) for part in confirmed.since(None)] == [1, 0]
    assert [len(part) for part in confirmed.since(AT - timedelta(hours=1))] == [1, 0]
    assert [len(part) for part in confirmed.since(AT + timedelta(seconds=1))] == [0, 1]


def test_a_wrong_sum_is_older_while_its_difference_stays() -> None:
    now = datetime.now(UTC)
    steady = Writing(change("products", 0, stock=95, taken=6))
    steady.shop["products"][0]["stock"] = 96
    assert [len(part) for part in steady.check("stock_balance").since(now)] == [0, 1]
    growing = Writing(change("products", 0, stock=97))
    growing.shop["products"][0]["stock"] = 96
    assert [len(part) for part in growing.check("stock_balance").since(now)] == [1, 0]


def test_a_wrong_sum_is_new_when_an_earlier_run_saw_another_difference() -> None:
    now = datetime.now(UTC)
    writing = Writing()
    writing.shop["products"][0]["stock"] = 96
    confirmed = writing.check("stock_balance")
    assert [len(part) for part in confirmed.since(now, {"prd_1": 1})] == [0, 1]
    assert [len(part) for part in confirmed.since(now, {"prd_1": 2})] == [1, 0]
    assert [len(part) for part in confirmed.since(now, {})] == [1, 0]


def test_a_violation_without_a_time_counts_as_new() -> None:
    writing = Writing()
    writing.shop["twofa_devices"][0]["user_id"] = "usr_9"
    new, older = writing.check("second_factors").since(datetime.now(UTC))
    assert ([violation.document for violation in new], older) == (["dev_1"], [])


def test_the_message_names_documents_a_query_and_the_next_step() -> None:
    shop = honest()
    shop["orders"] = [
        {**order(f"ord_{number}", 1, "placed", 0), "total_paise": 1} for number in range(40)
    ]
    lines = text_of(INVARIANTS["order_totals"], find("order_totals", shop)).splitlines()
    assert lines[0] == (
        "40 documents contradict the invariant: "
        "The total of an order is the sum of its items' totals."
    )
    assert f"orders ord_0 of {AT:%Y-%m-%dT%H:%M:%SZ}: total_paise is 1" in lines[1]
    assert "35 more" in lines[6]
    assert 'again: db.orders.find({_id: {$in: ["ord_0", ' in lines[7]
    assert "next step:" in lines[8]
    assert len(lines) <= 15


GARBAGE: tuple[object, ...] = (
    None,
    "x",
    [],
    {},
    [1],
    float("nan"),
    2**80,
    True,
    b"x",
    datetime(2020, 1, 1),  # noqa: DTZ001 - a wrong value
    ObjectId(b"kirana-store"),
)


@pytest.mark.parametrize("limit", [LIMIT, 1])
@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_no_type_of_a_field_stops_the_reading(garbage: object, limit: int) -> None:
    read = [
        check(MemoryShop(edited(collection, number, field, garbage)), limit, lambda _: None)  # type: ignore[arg-type]
        for collection, documents in honest().items()
        for number, document in enumerate(documents)
        for field in document
    ]
    assert [set(violations) for violations in read] == [set(INVARIANTS)] * len(read)


def edited(collection: str, number: int, field: str, content: object) -> Documents:
    """The honest shop with other content in a field."""
    shop = honest()
    shop[collection][number][field] = content
    return shop


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("payment_once", change("payments", 0, status=[])),
        ("payment_amounts", change("orders", 0, _id={})),
        ("stock_taken", change("products", 0, _id={})),
    ],
)
def test_a_malformed_document_is_a_violation(name: str, edit: Edit) -> None:
    shop = honest()
    edit(shop)
    results = check(MemoryShop(shop), LIMIT, lambda _: None)  # type: ignore[arg-type]
    messages = [
        text_of(INVARIANTS[name], list(confirmed.violations))
        for name, confirmed in results.items()
        if confirmed.violations
    ]
    assert name in results
    assert messages != []
    assert "db.documents" not in "".join(messages)
