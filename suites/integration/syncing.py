"""Sends offline changes of a device, and computes the cart that must result from the changes."""

from datetime import UTC, datetime
from typing import Any

from suites.testdata.ownership import OwnProduct
from suites.testdata.people import Person


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
