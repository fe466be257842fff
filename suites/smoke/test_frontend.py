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
    """The shop opens without an error and shows the first page of products."""
    shown = frontend.page.locator("#products li")

    def shown_and_told() -> tuple[list[str], list[str]]:
        frontend.page.reload()
        shown.first.wait_for()
        told = client.call("list_products", expect=200).body["items"]
        return shown.evaluate_all(ALL_IDS), [item["id"] for item in told]

    # The catalogue may change between the two looks.
    wait_until(
        "the shop shows the API's products",
        shown_and_told,
        lambda both: both[0] == both[1],
        seconds=5,
    )
    assert frontend.errors == []


@check("smoke.frontend_search", needs="search")
def test_frontend_search(frontend: "Visit", popular: dict[str, Any]) -> None:
    """Searching for a product in the shop shows it, and fewer products than before."""
    frontend.page.fill("#q", popular["name"])
    frontend.page.click("#search button")
    frontend.page.locator("#products li:first-child:last-child").wait_for()

    assert frontend.errors == []
    assert frontend.page.locator("#products li").get_attribute("data-id") == popular["_id"]
