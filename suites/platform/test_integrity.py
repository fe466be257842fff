"""Platform checks of the integrity of the data: the documents of the database must be consistent.

On a target without customers, users of the run shop first, all at the same moment. In production
the checks only read.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gates.model import Policy, Target
from suites.client import StoreClient, loopback_source
from suites.client.waiting import pause
from suites.collector import acknowledged
from suites.contract import load
from suites.database.invariants import INVARIANTS, ConfirmedViolations, text_of
from suites.database.invariants import check as check_invariants
from suites.database.shoppers import AcknowledgedPurchases, Shopping
from suites.database.view import View
from suites.pytest_plugin.marks import check

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.platform

Require = Callable[[str], None]
# In production the store's counters of this time are compared with the database.
COUNTED = timedelta(minutes=10)


@pytest.fixture(scope="session")
def purchases(
    target: Target, run_id: str, ownership: "Ownership"
) -> Iterator[AcknowledgedPurchases]:
    """Let users of this run shop; return the acknowledged orders and payments.

    In production nobody shops, so nothing is acknowledged.
    """
    if target.production:
        yield AcknowledgedPurchases()
        return
    with ExitStack() as clients:

        def new_client() -> StoreClient:
            source = loopback_source() if target.loopback_sources else ""
            return clients.enter_context(closing(StoreClient(target, load(), run_id, source)))

        yield Shopping(target, new_client, ownership).shop()


@pytest.fixture(scope="session")
def confirmed(
    purchases: AcknowledgedPurchases, database: "Shop", policy: Policy
) -> dict[str, ConfirmedViolations]:
    """Find the violations of all invariants, after the users of this run have shopped."""
    del purchases
    limit = int(policy.platform_limits["integrity_documents"])
    return check_invariants(database, limit, pause)


@pytest.fixture
def require(confirmed: dict[str, ConfirmedViolations]) -> Require:
    """Return a function that fails if documents contradict the invariant with a given name."""

    def fail(name: str) -> None:
        if violations := list(confirmed[name].violations):
            pytest.fail(text_of(INVARIANTS[name], violations), pytrace=False)

    return fail


@check("platform.integrity.order_items", needs="data")
def test_order_items(require: Require) -> None:
    """Every order has at least one item, and each item has a valid quantity, price and total."""
    require("order_items")


@check("platform.integrity.order_lines", needs="data")
def test_order_lines(require: Require) -> None:
    """The total of each item is its price times its quantity."""
    require("order_lines")


@check("platform.integrity.order_totals", needs="data")
def test_order_totals(require: Require) -> None:
    """The total of an order is the sum of its items' totals."""
    require("order_totals")


@check("platform.integrity.order_users", needs="data")
def test_order_users(require: Require) -> None:
    """Every order belongs to an existing user."""
    require("order_users")


@check("platform.integrity.order_products", needs="data")
def test_order_products(require: Require) -> None:
    """Every item of an order names an existing product."""
    require("order_products")


@check("platform.integrity.order_once", needs="data")
def test_order_once(require: Require) -> None:
    """No two orders of a user have the same client order id."""
    require("order_once")


@check("platform.integrity.order_payments", needs="data")
def test_order_payments(require: Require) -> None:
    """Every order that counts as paid has a captured payment."""
    require("order_payments")


@check("platform.integrity.payment_orders", needs="data")
def test_payment_orders(require: Require) -> None:
    """Every payment belongs to an earlier order of the same user."""
    require("payment_orders")


@check("platform.integrity.payment_amounts", needs="data")
def test_payment_amounts(require: Require) -> None:
    """The amount of a payment is the total of its order."""
    require("payment_amounts")


@check("platform.integrity.payment_once", needs="data")
def test_payment_once(require: Require) -> None:
    """An order has at most one payment that is pending or captured."""
    require("payment_once")


@check("platform.integrity.payment_effects", needs="data")
def test_payment_effects(require: Require) -> None:
    """The order of a captured payment counts as paid."""
    require("payment_effects")


