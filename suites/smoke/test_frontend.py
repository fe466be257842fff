"""Smoke checks of the web frontend, in a real browser."""

from typing import TYPE_CHECKING

import pytest

from suites.client import StoreClient
from suites.marks import check

if TYPE_CHECKING:
    from suites.browsing import Visit
    from suites.ownership import Shop

pytestmark = pytest.mark.smoke


@check("smoke.frontend_products", needs="catalogue")
def test_frontend_products(frontend: "Visit", client: StoreClient) -> None:
    """The shop opens without an error and shows the first page of products."""
    first = client.call("list_products", expect=200).body["items"]

    shown = frontend.page.locator("#products li")
    shown.first.wait_for()

    assert frontend.errors == []
    assert [entry.get_attribute("data-id") for entry in shown.all()] == [
        item["id"] for item in first
    ]


@check("smoke.frontend_search", needs="search")
def test_frontend_search(frontend: "Visit", database: "Shop") -> None:
    """Searching for a product in the shop shows it, and fewer products than before."""
    wanted = database.products.find_one({"visibility": "listed"}, sort=[("sold", -1)])
    assert wanted is not None

    frontend.page.fill("#q", wanted["name"])
    frontend.page.click("#search button")
    frontend.page.locator("#products li:first-child:last-child").wait_for()

    assert frontend.errors == []
    assert frontend.page.locator("#products li").get_attribute("data-id") == wanted["_id"]
