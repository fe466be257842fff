"""Shows payloads in the pages of a service, in a real browser."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from suites.probes.api import Endpoint, Observation, filled
from suites.probes.openapi import benign
from suites.scanner.sending import HttpSender

if TYPE_CHECKING:
    from playwright.sync_api import Page


def scan_pages(endpoints: tuple[Endpoint, ...], sender: HttpSender) -> list[Observation]:
    """Whether values of a query run as scripts in the pages that show them."""
    pages = pages_with_values(endpoints, sender)
    if not pages:
        return []
    # The browser is an extra: an API without such pages is scanned without it.
    from suites.client.pages import browser
    from suites.probes.browser import TextDisplay, runs

    with browser() as opened_browser:
        page = opened_browser.new_page()
        return [
            observation
            for place, address in pages
            for observation in runs(page, TextDisplay("xss-reflected", place, _show_at(address)))
        ]


def _show_at(address: Callable[[str], str]) -> Callable[["Page", str], None]:
    # The browser is an extra, as above.
    from playwright.sync_api import Error

    def show(page: "Page", payload: str) -> None:
        with contextlib.suppress(Error):  # a download, or no answer: the page showed nothing
            page.goto(address(payload))

    return show


def pages_with_values(
    endpoints: tuple[Endpoint, ...], sender: HttpSender
) -> list[tuple[str, Callable[[str], str]]]:
    """The pages that take a value, and the address that shows a payload in each."""
    pages = [
        endpoint
        for endpoint in endpoints
        if endpoint.method == "GET"
        and "html" in sender.send(endpoint, benign(endpoint)).content_type
    ]
    return [
        (f"{endpoint.name} {name}", _address(sender.base, endpoint, name))
        for endpoint in pages
        for name in endpoint.query_names
    ]


def _address(base: str, endpoint: Endpoint, name: str) -> Callable[[str], str]:
    def address(payload: str) -> str:
        call = benign(endpoint)
        query = {**call.query, name: payload}
        return f"{base}{filled(endpoint.path, call.path)}?{urlencode(query)}"

    return address
