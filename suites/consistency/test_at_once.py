"""Checks that a request takes effect once when many clients send it at the same moment.

The same checks send requests of several users at the same moment; each user must get their own
response.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import Answer, StoreClient
from suites.client.sandbox import CARD, VPA, pay_by_card, start_upi, webhook_signature
from suites.consistency.crowd import (
    SENDERS,
    NewClient,
    at_once,
    codes,
    devices,
    own_calls,
    same_call,
    statuses,
)
from suites.pytest_plugin.marks import check
from suites.testdata.people import (
    NewPerson,
    Person,
    credentials,
    enrol,
    log_in_to_challenge,
    wait_for_room_in_step,
)

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct, Shop

pytestmark = pytest.mark.integration

NewOrder = Callable[..., dict[str, Any]]
PEOPLE = 6


@check("consistency.orders_at_once", needs="orders")
def test_orders_at_once(
    new_person: NewPerson, new_client: NewClient, ownership: "Ownership", database: "Shop"
) -> None:
    """An order sent 24 times at once is placed only once; each user gets only their own order."""
    shopper = new_person()
    product = ownership.product(price_paise=700, stock=1_000)

    def order_of(number: int, client_id: str) -> dict[str, Any]:
        item = {"product_id": product.product_id, "quantity": number + 1}
        return {"client_order_id": client_id, "items": [item], "note": f"note {number}"}

    answers = same_call(
        devices(new_client, shopper.client.token), "place_order", body=order_of(1, "same")
    )
    counts = statuses(answers)
    orders = [answer.body for answer in answers if answer.status in (200, 201)]
    again = shopper.client.call("place_order", expect=200, body=order_of(1, "same")).body
    stored = list(database.orders.find({"user_id": shopper.user.user_id}))
    left = database.products.find_one({"_id": product.product_id})

    assert counts[201] == 1
    assert sum(counts.get(status, 0) for status in (200, 201, 409)) == SENDERS
    assert codes(answers) <= {"order_in_progress"}
    assert {(order["id"], order["total_paise"]) for order in orders} == {(again["id"], 1_400)}
    assert [order["_id"] for order in stored] == [again["id"]]
    assert left is not None
    assert left["stock"] == product.stock - 2

    people = new_person.customers(PEOPLE)
    bodies = [order_of(number, f"own-{number}") for number in range(PEOPLE)]
    own = own_calls([person.client for person in people], "place_order", bodies)
    assert [
        (answer.status, answer.body["client_order_id"], answer.body["total_paise"])
        for answer in own
    ] == [(201, f"own-{number}", 700 * (number + 1)) for number in range(PEOPLE)]
    owners = {order["_id"]: order["user_id"] for order in database.orders.find(_of(people))}
    assert owners == {
        answer.body["id"]: person.user.user_id for answer, person in zip(own, people, strict=True)
    }


@check("consistency.sync_at_once", needs="offline_sync")
def test_sync_at_once(
    new_person: NewPerson, new_client: NewClient, product: "OwnProduct", database: "Shop"
) -> None:
    """An offline change sent 24 times at once is applied once; users get only their own orders."""
    shopper = new_person()

    def batch_of(client_id: str, quantity: int) -> dict[str, Any]:
        # The price is what the device shows; the store charges the price of the catalogue.
        item = {"product_id": product.product_id, "quantity": quantity, "price_paise": 1}
        change = {"client_id": client_id, "kind": "order.place", "base_version": 0}
        at = "2026-01-28T10:00:00Z"
        return {"device_id": "phone", "changes": [{**change, "at": at, "items": [item]}]}

    answers = same_call(
        devices(new_client, shopper.client.token), "sync_offline", body=batch_of("same", 2)
    )
    results = [answer.body["results"][0] for answer in answers if answer.status == 200]
    results_by_status = sorted(result["status"] for result in results)
    stored = list(database.orders.find({"user_id": shopper.user.user_id}))

    assert results_by_status == ["applied"] + ["duplicate"] * (SENDERS - 1)
    assert {result["client_id"] for result in results} == {"same"}
    assert [(order["client_order_id"], order["total_paise"]) for order in stored] == [
        ("same", 2 * product.price_paise)
    ]

    people = new_person.customers(3)
    bodies = [batch_of(f"own-{number}", number + 1) for number in range(3)]
    own = own_calls([person.client for person in people], "sync_offline", bodies)
    shown_orders = [answer.body["results"][0]["order"] for answer in own]
    assert [(order["client_order_id"], order["total_paise"]) for order in shown_orders] == [
        (f"own-{number}", product.price_paise * (number + 1)) for number in range(3)
    ]
    # Ids of the greatest length, which differ only in the last character.
    for end in "ab":
        body = batch_of(f"{'long':x<79}{end}", 1)
        (result,) = shopper.client.call("sync_offline", expect=200, body=body).body["results"]
        assert result["status"] == "applied", f"a change with a new id {result['client_id']}"


@check("consistency.carts_at_once", needs="cart")
def test_carts_at_once(
    new_person: NewPerson, new_client: NewClient, ownership: "Ownership"
) -> None:
    """24 additions to a cart at once are each stored or refused; users get their own carts."""
    shopper = new_person()
    product = ownership.product(price_paise=250, stock=1_000).product_id

    answers = same_call(
        devices(new_client, shopper.client.token),
        "add_to_cart",
        body={"product_id": product, "quantity": 1},
    )
    added = [answer.body for answer in answers if answer.status == 200]
    cart = shopper.client.call("show_cart", expect=200).body

    assert set(statuses(answers)) <= {200, 409}
    assert codes(answers) <= {"cart_changed"}
    assert [line["quantity"] for line in cart["items"]] == [len(added)]
    assert cart["version"] == len(added)
    versions = sorted(answer["version"] for answer in added)
    assert versions == list(range(1, len(added) + 1))

    people = new_person.customers(PEOPLE)
    bodies = [{"product_id": product, "quantity": number + 1} for number in range(PEOPLE)]
    own = own_calls([person.client for person in people], "add_to_cart", bodies)
    assert [[line["quantity"] for line in answer.body["items"]] for answer in own] == [
        [body["quantity"]] for body in bodies
    ]
    if "orders" in shopper.client.target.capabilities:
        _no_addition_is_lost(people[0], devices(new_client, people[0].client.token), product)


def _no_addition_is_lost(person: Person, clients: list[StoreClient], product_id: str) -> None:
    """Require that pieces which are added while the cart is ordered are ordered, or stay."""
    (line,) = person.client.call("show_cart", expect=200).body["items"]
    buyer, *adders = clients
    order = {"client_order_id": f"{person.user.user_id}-meanwhile"}
    added = {"product_id": product_id, "quantity": 1}

    def add(client: StoreClient) -> Callable[[], Answer]:
        return lambda: client.ask("add_to_cart", body=added)

    ordered, *additions = at_once(
        [lambda: buyer.ask("place_order", body=order), *(add(client) for client in adders)]
    )
    # A store may refuse the order of a cart that changes.
    assert ordered.status in (201, 409)
    pieces = line["quantity"] + sum(answer.status == 200 for answer in additions)
    cart = person.client.call("show_cart", expect=200).body
    bought, left = (
        sum(each["quantity"] for each in lines)
        for lines in (ordered.body.get("items", []), cart["items"])
    )
    assert bought + left == pieces, (
        f"{pieces} pieces were in the cart or added, {bought} were ordered, {left} are left"
    )


@check("consistency.payments_at_once", needs="payments")
def test_payments_at_once(
    new_person: NewPerson,
    new_client: NewClient,
    new_order: NewOrder,
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """A payment or an event sent 24 times at once counts once; users pay only their own orders."""
    shopper = new_person()
    clients = devices(new_client, shopper.client.token)
    rice = ownership.product(price_paise=5_400, stock=100).product_id
    order, by_upi = (new_order(shopper, product_id=rice) for _ in range(2))
    payment = start_upi(shopper.client, by_upi, VPA).body
    event = {"event": "payment.captured", "event_id": ownership.event_id()}
    details = {"payment_id": payment["id"], "amount_paise": payment["amount_paise"]}
    raw = json.dumps({**event, **details}).encode()
    signature = webhook_signature(shopper.client.target.secrets["webhook_key"], raw)
    headers = {"Content-Type": "application/json", "X-Razorpay-Signature": signature}

    paid = same_call(clients, "process_payment", body=_card_payment(order))
    events = same_call(clients, "payment_webhook", raw=raw, headers=headers)

    assert statuses(paid) == {201: 1, 409: SENDERS - 1}
    assert codes(paid) == {"already_paid"}
    assert statuses(events) == {200: SENDERS}
    results = sorted(answer.body["status"] for answer in events)
    assert results == ["duplicate"] * (SENDERS - 1) + ["processed"]
    _settle_by_different_events(shopper, new_order(shopper, product_id=rice), clients, ownership)
    for paid_order in (order, by_upi):
        by_order = {"order_id": paid_order["id"]}
        assert database.payments.count_documents({**by_order, "status": "captured"}) == 1
        assert database.payments.count_documents(by_order) == 1
        assert database.order_events.count_documents({**by_order, "status": "paid"}) == 1

    people = new_person.customers(PEOPLE)
    orders = [
        new_order(person, quantity=number + 1, product_id=rice)
        for number, person in enumerate(people)
    ]
    bodies = [_card_payment(own_order) for own_order in orders]
    own = own_calls([person.client for person in people], "process_payment", bodies)
    assert [
        (answer.status, answer.body["order_id"], answer.body["amount_paise"]) for answer in own
    ] == [(201, body["order_id"], body["amount_paise"]) for body in bodies]
    owners = {paid["_id"]: paid["user_id"] for paid in database.payments.find(_of(people))}
    assert owners == {
        answer.body["id"]: person.user.user_id for answer, person in zip(own, people, strict=True)
    }


@check("consistency.points_at_once", needs="gamification")
def test_points_at_once(
    new_person: NewPerson,
    new_client: NewClient,
    new_order: NewOrder,
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """If 24 requests at once claim or spend the same points, only one of the requests succeeds."""
    shopper, other = new_person.customers(2)
    product = ownership.product(price_paise=100_000, stock=100).product_id
    orders = [new_order(person, product_id=product) for person in (shopper, other)]
    for person, order in zip((shopper, other), orders, strict=True):
        pay_by_card(person.client, order["id"], order["total_paise"])
    clients = devices(new_client, shopper.client.token)

    earned = same_call(clients, "earn_points", body={"order_id": orders[0]["id"]})
    both = own_calls(
        [shopper.client, other.client],
        "earn_points",
        [{"order_id": order["id"]} for order in orders],
    )
    spent = same_call(clients, "redeem_points", body={"points": 60})

    assert statuses(earned) == {201: 1, 409: SENDERS - 1}
    assert codes(earned) == {"already_awarded"}
    assert [answer.status for answer in both] == [409, 201]
    assert statuses(spent) == {201: 1, 409: SENDERS - 1}
    assert codes(spent) == {"insufficient_points"}
    balances = [
        person.client.call("points_balance", expect=200).body for person in (shopper, other)
    ]
    assert [(answer["balance"], answer["lifetime_points"]) for answer in balances] == [
        (40, 100),
        (100, 100),
    ]
    ledger = database.loyalty_points.find({"user_id": shopper.user.user_id})
    assert sorted(entry["points"] for entry in ledger) == [-60, 100]


@check("consistency.sign_ins_at_once", needs="access")
def test_sign_ins_at_once(new_client: NewClient, ownership: "Ownership") -> None:
    """A refresh token sent 24 times at once works once; each user gets only their own session."""
    client, user = new_client(), ownership.user()
    session = client.call("login", expect=200, body=credentials(user)).body
    refreshed = same_call(
        devices(new_client, ""), "refresh", body={"refresh_token": session["refresh_token"]}
    )
    assert statuses(refreshed) == {200: 1, 401: SENDERS - 1}
    renewed = next(answer.body for answer in refreshed if answer.status == 200)
    client.call("refresh", expect=200, body={"refresh_token": renewed["refresh_token"]})

    users = [ownership.user() for _ in range(PEOPLE)]
    sessions = own_calls(
        devices(new_client, "", PEOPLE), "login", [credentials(own_user) for own_user in users]
    )
    assert [answer.body["user"]["id"] for answer in sessions] == [
        own_user.user_id for own_user in users
    ]

    guessed, other = ownership.user(), ownership.user()
    wrong = {**credentials(guessed), "password": guessed.password[::-1]}
    refused = statuses(same_call(devices(new_client, ""), "login", body=wrong))
    assert refused.keys() <= {401, 429}
    marks = (guessed.user_id, f"{guessed.user_id}-2")
    for headers in ({}, *({"X-Kirana-Synthetic": mark} for mark in marks)):
        again = new_client().ask("login", body=credentials(guessed), headers=headers)
        assert again.status == 429, (
            f"expected a lock after {SENDERS} wrong passwords at once, got none; headers {headers}"
        )
    new_client().call("login", expect=200, body=credentials(other))


@check("consistency.codes_at_once", needs="access")
def test_codes_at_once(new_person: NewPerson, new_client: NewClient, database: "Shop") -> None:
    """A backup code, a TOTP code or an SMS code that is sent 24 times at once works only once."""
    by_backup, by_time, texted, locked = new_person.customers(4)
    for person in (by_backup, by_time):
        device = enrol(person.client)
        wait_for_room_in_step()
        person.client.call("verify_totp", expect=200, body={"code": device.code(-1)})
        log_in_to_challenge(person.client, person.user)
        before = database.sessions.count_documents({"user_id": person.user.user_id})
        code = device.code() if person is by_time else device.backup_codes[0]
        clients = devices(new_client, person.client.token)
        verified = statuses(same_call(clients, "verify_totp", body={"code": code}))
        stored = database.twofa_devices.find_one({"user_id": person.user.user_id})
        assert verified[200] == 1
        # Wrong codes are counted, and the fifth wrong code locks the second factor.
        assert verified.get(401, 0) + verified.get(429, 0) == SENDERS - 1
        assert stored is not None
        spent = len(device.backup_codes) - len(stored["backup_digests"])
        assert spent == (person is by_backup)
        assert database.sessions.count_documents({"user_id": person.user.user_id}) == before + 1

    _lock_by_codes_at_once(locked, new_client)

    texted.client.call("send_sms", expect=202)
    message = database.sms_outbox.find_one({"user_id": texted.user.user_id})
    code = str(message["text"]).split()[0] if message else ""
    clients = devices(new_client, texted.client.token)
    assert statuses(same_call(clients, "verify_sms", body={"code": code}))[200] == 1


def _lock_by_codes_at_once(person: Person, new_client: NewClient) -> None:
    """Require that many wrong codes at the same moment lock the second step of the log-in."""
    device = enrol(person.client)
    wait_for_room_in_step()
    person.client.call("verify_totp", expect=200, body={"code": device.code(-1)})
    log_in_to_challenge(person.client, person.user)
    clients = devices(new_client, person.client.token)
    refused = statuses(same_call(clients, "verify_totp", body={"code": "wrong"}))
    assert refused.keys() <= {401, 429}
    again = person.client.ask("verify_totp", body={"code": device.backup_codes[0]})
    assert again.status == 429, f"expected a lock after {SENDERS} wrong codes at once, got none"


def _settle_by_different_events(
    shopper: Person, order: dict[str, Any], clients: list[StoreClient], ownership: "Ownership"
) -> None:
    """Require that only one of many events that arrive at once decides the outcome of a payment."""
    payment = start_upi(shopper.client, order, VPA).body
    key = shopper.client.target.secrets["webhook_key"]

    def deliver(client: StoreClient, event: str) -> Callable[[], str]:
        details = {"payment_id": payment["id"], "amount_paise": payment["amount_paise"]}
        body = {"event": event, "event_id": ownership.event_id(), **details}
        raw = json.dumps(body).encode()
        headers = {"X-Razorpay-Signature": webhook_signature(key, raw)}
        headers["Content-Type"] = "application/json"
        return lambda: str(
            client.call("payment_webhook", expect=200, raw=raw, headers=headers).body["status"]
        )

    events = ("payment.captured", "payment.failed")
    acts = [deliver(client, events[number % 2]) for number, client in enumerate(clients)]
    assert sorted(at_once(acts)) == ["ignored"] * (SENDERS - 1) + ["processed"]


def _card_payment(order: dict[str, Any]) -> dict[str, Any]:
    amount = {"order_id": order["id"], "amount_paise": order["total_paise"]}
    return {**amount, "method": "razorpay_card", "card": CARD}


def _of(people: list[Person]) -> dict[str, Any]:
    return {"user_id": {"$in": [person.user.user_id for person in people]}}
