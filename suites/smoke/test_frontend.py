"""Smoke checks of the web frontend, in a real browser."""

from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.client.waiting import wait_until
from suites.pytest_plugin.marks import check

if TYPE_CHECKING:
    from suites.client.pages import Visit

pytestmark = pytest.mark.smoke

ALL_IDS = "entries => entries.map(entry => entry.dataset.id)"


@check("smoke.frontend_products", needs="catalogue")
def test_frontend_products(frontend: "Visit", client: StoreClient) -> None:
    """The frontend opens without an error, and shows the first page of the API's products."""
    products = frontend.page.locator("#products li")

    def ids_in_shop_and_api() -> tuple[list[str], list[str]]:
        frontend.page.reload()
        products.first.wait_for()
        listed_products = client.call("list_products", expect=200).body["items"]
        return products.evaluate_all(ALL_IDS), [item["id"] for item in listed_products]

    # The catalogue may change between the two requests.
    wait_until(
        "the frontend shows the products that the API lists",
        ids_in_shop_and_api,
        lambda lists: lists[0] == lists[1],
        seconds=5,
    )
    assert frontend.errors == []


@check("smoke.frontend_search", needs="search")
def test_frontend_search(frontend: "Visit", popular: dict[str, Any]) -> None:
    """A search in the frontend for the name of a product shows only this product."""
    frontend.page.fill("#q", popular["name"])
    frontend.page.click("#search button")
    frontend.page.locator("#products li:first-child:last-child").wait_for()

    assert frontend.errors == []
    assert frontend.page.locator("#products li").get_attribute("data-id") == popular["_id"]
