"""Sends offline changes of a device or a browser, and computes the cart that must result."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from suites.client.waiting import wait_until
from suites.testdata.ownership import OwnProduct
from suites.testdata.people import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route

    from suites.testdata.ownership import Shop

KEPT_ORDERS = 2
QUANTITIES = (4, 1)


def change(client_id: str, base_version: int, product: OwnProduct, quantity: int) -> dict[str, Any]:
    """Return an offline change that sets the content of the cart.

    Args:
        client_id: the id that the device gave the change.
        base_version: the version of the cart that the device changed.
        product: the only product in the cart after the change.
        quantity: the quantity of the product.
    """
    item = {"product_id": product.product_id, "quantity": quantity}
    return {
        "client_id": client_id,
        "kind": "cart.set",
        "base_version": base_version,
        "at": datetime.now(UTC).isoformat(),
        "items": [item],
    }


def order_change(client_id: str, product: OwnProduct, quantity: int) -> dict[str, Any]:
    """Return an offline change that places an order for one product."""
    return {**change(client_id, 0, product, quantity), "kind": "order.place"}


def send_batch(person: Person, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send offline changes in one request, and return one result for each change."""
    body = {"device_id": "phone", "changes": changes}
    results: list[dict[str, Any]] = person.client.call("sync_offline", expect=200, body=body).body[
        "results"
    ]
    return results


def model(edits: list[tuple[int, int]]) -> tuple[list[str], int, int]:
    """Compute the results that the store must give for offline edits of an empty cart.

    Args:
        edits: the base version and the new quantity of each edit.

    Returns:
        The status of each edit, and the quantity and the version of the cart after all edits.
    """
    statuses, quantity, version = [], 0, 0
    for base, new_quantity in edits:
        if base == version:
            statuses.append("applied")
            quantity, version = new_quantity, version + 1
        else:
            statuses.append("conflict")
    return statuses, quantity, version


def shown_cart(person: Person, product: OwnProduct) -> tuple[int, int]:
    """Request the cart; return the quantity of a product in the cart, and the cart's version."""
    cart = person.client.call("show_cart", expect=200).body
    lines = [line for line in cart["items"] if line["product_id"] == product.product_id]
    return sum(line["quantity"] for line in lines), cart["version"]


@dataclass(frozen=True, slots=True)
class Offline:
    """The orders of an offline browser, as the store got them.

    Args:
        early: the number of orders that the store had while the browser was offline, and after
            the lost request; expected 0.
        totals: the totals of the orders in the database, in paise.
        expected: the totals that the orders must have, in paise.
    """

    early: int
    totals: tuple[int, ...]
    expected: tuple[int, ...]


def order_offline(
    customer: Person, products: tuple[OwnProduct, OwnProduct], page: "Page", database: "Shop"
) -> Offline:
    """Place orders in an offline browser, and wait until the store has them.

    The first attempt to send the orders does not reach the store. Then the customer opens the page
    anew. The second attempt reaches the store, but its response is lost.

    Args:
        customer: the customer, whose cart gets both products.
        products: the products of each order.
        page: the page of the web shop.
        database: the store's database.

    Returns:
        The orders that the store got, and the expected orders.
    """
    for product, quantity in zip(products, QUANTITIES, strict=True):
        body = {"product_id": product.product_id, "quantity": quantity}
        customer.client.call("add_to_cart", expect=200, body=body)
    _log_in(customer, page)
    page.locator("#cart li").nth(len(products) - 1).wait_for()
    page.context.set_offline(True)
    for _ in range(KEPT_ORDERS):
        page.click("#checkout")
        page.get_by_text("Order kept").wait_for()
    by_user = {"user_id": customer.user.user_id}
    orders_while_offline = database.orders.count_documents(by_user)
    path = customer.client.contract.operation("sync_offline").path

    def lose_request(route: "Route") -> None:
        route.abort("internetdisconnected")

    def lose_response(route: "Route") -> None:
        route.fetch()
        route.abort("connectionreset")

    _go_online(page, path, lose_request)
    page.reload()
    _log_in(customer, page)
    orders_after_reload = database.orders.count_documents(by_user)
    page.context.set_offline(True)
    _go_online(page, path, lose_response)
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.get_by_text(", ".join(["duplicate"] * KEPT_ORDERS)).wait_for()
    arrived = wait_until(
        "the orders of the offline browser are in the database",
        lambda: list(database.orders.find(by_user)),
        lambda orders: len(orders) >= KEPT_ORDERS,
        seconds=6,
    )
    return Offline(
        early=orders_while_offline + orders_after_reload,
        totals=tuple(order["total_paise"] for order in arrived),
        expected=(_total(products),) * KEPT_ORDERS,
    )


def _total(products: tuple[OwnProduct, OwnProduct]) -> int:
    """Return the total of an order of both products, in paise."""
    return sum(
        product.price_paise * quantity
        for product, quantity in zip(products, QUANTITIES, strict=True)
    )


def _log_in(customer: Person, page: "Page") -> None:
    page.fill("[name=identifier]", customer.user.phone)
    page.fill("[name=password]", customer.user.password)
    page.click("#login button")
    page.locator("#cart li").first.wait_for()


def _go_online(page: "Page", path: str, lose: Callable[["Route"], None]) -> None:
    """Go online, and lose the next request to a path.

    Args:
        page: the page of an offline browser.
        path: the path of the request.
        lose: a function that aborts the request before or after the store gets it.
    """

    def is_sync(request: "Request") -> bool:
        return request.url.endswith(path)

    page.route(f"**{path}", lose, times=1)
    with page.expect_event("requestfailed", is_sync):
        page.context.set_offline(False)
