"""Checks of payments: cards, UPI, the webhook of the payment gateway, and saved cards."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Target
from suites.client import Answer, StoreClient
from suites.client.sandbox import (
    CARD,
    DECLINED_CARD,
    VPA,
    new_card_number,
    pay_by_card,
    recoverable_forms,
    start_upi,
    webhook_signature,
)
from suites.client.waiting import wait_until
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct, Shop

pytestmark = [pytest.mark.integration, pytest.mark.payment]

NewOrder = Callable[..., dict[str, Any]]
# A test number of a network whose numbers have 15 digits, and whose codes have 4 digits.
FIFTEEN_DIGITS = "378282246310005"


def send_event(client: StoreClient, raw: bytes, signature: str | None, *, expect: int) -> Answer:
    """Send a webhook event to the store as the payment gateway does.

    Args:
        client: the client that sends the request.
        raw: the body of the request.
        signature: the signature of the body; None for a request without a signature.
        expect: the expected status of the response.
    """
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["X-Razorpay-Signature"] = signature
    return client.call("payment_webhook", expect=expect, raw=raw, headers=headers)


def signed(target: Target, raw: bytes) -> str:
    """Return the signature that the payment gateway gives a body."""
    return webhook_signature(target.secrets["webhook_key"], raw)


def event_of(payment: dict[str, Any], event_id: str, event: str = "payment.captured") -> bytes:
    """Return the body of a webhook event about a payment.

    Args:
        payment: the payment, as the store returned it.
        event_id: the id of the event.
        event: the kind of the event.
    """
    body = {
        "event": event,
        "event_id": event_id,
        "payment_id": payment["id"],
        "amount_paise": payment["amount_paise"],
    }
    return json.dumps(body).encode()


@check("payments.card", needs="payments")
def test_card(
    new_person: NewPerson, new_order: NewOrder, product: "OwnProduct", database: "Shop"
) -> None:
    """An order can be paid by card once, with its exact total; a declined card pays nothing."""
    shopper, other = new_person.customers(2)
    order, unpaid_order = new_order(shopper, quantity=2), new_order(shopper, quantity=2)
    body = {
        "order_id": order["id"],
        "amount_paise": order["total_paise"],
        "method": "razorpay_card",
        "card": CARD,
    }

    for_less = {**body, "amount_paise": order["total_paise"] - 1}
    for_more = {**body, "amount_paise": order["total_paise"] + 1}
    wrong_amounts = [
        shopper.client.call("process_payment", expect=409, body=wrong).body["error"]["code"]
        for wrong in (for_less, for_more)
    ]
    other.client.call("process_payment", expect=404, body=body)
    declined = shopper.client.call(
        "process_payment", expect=402, body={**body, "card": DECLINED_CARD}
    ).body
    mistyped = {**CARD, "number": CARD["number"][:-1] + "2"}
    shopper.client.call("process_payment", expect=400, body={**body, "card": mistyped})
    unpaid = shopper.client.call("show_order", expect=200, path={"order_id": order["id"]}).body
    payment = shopper.client.call("process_payment", expect=201, body=body).body
    shopper.client.call("process_payment", expect=409, body=body)
    assert start_upi(shopper.client, order, VPA).status == 409, (
        "a paid order must not be paid by UPI"
    )

    assert wrong_amounts == ["amount_mismatch"] * 2
    assert declined["error"]["code"] == "payment_declined"
    assert unpaid["status"] == "placed"
    assert payment["amount_paise"] == 2 * product.price_paise
    stored = list(database.payments.find({"order_id": order["id"]}).sort("created_at", 1))
    assert [payment_stored["status"] for payment_stored in stored] == ["declined", "captured"]
    assert {payment_stored["amount_paise"] for payment_stored in stored} == {
        2 * product.price_paise
    }
    shown_statuses = [
        shopper.client.call("show_payment", expect=200, path={"payment_id": each["_id"]}).body[
            "status"
        ]
        for each in stored
    ]
    assert shown_statuses == ["declined", "captured"]
    paid = database.orders.find_one({"_id": order["id"]})
    assert paid is not None
    assert paid["status"] != "placed"
    assert [form for form in recoverable_forms(CARD["number"]) if form in str(stored)] == []
    path = {"order_id": unpaid_order["id"]}
    assert shopper.client.call("show_order", expect=200, path=path).body["status"] == "placed"
    other.client.call("show_payment", expect=404, path={"payment_id": payment["id"]})


@check("payments.upi", needs="payments")
def test_upi(
    new_person: NewPerson, new_order: NewOrder, target: Target, ownership: "Ownership"
) -> None:
    """A wrong UPI address is refused; a UPI payment is pending until the gateway confirms it."""
    shopper = new_person()
    order = new_order(shopper)
    path = {"order_id": order["id"]}

    refused = [
        start_upi(shopper.client, order, vpa).status
        for vpa in (
            "",
            "shopper",
            "@upi",
            "shopper@",
            "sho pper@upi",
            "shopper@upi@upi",
            "a@1",
            f"{VPA}\n",
        )
    ]
    pending = start_upi(shopper.client, order, VPA)
    again = start_upi(shopper.client, order, VPA)
    by_card = {"amount_paise": order["total_paise"], "method": "razorpay_card", "card": CARD}
    shopper.client.call("process_payment", expect=409, body={**path, **by_card})
    payment = {"payment_id": pending.body["id"]}
    shown_pending = shopper.client.call("show_payment", expect=200, path=payment).body
    before = shopper.client.call("show_order", expect=200, path=path).body
    raw = event_of(pending.body, ownership.event_id())
    send_event(shopper.client, raw, signed(target, raw), expect=200)
    after = shopper.client.call("show_order", expect=200, path=path).body
    accepted = [
        start_upi(shopper.client, new_order(shopper), vpa).status
        for vpa in ("asha.k-9_1@okhdfcbank", "9876543210@ybl")
    ]

    assert refused == [400] * 8
    assert accepted == [202, 202]
    assert (pending.status, pending.body["status"]) == (202, "pending")
    assert again.status == 409
    assert shown_pending["status"] == "pending"
    assert before["status"] == "placed"
    assert after["status"] != "placed"
    assert (
        shopper.client.call("show_payment", expect=200, path=payment).body["status"] == "captured"
    )
    _has_what_follows_a_payment(shopper, path)


def _has_what_follows_a_payment(shopper: Person, path: dict[str, Any]) -> None:
    """Require a delivery and the first achievement, if the target has these capabilities."""
    capabilities = shopper.client.target.capabilities
    if "realtime" in capabilities:
        wait_until(
            "the delivery begins",
            lambda: shopper.client.call("show_order", expect=200, path=path).body["status"],
            lambda status: status not in ("placed", "paid"),
            seconds=6,
        )
    if "gamification" in capabilities:
        achievements = shopper.client.call("achievements", expect=200).body["achievements"]
        unlocked = [each["key"] for each in achievements if each["unlocked_at"]]
        assert "first_order" in unlocked, (
            "a first order that is paid by UPI must unlock the achievement first_order"
        )


@check("payments.webhook.signature", needs="payments")
def test_webhook(
    new_person: NewPerson,
    new_order: NewOrder,
    target: Target,
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """Each event that the gateway signed takes effect once; a failed payment can be repeated."""
    shopper = new_person()
    order = new_order(shopper)
    payment = start_upi(shopper.client, order, VPA).body
    client = shopper.client
    # Ids of the greatest length, which differ only in the last character.
    beginning = f"{ownership.event_id():x<79}"
    first_id, late_id = f"{beginning}a", f"{beginning}b"
    raw = event_of(payment, first_id, "payment.failed")
    good = signed(target, raw)

    def status() -> str:
        stored = database.payments.find_one({"_id": payment["id"]})
        return str(stored["status"]) if stored else "gone"

    send_event(client, raw, None, expect=401)
    send_event(client, raw, "", expect=401)
    send_event(client, raw, good[:-1] + ("0" if good[-1] != "0" else "1"), expect=401)
    send_event(client, raw.replace(b"failed", b"captur"), good, expect=401)
    send_event(client, raw + b" ", good, expect=401)
    assert status() == "pending"
    for amount in (1, payment["amount_paise"] - 1, payment["amount_paise"] + 1):
        other_amount = json.dumps({**json.loads(raw), "amount_paise": amount}).encode()
        send_event(client, other_amount, signed(target, other_amount), expect=409)
        assert status() == "pending"

    first = send_event(client, raw, good, expect=200).body
    replay = send_event(client, raw, good, expect=200).body
    late = event_of(payment, late_id)
    ignored = send_event(client, late, signed(target, late), expect=200).body

    assert [first["status"], replay["status"], ignored["status"]] == [
        "processed",
        "duplicate",
        "ignored",
    ]
    assert status() == "failed"
    shown_order = client.call("show_order", expect=200, path={"order_id": order["id"]}).body
    assert shown_order["status"] == "placed", "a failed payment must not pay the order"
    paid = {"order_id": order["id"], "status": "paid"}
    assert database.order_events.count_documents(paid) == 0
    assert database.webhook_events.count_documents({"_id": json.loads(raw)["event_id"]}) == 1
    pay_by_card(client, order["id"], order["total_paise"])
    nobody = json.dumps({**json.loads(raw), "payment_id": "pay_none"}).encode()
    send_event(client, nobody, signed(target, nobody), expect=404)


def _refuses_and_accepts_other_networks(person: Person) -> None:
    """Require that a card of 15 digits can be saved, and that its check digit is verified.

    The list has each saved card at once, with its own values.
    """
    card = {"number": FIFTEEN_DIGITS, "expiry": "01/31", "cvv": "1234"}
    none = person.client.call("list_methods", expect=200).body["methods"]
    visa = person.client.call("save_method", expect=201, body={"card": CARD}).body
    saved = person.client.call("save_method", expect=201, body={"card": card}).body
    assert saved["last4"] == FIFTEEN_DIGITS[-4:]
    assert saved["brand"] != "visa"
    mistyped = {**card, "number": f"{FIFTEEN_DIGITS[:-1]}6"}
    person.client.call("save_method", expect=400, body={"card": mistyped})
    methods = person.client.call("list_methods", expect=200).body["methods"]
    assert none == []
    assert {method["token"]: method for method in methods} == {
        each["token"]: each for each in (visa, saved)
    }, "the list must have each saved card with its own brand and expiry"


@check("payments.methods", needs="saved_methods")
def test_saved_methods(
    new_person: NewPerson, new_order: NewOrder, target: Target, database: "Shop"
) -> None:
    """Every saved card is listed and pays only for its owner; its number is stored nowhere."""
    shopper, other, partner = new_person.customers(3)
    order, foreign = new_order(shopper), new_order(other)
    number = new_card_number()
    card = {**CARD, "number": number, "cvv": "947"}

    saved = shopper.client.call("save_method", expect=201, body={"card": card})
    other_card = {**CARD, "number": new_card_number()}
    second = shopper.client.call("save_method", expect=201, body={"card": other_card}).body
    twin_card = {**CARD, "number": new_card_number(number[-4:])}
    twin = shopper.client.call("save_method", expect=201, body={"card": twin_card}).body
    # Two people may have the same card.
    shared = partner.client.call("save_method", expect=201, body={"card": card}).body
    methods = shopper.client.call("list_methods", expect=200).body["methods"]
    token = saved.body["token"]
    _refuses_and_accepts_other_networks(other)

    def pay(person: Person, of: dict[str, Any], *, expect: int) -> None:
        body = {
            "order_id": of["id"],
            "amount_paise": of["total_paise"],
            "method": "razorpay_card",
            "method_token": token,
        }
        person.client.call("process_payment", expect=expect, body=body)

    assert saved.body["last4"] == number[-4:]
    assert saved.body["expiry"] == CARD["expiry"]
    assert {method["token"]: method["last4"] for method in methods} == {
        token: number[-4:],
        second["token"]: other_card["number"][-4:],
        twin["token"]: number[-4:],
    }
    assert saved.body["brand"] == "visa"
    partners = partner.client.call("list_methods", expect=200).body["methods"]
    assert [method["token"] for method in partners] == [shared["token"]]
    assert shared["token"] != token
    pay(other, foreign, expect=404)
    pay(shopper, order, expect=201)
    by_user = {"user_id": shopper.user.user_id}
    stored = [
        *database.payment_methods.find(by_user),
        *database.payments.find(by_user),
        *database.audit_logs.find({"actor_id": shopper.user.user_id}),
    ]
    logged = [path.read_text(errors="replace") for path in target.log_files]
    all_texts = f"{saved.body} {methods} {stored} {logged}"
    assert [form for form in recoverable_forms(number) if form in all_texts] == []
    assert "'947'" not in str(stored)
    actions = [entry["action"] for entry in stored if "action" in entry]
    assert actions == ["payment_method.saved"] * 3
    assert logged != []
