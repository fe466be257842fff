"""Performance checks of P95, which are four of the guide's 30 integration tests.

Bounds of P95 come from order statistics of the samples.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Policy, Target
from gates.statistics import chance_of_at_most
from suites.client import Answer, StoreClient
from suites.inspection import total
from suites.performance.commands import timed_connection
from suites.performance.timing import CONFIDENCE, MEASURED_AT_A_TIME, P95, p95_problem_here
from suites.problem import Conclude
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = [pytest.mark.integration, pytest.mark.performance]

BURST = 50
LARGE_STOCK = 1000
CARTS = 50
# One address may send 100 requests a minute; a test sends 560 at most.
ADDRESSES = 7


@check("performance.permission_check", needs="access", alone=True)
def test_permission_check(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    policy: Policy,
    conclude: Conclude,
) -> None:
    """Every permission check gives the right result, and the P95 is below the policy's limit."""
    person = new_person(role="staff")
    body = {"user_id": person.user.user_id, "permission": "orders:read"}

    clients = [new_client() for _ in range(ADDRESSES)]
    for client in clients:
        client.token = person.client.token
        client.wait_longer()

    def ask(number: int) -> Answer:
        client = clients[number % ADDRESSES]
        answer = client.call("check_permission", expect=200, body=body)
        assert answer.body["allowed"] is True
        return answer

    conclude(p95_problem_here(ask, limit=policy.latency_limits["permission_check"]))


@check("performance.search", needs="search", alone=True)
def test_search(
    new_client: Callable[[], StoreClient],
    popular: dict[str, Any],
    policy: Policy,
    conclude: Conclude,
) -> None:
    """Every search finds the product, and the P95 of different searches is below the limit."""
    clients = [new_client() for _ in range(ADDRESSES)]
    for client in clients:
        client.wait_longer()
    words = popular["name"].lower().split()

    def ask(number: int) -> Answer:
        query = {"q": " ".join([*words, *[min(words, key=len)] * (number % 10)])}
        answer = clients[number % ADDRESSES].call("search", expect=200, query=query)
        assert popular["_id"] in [item["id"] for item in answer.body["items"]]
        return answer

    conclude(p95_problem_here(ask, limit=policy.latency_limits["search"]))


@check("performance.order", needs="orders", alone=True)
def test_order(
    new_person: NewPerson,
    ownership: "Ownership",
    database: "Shop",
    policy: Policy,
    conclude: Conclude,
) -> None:
    """Each of 50 orders at the same time is placed once; the P95 of orders is below the limit."""
    buyers = new_person.customers(ADDRESSES)
    for buyer in buyers:
        buyer.client.wait_longer()
    product = ownership.product(price_paise=100, stock=LARGE_STOCK)
    few = ownership.product(price_paise=100, stock=10)
    placed: list[str] = []

    def place(number: int, product_id: str = product.product_id) -> Answer:
        client = buyers[number % ADDRESSES].client
        body: dict[str, Any] = {
            "client_order_id": f"{product_id[-10:]}-{number}",
            "items": [{"product_id": product_id, "quantity": 1}],
        }
        answer = client.call("place_order", expect=201, body=body)
        placed.append(answer.body["id"])
        return answer

    def grab(number: int) -> Answer:
        body = {
            "client_order_id": f"few-{number}",
            "items": [{"product_id": few.product_id, "quantity": 1}],
        }
        return buyers[number % ADDRESSES].client.ask("place_order", body=body)

    with ThreadPoolExecutor(BURST) as pool:
        burst = list(pool.map(lambda number: place(1000 + number), range(BURST)))
    problem = p95_problem_here(
        place, limit=policy.latency_limits["order"], at_a_time=MEASURED_AT_A_TIME
    )
    with ThreadPoolExecutor(20) as pool:
        grabbed = sorted(answer.status for answer in pool.map(grab, range(20)))

    users = {"user_id": {"$in": [buyer.user.user_id for buyer in buyers]}}
    orders = list(database.orders.find(users))
    stock = {
        product_stored["_id"]: product_stored["stock"]
        for product_stored in database.products.find(
            {"_id": {"$in": [product.product_id, few.product_id]}}
        )
    }
    assert len(burst) == BURST
    assert grabbed == [201] * 10 + [409] * 10
    assert len({(order["user_id"], order["client_order_id"]) for order in orders}) == len(orders)
    assert len(set(placed)) == len(placed) == len(orders) - 10
    assert stock == {product.product_id: LARGE_STOCK - len(placed), few.product_id: 0}
    conclude(problem)


@pytest.mark.usefixtures("database")
@check("performance.database", needs="auth", alone=True)
def test_database(
    new_person: NewPerson,
    prometheus_text: Callable[[], str],
    policy: Policy,
    target: Target,
    conclude: Conclude,
) -> None:
    """The P95 of the store's database commands, and of this check's commands, is below the limit.

    The store's histogram measures the commands of the store. This check measures its own commands.
    """
    person = new_person()
    limit = policy.latency_limits["database_query"]
    bucket, count = "db_query_duration_seconds_bucket", "db_query_duration_seconds_count"

    def counted() -> tuple[float, float]:
        text = prometheus_text()
        quick = total(text, bucket, le=str(limit))
        assert quick is not None, f"the histogram {bucket} has no bucket with le={limit}"
        return quick, total(text, count) or 0.0

    quick_before, all_before = counted()
    for _ in range(CARTS):
        person.client.call("show_cart", expect=200)
    quick_after, all_after = counted()

    queries = round(all_after - all_before)
    slow = queries - round(quick_after - quick_before)
    assert queries >= 2 * CARTS
    chance = chance_of_at_most(slow, queries, 1 - P95)
    sentence = f"{slow} of {queries} database commands took over {limit} s; at most 5 % may do so"
    assert chance < 1 - CONFIDENCE, sentence

    with timed_connection(target.secrets["database_uri"]) as (own_connection, durations):

        def ask(number: int) -> Answer:
            collection = ("orders", "carts", "sessions", "loyalty_points")[number % 4]
            own_connection[collection].find_one({"user_id": person.user.user_id})
            return Answer(0, None, {}, durations.newest)

        problem = p95_problem_here(ask, limit=limit)
    conclude(problem)
