"""Platform checks of the load balancer: shares of the traffic, return to blue, and draining.

These checks move traffic for some seconds, so a target needs the capability ``shifting``. No
production target has this capability.
"""

import time
from collections.abc import Iterator

import pytest

from gates.model import Policy, Target
from suites.balancer.borrowed_weights import BorrowedWeights, borrowed_weights, shares_of
from suites.balancer.goodness_of_fit import chance_of_share
from suites.balancer.slow_requests import slow_requests
from suites.balancer.visitors import Visitors, visitors
from suites.client import StoreClient
from suites.client.waiting import wait_until
from suites.contract import load
from suites.pytest_plugin.marks import check
from suites.pytest_plugin.state import run_folder
from suites.testdata.ownership import OwnProduct

pytestmark = pytest.mark.platform

SHARES = (0.1, 0.5, 0.3)
SHOPPERS = 20
REQUESTS = 300
# HAProxy's round robin first ends the round that it began with the old weights: some 130 requests
# in a row may go to one colour.
ROUND_REQUESTS = 200
SLOW_REQUESTS = 8


@pytest.fixture
def weights(target: Target, pytestconfig: pytest.Config) -> Iterator[BorrowedWeights]:
    """Let a check change the weights of the balancer, and restore the weights at the end."""
    out = run_folder(pytestconfig).parent.parent
    with borrowed_weights(target, out) as borrowed:
        yield borrowed


@pytest.fixture
def shoppers(target: Target, run_id: str) -> Iterator[Visitors]:
    """Yield simulated shoppers who send requests to the common edge of both colours."""
    with visitors(target, load(), run_id, count=SHOPPERS) as opened:
        yield opened


@check("platform.balancer.weights", needs="shifting")
def test_weights(weights: BorrowedWeights, target: Target, policy: Policy) -> None:
    """The balancer returns the weights that were set, and Prometheus scrapes the same weights."""
    answers = weights.read_back(SHARES)

    assert answers == [shares_of(target, share) for share in SHARES]
    assert weights.opinion_of_prometheus(policy, SHARES[-1]) == "agrees"


@check("platform.balancer.share", needs="shifting")
def test_share(
    weights: BorrowedWeights, shoppers: Visitors, target: Target, policy: Policy
) -> None:
    """Each colour answers a share of the shoppers' requests that agrees with its traffic weight."""
    before = shoppers.visit(SHOPPERS)
    intended = weights.give(0.3)
    round_before = shoppers.visit(ROUND_REQUESTS)
    visits = shoppers.visit(REQUESTS)

    assert before.failures + round_before.failures + visits.failures == []
    by_target = visits.answers[target.deployment]
    counts = {target.slot: by_target, target.baseline_slot: REQUESTS - by_target}
    assert chance_of_share(counts, intended) >= policy.platform_limits["share_chance"], counts


@check("platform.balancer.return_to_blue", needs="shifting")
def test_return_to_blue(
    weights: BorrowedWeights, shoppers: Visitors, target: Target, policy: Policy
) -> None:
    """Within the time that the policy allows, all traffic of all shoppers goes back to blue."""
    weights.give(1.0)
    before = shoppers.visit(SHOPPERS)
    began = time.monotonic()
    weights.give(0.0)
    wait_until(
        "after the return, the number of shoppers' requests that green answers is 0",
        lambda: shoppers.visit(SHOPPERS).answers[target.deployment],
        lambda answers: answers == 0,
        seconds=policy.platform_limits["return_seconds"],
    )
    seconds = time.monotonic() - began

    assert before.answers[target.deployment] == sum(before.answers.values()) > 0
    assert seconds < policy.platform_limits["return_seconds"]
    assert shoppers.visit(SHOPPERS).failures == []


@check("platform.balancer.drain", needs="shifting")
def test_drain(
    weights: BorrowedWeights,
    shoppers: Visitors,
    shopper: StoreClient,
    product: OwnProduct,
    target: Target,
) -> None:
    """Green completes the requests that are under way, while new requests go to blue."""
    item = {"product_id": product.product_id, "quantity": 1}
    weights.give(1.0)
    with slow_requests(shopper, "add_to_cart", item, count=SLOW_REQUESTS) as slow:
        before = shoppers.visit(SLOW_REQUESTS)
        with weights.giving(0.0):
            wait_until(
                "the traffic weight of green is 0",
                lambda: weights.now()[target.slot],
                lambda share: share == 0,
                seconds=target.patience_seconds,
            )
            later = shoppers.visit(SLOW_REQUESTS)
            statuses = slow.end()

    assert before.answers[target.deployment] == sum(before.answers.values()) > 0
    assert later.failures == []
    assert later.answers[target.deployment] == 0
    assert statuses == ["200"] * SLOW_REQUESTS
