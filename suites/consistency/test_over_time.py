"""Checks over time: WebSockets that stay open, and the moments before and after an expiry."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.client.sandbox import CARD, STAGES, VPA, pay_by_card
from suites.client.websocket import Listener, ReceivedEvent, listening
from suites.form import NIGHTLY
from suites.pytest_plugin.marks import check
from suites.testdata.people import (
    NewPerson,
    Person,
    credentials,
    enrol,
    log_in_to_challenge,
    token_lifetime,
)

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnUser, Shop

pytestmark = pytest.mark.integration

NewOrder = Callable[..., dict[str, Any]]
# In a nightly run, as long as a customer has the page of a delivery open; else a part of that time.
WATCH_SECONDS = 60.0 if NIGHTLY else 6.0
MAX_LATENESS = timedelta(seconds=2)
LOCK_TIME = timedelta(minutes=15)
MAX_TRIES = 5
# A customer does not log in every day. NIST SP 800-63B (revision 3, section 4.1.3) recommends a new
# log-in after 30 days; the minute allows for the time between two readings of a clock.
MIN_SESSION, MAX_SESSION = timedelta(days=1), timedelta(days=30, minutes=1)
# A password alone is half of a log-in, for some minutes.
MAX_CHALLENGE_SECONDS = 600
# Long enough for the requests before an expiry, on a busy machine.
JUST_BEFORE, JUST_AFTER = timedelta(seconds=20), timedelta(seconds=1)


def steps(received: list[ReceivedEvent]) -> list[tuple[str, int, str]]:
    """Return the order id, the number and the status of each event, in the order of arrival."""
    return [(each.event["order_id"], each.event["seq"], each.event["status"]) for each in received]


def delivery_of(order: dict[str, Any], first: int = 1) -> list[tuple[str, int, str]]:
    """Return the expected events of a delivered order, in the form that ``steps`` returns.

    Args:
        order: the order.
        first: the number of the first event.
    """
    numbered = enumerate(STAGES[first - 1 :], start=first)
    return [(order["id"], number, stage) for number, stage in numbered]


@check("consistency.sockets", needs="realtime")
def test_sockets(new_person: NewPerson, new_order: NewOrder, database: "Shop") -> None:
    """An open WebSocket gets each event once, in order and in time, and works for a long time."""
    shopper, stranger = new_person.customers(2)
    order, strangers_order = new_order(shopper), new_order(stranger)
    path = {"order_id": order["id"]}

    def watched(listener: Listener) -> list[ReceivedEvent]:
        return listener.events_during("OrderEvent", WATCH_SECONDS)

    with (
        listening(shopper.client, "order_updates") as of_shopper,
        listening(shopper.client, "order_updates") as of_second_screen,
        listening(shopper.client, "delivery_updates", path=path, resume_after=1) as of_order,
        listening(stranger.client, "order_updates") as of_stranger,
        ThreadPoolExecutor(4) as pool,
    ):
        # A screen that is closed takes no events from the screens that stay open.
        with listening(shopper.client, "order_updates"):
            pass
        listeners = (of_shopper, of_second_screen, of_order, of_stranger)
        watching = [pool.submit(watched, listener) for listener in listeners]
        pay_by_card(shopper.client, order["id"], order["total_paise"])
        pay_by_card(stranger.client, strangers_order["id"], strangers_order["total_paise"])
        points = _claimed_points(shopper, order)
        received = [each.result() for each in watching]
        # After this time the WebSockets are still open, and still receive new events.
        last, strangers_last = new_order(shopper), new_order(stranger)
        still = [of_shopper.next_event("OrderEvent"), of_stranger.next_event("OrderEvent")]

    # A WebSocket that is opened a moment after an order may still receive the event "placed".
    later = [[each for each in events if each.event["seq"] > 1] for events in received]
    assert [steps(events) for events in later] == [
        *[delivery_of(order, 2)] * 3,
        delivery_of(strangers_order, 2),
    ]
    assert max(len(events) - len(rest) for events, rest in zip(received, later, strict=True)) <= 1
    assert max(each.lateness for events in received for each in events) <= MAX_LATENESS
    assert [event["order_id"] for event in still] == [last["id"], strangers_last["id"]]
    assert points == _points(shopper), "a delivery must not change the points of an order"
    for placed in (order, strangers_order, last, strangers_last):
        _require_times_of(placed, database)
    _is_settled_for_good(shopper, order)


def _is_settled_for_good(person: Person, order: dict[str, Any]) -> None:
    """Require that a delivered order is neither paid again nor earns its points again."""
    details = {"order_id": order["id"], "amount_paise": order["total_paise"]}
    for method in ({"method": "razorpay_card", "card": CARD}, {"method": "upi", "vpa": VPA}):
        person.client.call("process_payment", expect=409, body={**details, **method})
    if "gamification" in person.client.target.capabilities:
        person.client.call("earn_points", expect=409, body={"order_id": order["id"]})


def _claimed_points(person: Person, order: dict[str, Any]) -> int:
    """Claim the points of a paid order, and return the balance; 0 on a target without points."""
    if "gamification" in person.client.target.capabilities:
        person.client.call("earn_points", expect=201, body={"order_id": order["id"]})
    return _points(person)


def _points(person: Person) -> int:
    """Return the balance of points of a person; 0 on a target without points."""
    if "gamification" not in person.client.target.capabilities:
        return 0
    return int(person.client.call("points_balance", expect=200).body["balance"])


def _require_times_of(order: dict[str, Any], database: "Shop") -> None:
    """Require that an order has its stored time, and that its events are in the order of time."""
    events = database.order_events.find({"order_id": order["id"]}).sort("seq", 1)
    stored = database.orders.find_one({"_id": order["id"]})
    assert stored is not None
    assert datetime.fromisoformat(order["created_at"]) == stored["created_at"]
    times = [stored["created_at"], *(event["at"] for event in events)]
    assert times == sorted(times), (
        f"times of order and events must be sorted: {[str(time) for time in times]}"
    )


@check("consistency.expiry", needs="access")
def test_expiry(
    new_client: Callable[[], StoreClient],
    new_person: NewPerson,
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """A refresh token, an SMS code and a lock are valid until they expire, and no longer.

    A session lasts at most 30 days, also when it is refreshed.
    """
    _session_expires(new_client(), ownership.user(), database)
    _lock_expires(new_person(), database)
    _text_code_expires(new_person(), database)


def _session_expires(client: StoreClient, user: "OwnUser", database: "Shop") -> None:
    by_user = {"user_id": user.user_id}

    def refresh(token: str, *, expect: int) -> dict[str, Any]:
        body = {"refresh_token": token}
        answer: dict[str, Any] = client.call("refresh", expect=expect, body=body).body
        return answer

    session = client.call("login", expect=200, body=credentials(user)).body
    assert token_lifetime(session["access_token"]) in (None, session["expires_in"])
    stored = database.sessions.find_one(by_user)
    assert stored is not None
    assert MIN_SESSION <= stored["expires_at"] - stored["opened_at"] <= MAX_SESSION
    soon = {"$set": {"expires_at": datetime.now(UTC) + JUST_BEFORE}}
    database.sessions.update_one(by_user, soon)
    session = refresh(session["refresh_token"], expect=200)
    assert token_lifetime(session["access_token"]) in (None, session["expires_in"])
    refreshed = database.sessions.find_one(by_user)
    assert refreshed is not None
    assert refreshed["expires_at"] <= datetime.now(UTC) + JUST_BEFORE, (
        "a refresh must not make the session last longer"
    )
    over = {"$set": {"expires_at": datetime.now(UTC) - JUST_AFTER}}
    database.sessions.update_one(by_user, over)
    refresh(session["refresh_token"], expect=401)


def _lock_expires(person: Person, database: "Shop") -> None:
    device, session = enrol(person.client), person.client.token
    by_person = {"user_id": person.user.user_id}
    person.client.call("verify_totp", expect=200, body={"code": device.code()})
    log_in_to_challenge(person.client, person.user)
    assert (token_lifetime(person.client.token) or 0) <= MAX_CHALLENGE_SECONDS
    wrong = [person.client.ask("verify_totp", body={"code": "x"}).status for _ in range(MAX_TRIES)]
    assert wrong == [401] * MAX_TRIES
    locked = person.client.call("verify_totp", expect=429, body={"code": device.backup_codes[0]})
    seconds = timedelta(seconds=int(locked.headers["retry-after"]))
    assert LOCK_TIME - JUST_BEFORE <= seconds <= LOCK_TIME + JUST_AFTER
    lock = {"$set": {"locked_until": datetime.now(UTC) + JUST_BEFORE}}
    database.twofa_devices.update_one(by_person, lock)
    person.client.call("verify_totp", expect=429, body={"code": device.backup_codes[0]})
    unlock = {"$set": {"locked_until": datetime.now(UTC) - JUST_AFTER}}
    database.twofa_devices.update_one(by_person, unlock)
    person.client.call("verify_totp", expect=200, body={"code": device.backup_codes[0]})
    person.client.token = session
    wrong = [
        person.client.ask("disable_twofa", body={"code": "x"}).status for _ in range(MAX_TRIES)
    ]
    assert wrong == [401] * MAX_TRIES
    person.client.call("disable_twofa", expect=429, body={"code": device.code(1)})


def _text_code_expires(person: Person, database: "Shop") -> None:
    by_person = {"user_id": person.user.user_id}

    def code_that_ends(at: datetime) -> dict[str, str]:
        person.client.call("send_sms", expect=202)
        database.sms_codes.update_one(by_person, {"$set": {"expires_at": at}})
        message = database.sms_outbox.find_one(by_person, sort=[("at", -1)])
        assert message is not None
        return {"code": str(message["text"]).split()[0]}

    code = code_that_ends(datetime.now(UTC) + JUST_BEFORE)
    person.client.call("verify_sms", expect=200, body=code)
    code = code_that_ends(datetime.now(UTC) - JUST_AFTER)
    person.client.call("verify_sms", expect=401, body=code)
