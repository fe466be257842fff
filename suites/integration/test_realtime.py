"""Check of delivery tracking in real time; the other real-time check is in test_mobile.py."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import UnexpectedAnswerError
from suites.client.sandbox import STAGES, pay_by_card
from suites.client.waiting import wait_until
from suites.client.websocket import listening
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Shop

pytestmark = [pytest.mark.integration, pytest.mark.realtime]

REST_OF_DELIVERY_SECONDS = 2.5


@check("realtime.delivery", needs="realtime")
def test_delivery(
    new_person: NewPerson,
    new_order: Callable[..., dict[str, Any]],
    database: "Shop",
) -> None:
    """Only the owner gets the events of a delivery, in order, also after a lost connection."""
    shopper, stranger = new_person.customers(2)
    order, second, third = (new_order(shopper) for _ in range(3))
    path = {"order_id": order["id"]}
    with ThreadPoolExecutor(1) as pool:
        reconnection = pool.submit(_reconnects_during_a_delivery, shopper, third)
        _is_delivered(shopper, database, order, second)
        reconnection.result()
    with (
        pytest.raises(UnexpectedAnswerError, match="with code 4404"),
        listening(stranger.client, "delivery_updates", path=path, resume_after=0),
    ):
        pass
    shopper.client.call("logout", expect=204)
    stranger.client.token = "nobody"  # noqa: S105 - a made-up token
    for person in (shopper, stranger):
        with (
            pytest.raises(UnexpectedAnswerError, match="with code 4401"),
            listening(person.client, "delivery_updates", path=path, resume_after=0),
        ):
            pass


def _is_delivered(
    shopper: Person, database: "Shop", order: dict[str, Any], other_order: dict[str, Any]
) -> None:
    """Require the events of the delivery of one order, while another order is delivered too."""
    path = {"order_id": order["id"]}
    with listening(shopper.client, "delivery_updates", path=path) as listener:
        pay_by_card(shopper.client, other_order["id"], other_order["total_paise"])
        pay_by_card(shopper.client, order["id"], order["total_paise"])
        live = [listener.next_event("OrderEvent") for _ in range(2)]
    events = wait_until(
        "the database has every event of the delivery",
        lambda: list(database.order_events.find({"order_id": order["id"]}).sort("seq", 1)),
        lambda found_events: len(found_events) == len(STAGES),
        seconds=6,
    )
    last = live[-1]["seq"]
    with listening(shopper.client, "delivery_updates", path=path, resume_after=last) as listener:
        missed = [listener.next_event("OrderEvent") for _ in range(len(STAGES) - last)]

    stored_times = {event["seq"]: event["at"] for event in events}
    differences = [
        datetime.fromisoformat(event["at"]) - stored_times[event["seq"]] for event in live + missed
    ]
    assert max(map(abs, differences)) <= timedelta(milliseconds=1)
    placed_at = datetime.fromisoformat(order["created_at"])
    times = [placed_at - timedelta(milliseconds=1), *(event["at"] for event in events)]
    assert times == sorted(times)
    assert {event["order_id"] for event in live + missed} == {order["id"]}
    fresh = [event for event in live if event["status"] != "placed"]
    assert [event["seq"] for event in fresh + missed] == [2, 3, 4, 5]
    assert tuple(event["status"] for event in fresh + missed) == STAGES[1:]
    assert tuple(event["status"] for event in events) == STAGES
    assert shopper.client.call("show_order", expect=200, path=path).body["status"] == "delivered"
    with listening(shopper.client, "delivery_updates", path=path, resume_after=0) as listener:
        all_events = [listener.next_event("OrderEvent")["seq"] for _ in STAGES]
    assert all_events == [1, 2, 3, 4, 5]
    if "gamification" in shopper.client.target.capabilities:
        # The points of a delivered order can still be claimed.
        shopper.client.call("earn_points", expect=201, body={"order_id": order["id"]})


def _reconnects_during_a_delivery(shopper: Person, order: dict[str, Any]) -> None:
    """Require that a new connection gets the rest of the events, each of them once."""
    path = {"order_id": order["id"]}
    with listening(shopper.client, "delivery_updates", path=path) as listener:
        pay_by_card(shopper.client, order["id"], order["total_paise"])
        event = listener.next_event("OrderEvent")
        while event["status"] != "packed":
            event = listener.next_event("OrderEvent")
    last = event["seq"]
    with listening(shopper.client, "delivery_updates", path=path, resume_after=last) as listener:
        rest = listener.events_during("OrderEvent", REST_OF_DELIVERY_SECONDS)
    numbers = [each.event["seq"] for each in rest]
    assert numbers == list(range(last + 1, len(STAGES) + 1))
