"""Platform checks of the database: migrations, indexes, query plans, replication, both colours."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from gates import places
from gates.model import Policy, Target
from gates.policy import target_file
from suites.client import StoreClient
from suites.client.websocket import listening
from suites.contract import load
from suites.database import replication, structure
from suites.database.snapshot import Rerun, rerun_migrations
from suites.pytest_plugin.marks import check

if TYPE_CHECKING:
    from suites.testdata.ownership import Shop

pytestmark = pytest.mark.platform

SHOWN_PRODUCTS = 20


@pytest.fixture(scope="session")
def rerun(database: "Shop", target: Target, policy: Policy) -> Rerun:
    """Apply the migrations once more with the command of the target file; return the changes."""
    if target.production:
        text = (
            "checks do not apply migrations in production; remove migrations from capabilities in "
            "[suites] of the target file"
        )
        pytest.fail(text, pytrace=False)
    if not target.migration_command:
        text = f"the target file of {target.name} has no [database] migrate; add the command"
        pytest.fail(text, pytrace=False)
    limit = int(policy.platform_limits["integrity_documents"])
    return rerun_migrations(database, target.migration_command, limit)


@pytest.fixture
def both_colours(
    target: Target, pytestconfig: pytest.Config, client: StoreClient
) -> Iterator[dict[str, StoreClient]]:
    """Yield a client of each colour; only one if the other colour has no target file."""
    folder = places.targets(pytestconfig.getoption("targets")).path
    targets = [target_file.load(name, folder) for name in target_file.names(folder)]
    others = [
        other
        for other in targets
        if other.slot == target.baseline_slot and other.production == target.production
    ]
    with ExitStack() as opened:
        clients = {
            other.name: opened.enter_context(
                closing(StoreClient(other, load(), client.run_id, client.source))
            )
            for other in others
        }
        yield {target.name: client, **clients}


@pytest.fixture
def own_orders(target: Target, request: pytest.FixtureRequest) -> dict[str, str]:
    """For each order of this run, return the token of its user, keyed by the order's id.

    In production the dictionary is empty, because no check places an order there.
    """
    if target.production:
        return {}
    order, shopper = request.getfixturevalue("order"), request.getfixturevalue("shopper")
    return {order["id"]: shopper.token}


@check("platform.database.migrations", needs="data")
def test_migrations(database: "Shop", target: Target) -> None:
    """Every migration up to the version of the target file is recorded once, in order."""
    records = list(database.migrations.find())

    assert structure.migration_problems(records, target.schema_version) == []


@check("platform.database.migrations_again", needs="migrations")
def test_migrations_again(rerun: Rerun) -> None:
    """A second run of the migrations succeeds, and changes no migration record and no index."""
    assert (rerun.exit_code, rerun.changes) == (0, ()), rerun.output


@check("platform.database.snapshot", needs="migrations")
def test_snapshot(rerun: Rerun) -> None:
    """A second run of the migrations changes no count and no checksum of customers' documents."""
    assert rerun.changed_content == ()


@check("platform.database.indexes", needs="data")
def test_indexes(database: "Shop", target: Target) -> None:
    """Every index that the release needs exists, and unique indexes refuse duplicates."""
    present = structure.indexes(database)

    assert structure.index_problems(present, target.schema_version) == []


@check("platform.database.query_plans", needs="data")
def test_query_plans(database: "Shop", target: Target, policy: Policy) -> None:
    """No query of the API reads a whole collection that is larger than the policy allows."""
    max_scanned = int(policy.platform_limits["collection_scan_documents"])

    assert structure.plan_problems(database, target.schema_version, max_scanned) == []


@check("platform.database.validate", needs="data")
def test_validate(database: "Shop", policy: Policy) -> None:
    """The command ``validate`` finds no error, and fields have their declared types and values."""
    limit = int(policy.platform_limits["integrity_documents"])

    assert structure.validation_problems(database, limit) == []