@check("platform.integrity.points_orders", needs="data")
def test_points_orders(require: Require) -> None:
    """Every entry of earned points belongs to an existing, paid order of the same user."""
    require("points_orders")


@check("platform.integrity.points_amounts", needs="data")
def test_points_amounts(require: Require) -> None:
    """An order earns a point for every full ten rupees of its total."""
    require("points_amounts")


@check("platform.integrity.points_balances", needs="data")
def test_points_balances(require: Require) -> None:
    """The balance of a user is the sum of the user's entries in the points ledger."""
    require("points_balances")


@check("platform.integrity.points_lifetime", needs="data")
def test_points_lifetime(require: Require) -> None:
    """The points on the leaderboard are the sum of the points that the user ever earned."""
    require("points_lifetime")


@check("platform.integrity.points_not_negative", needs="data")
def test_points_not_negative(require: Require) -> None:
    """No balance of points is below zero."""
    require("points_not_negative")


@check("platform.integrity.achievements", needs="data")
def test_achievements(require: Require) -> None:
    """Every unlocked achievement is justified by the paid orders of the user."""
    require("achievements")


@check("platform.integrity.stock_balance", needs="data")
def test_stock_balance(require: Require) -> None:
    """The stock of a product is the number of received pieces minus the number of taken pieces."""
    require("stock_balance")


@check("platform.integrity.stock_taken", needs="data")
def test_stock_taken(require: Require) -> None:
    """The number of pieces taken from a product's stock is the number of pieces in its orders."""
    require("stock_taken")


@check("platform.integrity.stock_not_negative", needs="data")
def test_stock_not_negative(require: Require) -> None:
    """No stock is below zero."""
    require("stock_not_negative")


@check("platform.integrity.carts", needs="data")
def test_carts(require: Require) -> None:
    """Every cart belongs to an existing user; every product in a cart has a positive quantity."""
    require("carts")


@check("platform.integrity.sessions", needs="data")
def test_sessions(require: Require) -> None:
    """Every session belongs to an existing user."""
    require("sessions")


@check("platform.integrity.event_orders", needs="data")
def test_event_orders(require: Require) -> None:
    """Every order event belongs to an existing order of the same user."""
    require("event_orders")


@check("platform.integrity.event_numbers", needs="data")
def test_event_numbers(require: Require) -> None:
    """The events of an order are numbered from 1 to the order's event_seq, in the order of time."""
    require("event_numbers")


@check("platform.integrity.event_status", needs="data")
def test_event_status(require: Require) -> None:
    """The status of an order is the status of its newest event."""
    require("event_status")


@check("platform.integrity.saved_methods", needs="data")
def test_saved_methods(require: Require) -> None:
    """Every saved payment method belongs to an existing user."""
    require("saved_methods")


@check("platform.integrity.permissions", needs="data")
def test_permissions(require: Require) -> None:
    """Every granted permission belongs to an existing user."""
    require("permissions")


@check("platform.integrity.second_factors", needs="data")
def test_second_factors(require: Require) -> None:
    """Every second factor, device, saved search and points account belongs to an existing user."""
    require("second_factors")


@check("platform.integrity.orders_acknowledged", needs="data")
def test_orders_acknowledged(
    purchases: AcknowledgedPurchases, database: "Shop", policy: Policy, target: Target
) -> None:
    """Every order and payment that the store acknowledged is in the database."""
    ids = acknowledged.of_ids(purchases.orders, purchases.payments)
    view = View(database, int(policy.platform_limits["integrity_documents"]))

    assert acknowledged.missing_documents(view, ids) == []
    assert _too_few_in_production(database, target) == []


def _too_few_in_production(database: "Shop", target: Target) -> list[str]:
    """List, in production, the collections with fewer documents than the store's counters count."""
    if not target.production:
        return []
    since = datetime.now(UTC) - COUNTED
    return acknowledged.too_few_documents(database, target, since)
