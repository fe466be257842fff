"""Performance checks of the guide's baselines for payments, for the whole API and for the cache."""

import secrets
from collections.abc import Callable
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from gates.model import Policy, RatioObjective
from gates.statistics import parse_selector
from suites.client import Answer, StoreClient
from suites.client.sandbox import pay_by_card
from suites.client.waiting import wait_until
from suites.inspection import total
from suites.performance.timing import MEASURED_AT_A_TIME, p95_problem_here
from suites.problem import Conclude
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership

pytestmark = pytest.mark.performance

# One address may send 100 requests a minute; a test sends 485 at most.
ADDRESSES = 7
# A payment needs an order before it, so a test sends twice as many requests.
PAYERS = 12
LOOK_UPS = 60
# The counters of the contract.
HITS, MISSES = "cache_hits_total", "cache_misses_total"
# By then, a cached answer has to be renewed.
MAX_CACHE_SECONDS = 10
# The usual requests of a shopper that have no baseline of their own.
API: tuple[tuple[str, dict[str, str]], ...] = (
    ("list_products", {"page": "1"}),
    ("points_balance", {}),
    ("achievements", {}),
    ("leaderboard", {}),
    ("list_products", {"page": "2"}),
    ("show_cart", {}),
)


@check("performance.payment", needs="payments", alone=True)
def test_payment(
    new_person: NewPerson,
    ownership: "Ownership",
    policy: Policy,
    conclude: Conclude,
) -> None:
    """Every payment by card succeeds, and the P95 of payments is below the limit of the policy."""
    buyers = new_person.customers(PAYERS)
    for buyer in buyers:
        buyer.client.wait_longer()
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
    conclude(p95_problem_here(pay, limit=limit, at_a_time=MEASURED_AT_A_TIME))


@check("performance.api", needs="gamification", alone=True)
def test_api(new_person: NewPerson, policy: Policy, conclude: Conclude) -> None:
    """The P95 over all kinds of usual requests together is below the limit of the policy."""
    shoppers = new_person.customers(ADDRESSES)
    for shopper in shoppers:
        shopper.client.wait_longer()
    usual = cycle(API)

    def ask(number: int) -> Answer:
        operation, query = next(usual)
        return shoppers[number % ADDRESSES].client.call(operation, expect=200, query=query)

    conclude(p95_problem_here(ask, limit=policy.latency_limits["api"]))


def _min_hit_ratio(policy: Policy) -> float:
    """Return the limit of the policy's objectives in which cache hits are the good events."""
    limits = [
        objective.limit
        for stage in policy.stages
        for objective in stage.objectives
        if isinstance(objective, RatioObjective)
        and not objective.below
        and parse_selector(objective.indicator.selected, any_colour=True).matches_name(HITS)
    ]
    assert limits, f"the policy has no objective of kind ratio whose good events are {HITS}"
    return max(limits)


@check("performance.cache", needs="catalogue", alone=True)
def test_cache(
    client: StoreClient,
    prometheus_text: Callable[[], str],
    policy: Policy,
    ownership: "Ownership",
) -> None:
    """Repeated requests are cache hits, and a response that is computed anew is a cache miss."""
    minimum = _min_hit_ratio(policy)

    def counted() -> tuple[float, float]:
        text = prometheus_text()
        return total(text, HITS) or 0.0, total(text, MISSES) or 0.0

    hits_before, misses_before = counted()
    # Two pages in turn, so that a cache with room for one page has no hits.
    for number in range(LOOK_UPS):
        client.call("list_products", expect=200, query={"page": str(1 + number % 2)})
    hits_after, misses_after = counted()

    hits, misses = hits_after - hits_before, misses_after - misses_before
    counts = f"{LOOK_UPS} requests were sent, but {hits + misses:.0f} cache look-ups were counted"
    assert hits + misses >= LOOK_UPS, counts
    ratio = hits / (hits + misses)
    text = f"{hits:.0f} of {hits + misses:.0f} look-ups were hits; the ratio must be over {minimum}"
    assert ratio > minimum, text

    # A response that contains a new product was computed anew, whatever the life of an entry is.
    word = f"cached{secrets.token_hex(4)}"
    product = ownership.findable_product(word, "tea", price_paise=100)

    def misses_of_a_search() -> float | None:
        """Search; return the increase of cache misses, or None if the product is not found."""
        misses_before = counted()[1]
        items = client.call("search", expect=200, query={"q": word}).body["items"]
        return counted()[1] - misses_before if items else None

    assert misses_of_a_search() is None
    with ownership.on_sale(product):
        new_misses = wait_until(
            "the search shows the new product",
            misses_of_a_search,
            lambda increase: increase is not None,
            seconds=MAX_CACHE_SECONDS,
        )
    assert new_misses, "a search that was computed anew was not counted in cache_misses_total"
