"""Checks of gamification: points, redemption, achievements and the leaderboard."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from suites.client.sandbox import pay_by_card
from suites.client.waiting import wait_until
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = [pytest.mark.integration, pytest.mark.gamification]

NewOrder = Callable[..., dict[str, Any]]
# How much the clocks of this machine and of the target may differ.
CLOCK_SKEW = timedelta(seconds=2)
BEYOND_ANY_SHOPPER = 9_000_000_000
PAISE_PER_POINT = 1_000
# The points at which each tier begins, as the contract states them.
TIERS = {"silver": 500, "gold": 1_500, "platinum": 3_500, "diamond": 7_000}


def paid(person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """Pay an order by card, and return the order."""
    pay_by_card(person.client, order["id"], order["total_paise"])
    return order


def earn(person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """Claim the points of an order, and return the body of the response."""
    body = {"order_id": order["id"]}
    answer: dict[str, Any] = person.client.call("earn_points", expect=201, body=body).body
    return answer


def balance(person: Person) -> dict[str, Any]:
    """Request the points balance of a user, and return the body of the response."""
    answer: dict[str, Any] = person.client.call("points_balance", expect=200).body
    return answer


@check("gamification.earn", needs="gamification")
def test_earn(
    new_person: NewPerson, new_order: NewOrder, ownership: "Ownership", database: "Shop"
) -> None:
    """An order earns 1 point per full 10 rupees of its total, once; an unpaid order earns none."""
    shopper, other = new_person.customers(2)
    price = ownership.product(price_paise=9_990, stock=100).product_id
    order = new_order(shopper, quantity=7, product_id=price)
    claim = {"order_id": order["id"]}
    nothing = balance(shopper)

    unpaid = shopper.client.call("earn_points", expect=409, body=claim).body
    paid(shopper, order)
    other.client.call("earn_points", expect=404, body=claim)
    first = earn(shopper, order)
    again = shopper.client.call("earn_points", expect=409, body=claim).body
    # 99.90 and 50.10 rupees: rounded down for each item, the order would earn a point less.
    small = ownership.product(price_paise=5_010, stock=100).product_id
    items = [{"product_id": each, "quantity": 1} for each in (price, small)]
    body = {"client_order_id": f"{shopper.user.user_id}-mixed", "items": items}
    mixed = shopper.client.call("place_order", expect=201, body=body).body
    shopper.client.call("redeem_points", expect=201, body={"points": 9})
    second = earn(shopper, paid(shopper, mixed))
    large = ownership.product(price_paise=41_600, stock=100).product_id
    earn(shopper, paid(shopper, new_order(shopper, quantity=10, product_id=large)))

    assert unpaid["error"]["code"] == "order_not_paid"
    assert again["error"]["code"] == "already_awarded"
    assert first == {"points": 69, "balance": 69}
    assert second == {"points": 15, "balance": 75}
    assert nothing == {"balance": 0, "lifetime_points": 0, "tier": "bronze"}
    # The tier depends on the points that were ever earned.
    assert balance(shopper) == {"balance": 491, "lifetime_points": 500, "tier": "silver"}
    ledger = list(database.loyalty_points.find({"user_id": shopper.user.user_id}))
    assert sorted(entry["points"] for entry in ledger) == [-9, 15, 69, 416]
    assert balance(other) == {"balance": 0, "lifetime_points": 0, "tier": "bronze"}
    _rises_through_the_tiers(other, new_order, ownership)


def _rises_through_the_tiers(person: Person, new_order: NewOrder, ownership: "Ownership") -> None:
    """Require the right tier with the points at which a tier begins, and with one point less."""
    tiers, earned = [], 0
    for begin in TIERS.values():
        for points in (begin - 1, begin):
            price = (points - earned) * PAISE_PER_POINT
            product_id = ownership.product(price_paise=price, stock=1).product_id
            earn(person, paid(person, new_order(person, product_id=product_id)))
            earned = points
            tiers.append(balance(person)["tier"])
    names = ["bronze", *TIERS]
    assert tiers == [tier for pair in itertools.pairwise(names) for tier in pair]


@check("gamification.redeem", needs="gamification")
def test_redeem(
    new_person: NewPerson, new_order: NewOrder, ownership: "Ownership", database: "Shop"
) -> None:
    """Points can be spent only once: simultaneous requests cannot make the balance negative."""
    shopper = new_person()
    product = ownership.product(price_paise=100_000, stock=10).product_id
    earn(shopper, paid(shopper, new_order(shopper, product_id=product)))

    refused = [
        shopper.client.ask("redeem_points", body={"points": points}).status
        for points in (0, -5, 1.5, "10", 101, 1_000_001, None)
    ]
    shopper.client.call("redeem_points", expect=400, body={"points": 1, "balance": 9_000})
    redemption = shopper.client.call("redeem_points", expect=201, body={"points": 30}).body
    with ThreadPoolExecutor(8) as pool:
        requests = [
            pool.submit(shopper.client.ask, "redeem_points", body={"points": 60}) for _ in range(8)
        ]
        statuses = sorted(request.result().status for request in requests)
    rest = shopper.client.call("redeem_points", expect=201, body={"points": 10}).body

    assert refused == [400, 400, 400, 400, 409, 400, 400]
    assert redemption == {"redeemed": 30, "discount_paise": 750, "balance": 70}
    assert statuses == [201] + [409] * 7
    assert rest["balance"] == 0
    shopper.client.call("redeem_points", expect=409, body={"points": 1})
    ledger = database.loyalty_points.find({"user_id": shopper.user.user_id})
    assert sum(entry["points"] for entry in ledger) == 0
    assert balance(shopper) == {"balance": 0, "lifetime_points": 100, "tier": "bronze"}


@check("gamification.achievements", needs="gamification")
def test_achievements(
    new_person: NewPerson, new_order: NewOrder, ownership: "Ownership", database: "Shop"
) -> None:
    """Paid orders unlock each achievement once; no request can unlock an achievement directly."""
    shopper, other = new_person.customers(2)
    small = ownership.product(price_paise=1_000, stock=100).product_id
    nearly = ownership.product(price_paise=199_999, stock=100).product_id
    big = ownership.product(price_paise=200_000, stock=100).product_id
    half = ownership.product(price_paise=100_000, stock=100).product_id
    rest = ownership.product(price_paise=100_000, stock=100).product_id

    before = datetime.now(UTC)

    def unlocked() -> dict[str, str]:
        answer = shopper.client.call("achievements", expect=200).body["achievements"]
        return {
            achievement["key"]: achievement["unlocked_at"]
            for achievement in answer
            if achievement["unlocked_at"]
        }

    new_order(shopper, product_id=big)
    assert unlocked() == {}
    paid(shopper, new_order(shopper, product_id=small))
    first = unlocked()
    assert set(first) == {"first_order"}
    paid(shopper, new_order(shopper, product_id=nearly))
    assert unlocked() == first
    # No line of the order alone has the price that the achievement needs.
    items = [{"product_id": each, "quantity": 1} for each in (half, rest)]
    body = {"client_order_id": f"{shopper.user.user_id}-basket", "items": items}
    basket = shopper.client.call("place_order", expect=201, body=body).body
    paid(shopper, basket)
    second = unlocked()
    assert set(second) == {"first_order", "big_basket"}
    paid(shopper, new_order(shopper, product_id=small))
    assert unlocked() == second
    if "realtime" in shopper.client.target.capabilities:
        # Delivered orders count as paid orders.
        by_id = {"_id": basket["id"], "status": "delivered"}
        wait_until(
            "the order is delivered",
            lambda: database.orders.count_documents(by_id),
            lambda count: count == 1,
            seconds=6,
        )
        earn(shopper, basket)
    paid(shopper, new_order(shopper, product_id=small))
    third = unlocked()

    assert set(third) == {"first_order", "big_basket", "regular"}
    times = [datetime.fromisoformat(third[key]) for key in ("first_order", "big_basket", "regular")]
    assert [before - CLOCK_SKEW, *times] == sorted([before - CLOCK_SKEW, *times])
    assert {**third, **second} == third
    claim = {"order_id": "none", "achievement": "regular"}
    assert other.client.ask("earn_points", body=claim).status == 400
    assert other.client.other_method("POST", "achievements", {}) == 405
    stored = database.achievements.count_documents({"user_id": shopper.user.user_id})
    assert stored == 3
    assert database.achievements.count_documents({"user_id": other.user.user_id}) == 0


@check("gamification.leaderboard", needs="gamification")
def test_leaderboard(
    new_person: NewPerson, new_order: NewOrder, ownership: "Ownership", database: "Shop"
) -> None:
    """The leaderboard has the points of the database, sorted by points, then by time of earning."""
    winner, newcomer, *equals = new_person.customers(4)
    winner.client.call("leaderboard", expect=200, query={"limit": "100"})
    # The earlier user has the later id, so that an order by ids is seen.
    late, early = sorted(equals, key=lambda person: person.user.user_id)
    prize = ownership.product(price_paise=BEYOND_ANY_SHOPPER, stock=10).product_id
    for person, quantity in ((early, 1), (winner, 2), (late, 1)):
        earn(person, paid(person, new_order(person, quantity=quantity, product_id=prize)))
    winner.client.call("redeem_points", expect=201, body={"points": 1_000_000})
    few = ownership.product(price_paise=PAISE_PER_POINT - 1, stock=2).product_id
    no_points = earn(newcomer, paid(newcomer, new_order(newcomer, product_id=few)))
    # An order without points does not change when a user reached the points.
    earn(early, paid(early, new_order(early, product_id=few)))

    leaders = winner.client.call("leaderboard", expect=200, query={"limit": "100"}).body["leaders"]
    top = winner.client.call("leaderboard", expect=200, query={"limit": "1"}).body["leaders"]

    own_ids = {person.user.user_id for person in (winner, early, late, newcomer)}
    order = [leader["user_id"] for leader in leaders if leader["user_id"] in own_ids]
    assert order == [winner.user.user_id, early.user.user_id, late.user.user_id]
    points = [leader["points"] for leader in leaders]
    assert points == sorted(points, reverse=True)
    assert [leader["rank"] for leader in leaders] == list(range(1, len(leaders) + 1))
    assert top == leaders[:1]
    assert no_points == {"points": 0, "balance": 0}
    names = {leader["name"] for leader in leaders if leader["user_id"] in own_ids}
    assert names == {person.user.name for person in (winner, early, late)}
    points_of_leaders = {
        leader["user_id"]: leader["points"] for leader in leaders if leader["user_id"] in own_ids
    }
    earned = {"user_id": {"$in": sorted(own_ids)}, "points": {"$gt": 0}}
    ledger = {entry["user_id"]: entry["points"] for entry in database.loyalty_points.find(earned)}
    assert points_of_leaders == ledger
    winner.client.call("leaderboard", expect=400, query={"limit": "101"})
