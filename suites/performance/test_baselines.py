"""The other baselines of the guide: payment, the API as a whole, and the cache."""

from collections.abc import Callable
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Policy, RatioObjective
from suites.client import Answer, StoreClient
from suites.client.sandbox import pay_by_card
from suites.inspection import total
from suites.performance.timing import AT_ONCE, p95_problem
from suites.pytest_plugin.marks import check
from suites.testdata.people import Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership

pytestmark = pytest.mark.performance

# No more than 100 requests a minute from one address; 485 at most.
ADDRESSES = 7
# A payment needs an order before it: twice as many.
PAYERS = 12
LOOK_UPS = 60
# A shopper's usual requests that no baseline of their own covers.
API: tuple[tuple[str, dict[str, str]], ...] = (
    ("list_products", {"page": "1"}), ("points_balance", {}), ("achievements", {}),
    ("leaderboard", {}), ("list_products", {"page": "2"}), ("show_cart", {}),
)  # fmt: skip


@check("performance.payment", needs="payments")
def test_payment(new_person: Callable[..., Person], ownership: "Ownership", policy: Policy) -> None:
    """A card is charged, rightly, within its limit."""
    buyers = [new_person() for _ in range(PAYERS)]
    product = ownership.product(price_paise=100, stock=2000)

    def pay(number: int) -> Answer:
        client = buyers[number % PAYERS].client
        item = {"product_id": product.product_id, "quantity": 1}
        body = {"client_order_id": f"{product.product_id[-10:]}-{number}", "items": [item]}
        order = client.call("place_order", expect=201, body=body).body
        paid = pay_by_card(client, order["id"], order["total_paise"])
        assert paid.body["status"] == "captured"
        return paid

    limit = policy.latency_limits["payment"]
    assert p95_problem(pay, limit=limit, at_once=AT_ONCE) == ""


@check("performance.api", needs="gamification")
def test_api(new_person: Callable[..., Person], policy: Policy) -> None:
    """A shopper's usual requests, taken together, are answered within the API's limit."""
    shoppers = [new_person() for _ in range(ADDRESSES)]
    usual = cycle(API)

    def ask(number: int) -> Answer:
        operation, query = next(usual)
        return shoppers[number % ADDRESSES].client.call(operation, expect=200, query=query)

    assert p95_problem(ask, limit=policy.latency_limits["api"]) == ""


@check("performance.cache", needs="catalogue")
def test_cache(client: StoreClient, prometheus_text: Callable[[], str], policy: Policy) -> None:
    """Pages asked for again and again come from the cache, by the increments of its counters."""
    stages: list[Any] = [one for stage in policy.stages for one in stage.objectives]
    wanted = next(one.limit for one in stages if isinstance(one, RatioObjective)
                  and one.name == "cache-hits")  # fmt: skip

    def counted() -> tuple[float, float]:
        text = prometheus_text()
        return total(text, "cache_hits_total") or 0.0, total(text, "cache_misses_total") or 0.0

    hits_before, misses_before = counted()
    for _ in range(LOOK_UPS):
        client.call("list_products", expect=200, query={"page": "1"})
    hits_after, misses_after = counted()

    hits, misses = hits_after - hits_before, misses_after - misses_before
    assert hits + misses >= LOOK_UPS, f"{hits + misses:.0f} look-ups counted, {LOOK_UPS} made"
    ratio = hits / (hits + misses)
    assert ratio > wanted, f"{hits:.0f} of {hits + misses:.0f} look-ups were hits"