@check("platform.database.replication", needs="data")
def test_replication(database: "Shop", policy: Policy, request: pytest.FixtureRequest) -> None:
    """Every member of the replica set is healthy, and no lag is longer than the policy allows."""
    max_lag = policy.platform_limits["replication_lag_seconds"]
    state = replication.replication_of(database.client, max_lag)
    request.node.user_properties.append(("replication", state.sentence))

    assert state.problems == ()


@check("platform.database.same_view", needs="data")
def test_same_view(
    both_colours: dict[str, StoreClient], own_orders: dict[str, str], database: "Shop"
) -> None:
    """Both colours return the order and the products that the database has."""
    stored = database.products.find({"visibility": "listed"}).sort("_id", 1)
    expected = [
        (product["_id"], product["name"], product["price_paise"])
        for product in stored.limit(SHOWN_PRODUCTS)
    ]
    orders = {
        order["_id"]: (order["total_paise"], order["items"])
        for order in database.orders.find({"_id": {"$in": list(own_orders)}})
    }

    assert _orders(both_colours, own_orders) == dict.fromkeys(both_colours, orders)
    assert _products(both_colours) == dict.fromkeys(both_colours, expected)
    product_id = next(iter(orders.values()))[1][0]["product_id"] if orders else ""
    for order_id, token in own_orders.items():
        for client in both_colours.values():
            client.token = token
        _require_one_cart(both_colours, product_id)
        _require_announcements(both_colours, product_id, {order_id})


def _require_one_cart(clients: dict[str, StoreClient], product_id: str) -> None:
    """Require that every colour immediately shows a change of the cart on any colour."""
    body = {"product_id": product_id, "quantity": 1}
    for client in clients.values():
        client.call("show_cart", expect=200)
    for name, client in clients.items():
        changed = client.call("add_to_cart", expect=200, body=body).body
        carts = {other: each.call("show_cart", expect=200).body for other, each in clients.items()}
        assert carts == dict.fromkeys(clients, changed), (
            f"every colour must show the cart that {name} returned after a change"
        )


def _require_announcements(
    clients: dict[str, StoreClient], product_id: str, earlier_orders: set[str]
) -> None:
    """Require that every colour announces an order that a customer places on any colour.

    A busy store may announce earlier orders late, so the check ignores events of earlier orders.
    """
    for listener_name, listener_client in clients.items():
        if "realtime" not in listener_client.target.capabilities:
            continue
        for name, client in clients.items():
            with listening(listener_client, "order_updates") as listener:
                items = [{"product_id": product_id, "quantity": 1}]
                order_id = f"{client.run_id}-{listener_name}-{name}"
                order = {"client_order_id": order_id, "items": items}
                placed = client.call("place_order", expect=201, body=order).body
                event = listener.next_event("OrderEvent")
                while event["order_id"] in earlier_orders:
                    event = listener.next_event("OrderEvent")
            assert event["order_id"] == placed["id"], (
                f"{listener_name} must announce the order that was placed on {name}"
            )
            earlier_orders = {*earlier_orders, placed["id"]}


def _orders(
    clients: dict[str, StoreClient], own_orders: dict[str, str]
) -> dict[str, dict[str, tuple[int, list[Any]]]]:
    """Return the total and the items of each order, as each colour returns them."""
    return {
        name: {
            order_id: _shown_order(client, order_id, token)
            for order_id, token in own_orders.items()
        }
        for name, client in clients.items()
    }


def _shown_order(client: StoreClient, order_id: str, token: str) -> tuple[int, list[Any]]:
    client.token = token
    body = client.call("show_order", expect=200, path={"order_id": order_id}).body
    return body["total_paise"], body["items"]


def _products(clients: dict[str, StoreClient]) -> dict[str, list[tuple[str, str, int]]]:
    """Return the first page of products, as each colour returns it."""
    query = {"per_page": str(SHOWN_PRODUCTS)}
    pages = {
        name: client.call("list_products", expect=200, query=query).body["items"]
        for name, client in clients.items()
    }
    return {
        name: [(item["id"], item["name"], item["price_paise"]) for item in items]
        for name, items in pages.items()
    }
