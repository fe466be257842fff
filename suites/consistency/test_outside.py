"""Checks of the metrics, of the logs, and of the identifiers that the store gives to clients."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Target
from suites.client import StoreClient
from suites.client.sandbox import CARD, DECLINED_CARD, VPA, new_card_number, webhook_signature
from suites.consistency.counting import (
    ExpectedIncreases,
    counted,
    difference,
    quiet,
    wrong_durations,
)
from suites.consistency.crowd import SENDERS, NewClient, devices
from suites.inspection import estimated_bits
from suites.problem import Conclude, Problem
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person, credentials, enrol, log_in_to_challenge

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct, OwnUser, Shop

pytestmark = pytest.mark.integration

NewOrder = Callable[..., dict[str, Any]]
ATTEMPTS = 3
NOT_QUIET = "not quiet"
PAISE_PER_POINT = 1000
# After ten wrong passwords, the store compares no password of this user for some time.
GUESSES, TOO_MANY = 11, 429
# A sample of random UUIDs (version 4) has over 100 bits; of a clock or a counter, at most 30 bits.
MIN_ID_BITS, MIN_TOKEN_BITS, MIN_CODE_BITS = 48.0, 100.0, 24.0
# By chance, two of four random codes of six digits are equal once in 170,000 runs.
TEXTED_CODES = 4


@check("consistency.metrics", needs="gamification", alone=True)
def test_metrics(
    new_client: NewClient,
    ownership: "Ownership",
    prometheus_text: Callable[[], str],
    conclude: Conclude,
) -> None:
    """Every counter increases by exactly the requests and events of a visit.

    Other traffic disturbs the comparison, so the check makes up to three attempts. Three attempts
    with the same wrong increases are a failure. If the attempts differ, the check is inconclusive.
    """
    client, user = new_client(), ownership.user()
    client.observer = None
    product = ownership.product(price_paise=34_500, stock=100)
    locked = _locked_out(client, ownership.user())
    problems: list[dict[str, str]] = []
    while len(problems) < ATTEMPTS and (not problems or problems[-1]):
        was_quiet = quiet(prometheus_text)
        before = prometheus_text()
        expected = _usual_requests(client, user, product, ownership.event_id())
        assert expected.send(client, "login", body=locked).status == TOO_MANY
        after = prometheus_text()
        increases = difference(counted(before), counted(after), expected.counts)
        differences = {sentence: sentence for sentence in increases}
        differences |= wrong_durations(before, after, expected)
        if differences and not (was_quiet and quiet(prometheus_text)):
            differences = {NOT_QUIET: "other requests came at the same time"}
        problems.append(differences)
    # The figures of a duration differ in each attempt, so only the keys are compared.
    stable = NOT_QUIET not in problems[0] and all(
        differences.keys() == problems[0].keys() for differences in problems
    )
    last = "; ".join(list(problems[-1].values())[:3])
    problem = Problem(last) if last else None
    if problem and not stable:
        problem = problem.excused(
            "other traffic to this target disturbs the comparison of counters"
        )
    conclude(problem)


def _usual_requests(
    client: StoreClient, user: "OwnUser", product: "OwnProduct", event_id: str
) -> ExpectedIncreases:
    """Send the requests of two purchases, and wrong requests; return the expected increases."""
    expected = ExpectedIncreases()
    wrong = {**credentials(user), "password": "wrong"}
    expected.send(client, "login", body=wrong)
    expected.send(client, "login", body={**wrong, "identifier": f"x{user.email}"})
    expected.send(client, "refresh", body={"refresh_token": "made-up"})
    expected.add("auth_failures_total", count=3)
    client.token = expected.send(client, "login", body=credentials(user)).body["access_token"]
    if "access" in client.target.capabilities:
        _send_wrong_codes(client, expected)
    expected.send(client, "show_cart")
    expected.send(client, "search", query={})
    expected.send(client, "show_order", path={"order_id": "ord_none"})
    item = {"product_id": product.product_id, "quantity": 2}
    total = 2 * product.price_paise
    orders = []
    for name in ("card", "upi", "failed-upi"):
        body = {"client_order_id": f"{event_id[-12:]}-{name}", "items": [item]}
        orders.append(expected.send(client, "place_order", body=body).body["id"])
        expected.send(client, "place_order", body=body)
        expected.add("orders_total", "placed", "synthetic")
        expected.add("order_value_paise_total", "synthetic", count=total)
    payment = {"order_id": orders[0], "amount_paise": total, "method": "razorpay_card"}
    for card, outcome in ((DECLINED_CARD, "declined"), (CARD, "captured")):
        expected.send(client, "process_payment", body={**payment, "card": card})
        expected.add("payments_total", outcome, "synthetic")
    expected.add("orders_total", "paid", "synthetic")
    for order_id, outcome in ((orders[1], "captured"), (orders[2], "failed")):
        by_upi = {"order_id": order_id, "amount_paise": total, "method": "upi", "vpa": VPA}
        pending = expected.send(client, "process_payment", body=by_upi).body
        expected.add("payments_total", "pending", "synthetic")
        _settle(client, pending, f"{event_id}-{outcome}", outcome, expected)
    expected.add("orders_total", "paid", "synthetic")
    for _ in range(2):
        expected.send(client, "earn_points", body={"order_id": orders[0]})
    expected.add("points_awarded_total", count=total // PAISE_PER_POINT)
    expected.send(client, "redeem_points", body={"points": 1})
    _refused_and_offline_orders(client, product, event_id, expected)
    return expected


def _settle(
    client: StoreClient,
    payment: dict[str, Any],
    event_id: str,
    outcome: str,
    expected: ExpectedIncreases,
) -> None:
    """Send the event about the outcome of a payment twice; the event counts only once."""
    details = {"payment_id": payment["id"], "amount_paise": payment["amount_paise"]}
    event = {"event": f"payment.{outcome}", "event_id": event_id, **details}
    raw = json.dumps(event).encode()
    signature = webhook_signature(client.target.secrets["webhook_key"], raw)
    headers = {"Content-Type": "application/json", "X-Razorpay-Signature": signature}
    for _ in range(2):
        expected.send(client, "payment_webhook", raw=raw, headers=headers)
    expected.add("payments_total", outcome, "synthetic")


def _send_wrong_codes(client: StoreClient, expected: ExpectedIncreases) -> None:
    """Send a wrong code of each second factor; each code counts as a failed log-in."""
    wrong = {"code": "wrong"}
    for request, verification in (("send_sms", "verify_sms"), ("enable_totp", "verify_totp")):
        expected.send(client, request)
        expected.send(client, verification, body=wrong)
        expected.add("auth_failures_total")


def _locked_out(client: StoreClient, user: "OwnUser") -> dict[str, str]:
    """Send wrong passwords until the store refuses to compare them; return the last request."""
    body = {**credentials(user), "password": "wrong"}
    for _ in range(GUESSES):
        if client.ask("login", body=body).status == TOO_MANY:
            return body
    pytest.fail(f"expected status {TOO_MANY} after {GUESSES - 1} wrong passwords of one user")


def _refused_and_offline_orders(
    client: StoreClient, product: "OwnProduct", event_id: str, expected: ExpectedIncreases
) -> None:
    """Send orders that the store refuses, and an offline order; only the offline order counts."""
    name = event_id[-12:]
    too_many = [{"product_id": product.product_id, "quantity": 1_000}]
    expected.send(client, "place_order", body={"client_order_id": f"{name}-no", "items": too_many})
    if "offline_sync" not in client.target.capabilities:
        return
    at = datetime.now(UTC).isoformat()
    changes = [
        {
            "client_id": f"{name}-{number}",
            "kind": "order.place",
            "base_version": 0,
            "at": at,
            "items": [{"product_id": product.product_id, "quantity": quantity}],
        }
        for number, quantity in enumerate((1_000, 3))
    ]
    expected.send(client, "sync_offline", body={"device_id": "phone", "changes": changes})
    expected.add("orders_total", "placed", "synthetic")
    expected.add("order_value_paise_total", "synthetic", count=3 * product.price_paise)


@check("consistency.logs", needs="saved_methods")
def test_logs(
    new_client: NewClient, ownership: "Ownership", target: Target, database: "Shop"
) -> None:
    """Neither log files nor audit records have a password, key, code, token or card number.

    The whole log is searched for the secrets of the target file, because a store may log its
    settings when it starts.
    """
    beginnings = {path: path.stat().st_size for path in target.log_files}
    assert beginnings, "the target file has no log_files; add log_files to [access]"
    client, user = new_client(), ownership.user()
    secrets = list(_secrets_of_a_visit(client, user, database))
    secrets += _secrets_of_a_purchase(client, ownership)

    by_user = {"$in": [user.user_id]}
    trails = [
        *database.audit_logs.find({"actor_id": by_user}),
        *database.security_events.find({"user_id": by_user}),
        *database.security_events.find({"subject": by_user}),
    ]
    logged, whole_log = "", ""
    for path, beginning in beginnings.items():
        whole_log += path.read_text(errors="replace")
        with path.open(errors="replace") as file:
            # A log that was rotated meanwhile is shorter, and is read from its beginning.
            file.seek(beginning if path.stat().st_size >= beginning else 0)
            logged += file.read()
    kinds_in_logs = [kind for kind, secret in secrets if secret in logged or secret in str(trails)]
    assert kinds_in_logs == []
    assert [name for name, secret in target.secrets.items() if secret in whole_log] == []


def _secrets_of_a_visit(
    client: StoreClient, user: "OwnUser", database: "Shop"
) -> Iterator[tuple[str, str]]:
    """Send and receive every kind of secret, and yield each secret, which no log may contain.

    Yields:
        The kind of the secret in words, and the secret.
    """
    wrong = {**credentials(user), "password": user.password[::-1]}
    client.call("login", expect=401, body=wrong)
    client.call("login", expect=400, body={**credentials(user), "unknown": True})
    session = client.call("login", expect=200, body=credentials(user)).body
    renewed = client.call(
        "refresh", expect=200, body={"refresh_token": session["refresh_token"]}
    ).body
    client.token = renewed["access_token"]
    yield "password", user.password
    yield "wrong password", wrong["password"]
    for name, tokens in (("first", session), ("second", renewed)):
        yield f"{name} access token", tokens["access_token"]
        yield f"{name} refresh token", tokens["refresh_token"]
    client.call("send_sms", expect=202)
    message = database.sms_outbox.find_one({"user_id": user.user_id}, sort=[("at", -1)])
    code = str(message["text"]).split()[0] if message else ""
    client.call("verify_sms", expect=200, body={"code": code})
    yield "texted code", code
    device = enrol(client)
    code = device.code()
    client.call("verify_totp", expect=200, body={"code": code})
    yield "secret of the second factor", device.secret
    yield "code of the second factor", code
    log_in_to_challenge(client, user)
    yield "challenge token", client.token
    client.call("verify_totp", expect=200, body={"code": device.backup_codes[0]})
    client.token = renewed["access_token"]
    for backup_code in device.backup_codes:
        yield "backup code", backup_code
    new_password = f"{user.password}-new"
    wrong_change = {"current": wrong["password"], "new": new_password}
    client.call("change_password", expect=401, body=wrong_change)
    change = {**wrong_change, "current": user.password}
    client.call("change_password", expect=204, body=change)
    yield "new password", new_password
    yield "phone number", user.phone
    yield "email address", user.email
    number = new_card_number()
    client.call("save_method", expect=201, body={"card": {**CARD, "number": number}})
    client.call("save_method", expect=400, body={"card": {**CARD, "number": number[:-1] + "x"}})
    yield "card", number
    yield "mistyped card", number[:-1] + "x"


def _secrets_of_a_purchase(
    client: StoreClient, ownership: "Ownership"
) -> Iterator[tuple[str, str]]:
    """Pay an order with wrong and right means of payment, and yield what no log may contain.

    Yields:
        The kind of the secret in words, and the secret.
    """
    product = ownership.product(price_paise=100, stock=1).product_id
    items = [{"product_id": product, "quantity": 1}]
    body = {"client_order_id": product[-60:], "items": items}
    order = client.call("place_order", expect=201, body=body).body
    payment = {"order_id": order["id"], "amount_paise": 100}
    by_card = {**payment, "method": "razorpay_card"}
    number = new_card_number()
    mistyped = number[:-1] + str((int(number[-1]) + 1) % 10)
    cards = {402: DECLINED_CARD, 400: {**CARD, "number": mistyped}}
    for status, card in cards.items():
        client.call("process_payment", expect=status, body={**by_card, "card": card})
        yield f"card of a payment with status {status}", card["number"]
    vpa = f"payer-{product[-10:]}@upi"
    wrong = {**payment, "method": "upi", "vpa": f"{vpa}@upi"}
    client.call("process_payment", expect=400, body=wrong)
    client.call("process_payment", expect=202, body={**wrong, "vpa": vpa})
    yield "UPI address", vpa


@check("consistency.identifiers", needs="saved_methods")
def test_identifiers(
    new_person: NewPerson,
    new_client: NewClient,
    new_order: NewOrder,
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """Nobody can guess an id, a token or a code from earlier ids, tokens and codes of the store."""
    shopper = new_person()
    product = ownership.product(price_paise=100, stock=1_000).product_id
    clients = cycle(devices(new_client, shopper.client.token, 4))
    orders, payments, methods, searches, refresh_tokens, requests = [], [], [], [], [], []
    own = new_client().call("login", expect=200, body=credentials(shopper.user)).body
    for number in range(SENDERS):
        client = next(clients)
        order = new_order(Person(shopper.user, client), product_id=product)
        orders.append(order["id"])
        shown = client.call("show_order", expect=200, path={"order_id": order["id"]})
        requests.append(shown.headers.get("x-request-id", ""))
        by_upi = {"order_id": order["id"], "amount_paise": 100, "method": "upi", "vpa": VPA}
        payments.append(client.call("process_payment", expect=202, body=by_upi).body["id"])
        card = {"card": {**CARD, "number": new_card_number()}}
        methods.append(client.call("save_method", expect=201, body=card).body["token"])
        search = {"name": f"Search {number}", "q": "tea"}
        searches.append(client.call("save_search", expect=201, body=search).body["id"])
        token = {"refresh_token": own["refresh_token"]}
        own = client.call("refresh", expect=200, body=token).body
        refresh_tokens.append(own["refresh_token"])
    codes = [code for _ in range(3) for code in enrol(next(clients)).backup_codes]
    texted = _codes_texted_in_a_row(new_person.customers(TEXTED_CODES), database)

    listed_methods = shopper.client.call("list_methods", expect=200).body["methods"]
    listed_searches = shopper.client.call("list_saved_searches", expect=200).body["saved"]
    ids = {
        "order": orders,
        "payment": payments,
        "saved card": methods,
        "saved search": searches,
        "request": requests,
    }
    guessable = [
        f"{kind}: an identifier has about {estimated_bits(sample):.0f} random bits, expected at "
        f"least {minimum:.0f}"
        for kind, sample, minimum in (
            *((kind, sample, MIN_ID_BITS) for kind, sample in ids.items()),
            ("refresh token", refresh_tokens, MIN_TOKEN_BITS),
            ("backup code", codes, MIN_CODE_BITS),
        )
        if estimated_bits(sample) < minimum
    ]
    assert guessable == []
    assert sorted(method["token"] for method in listed_methods) == sorted(methods)
    assert sorted(search["id"] for search in listed_searches) == sorted(searches)
    assert len(set(texted)) == TEXTED_CODES, "several people got the same SMS code"


def _codes_texted_in_a_row(people: list[Person], database: "Shop") -> list[str]:
    """Request an SMS code for each person, one after the other, and return the codes."""
    for person in people:
        person.client.call("send_sms", expect=202)
    messages = [database.sms_outbox.find_one({"user_id": person.user.user_id}) for person in people]
    return [str(message["text"]).split()[0] if message else "" for message in messages]
