"""Offline changes of a device, and a model of the cart after its edits."""

from datetime import UTC, datetime
from typing import Any

from suites.testdata.ownership import OwnProduct
from suites.testdata.people import Person


def change(client_id: str, base_version: int, product: OwnProduct, quantity: int) -> dict[str, Any]:
    """A change that sets the content of the cart."""
    item = {"product_id": product.product_id, "quantity": quantity}
    return {
        "client_id": client_id,
        "kind": "cart.set",
        "base_version": base_version,
        "at": datetime.now(UTC).isoformat(),
        "items": [item],
    }


def order_change(client_id: str, product: OwnProduct, quantity: int) -> dict[str, Any]:
    """A change that places an order."""
    return {**change(client_id, 0, product, quantity), "kind": "order.place"}


def send_batch(person: Person, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send changes, and return one result for each change."""
    body = {"device_id": "phone", "changes": changes}
    results: list[dict[str, Any]] = person.client.call("sync_offline", expect=200, body=body).body[
        "results"
    ]
    return results


def model(edits: list[tuple[int, int]]) -> tuple[list[str], int, int]:
    """Statuses, and the cart's quantity and version, after edits of (base version, quantity)."""
    statuses, quantity, version = [], 0, 0
    for base, new_quantity in edits:
        if base == version:
            statuses.append("applied")
            quantity, version = new_quantity, version + 1
        else:
            statuses.append("conflict")
    return statuses, quantity, version


def shown_cart(person: Person, product: OwnProduct) -> tuple[int, int]:
    """The cart's quantity of a product, and its version."""
    cart = person.client.call("show_cart", expect=200).body
    lines = [line for line in cart["items"] if line["product_id"] == product.product_id]
    return sum(line["quantity"] for line in lines), cart["version"]
