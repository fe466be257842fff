"""Reads all pages of an operation, and requires that the pages after the last page are empty."""

from collections.abc import Mapping
from typing import Any

from suites.client import StoreClient

# How far after the last page the pages are that must be empty.
PAGES_BEYOND = (1, 20)
MAX_PAGES = 50


def all_pages(
    client: StoreClient, operation_id: str, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Request the pages of an operation, up to the first page that is not full.

    Args:
        client: the client that sends the requests.
        operation_id: the operation, whose response has ``items``, ``per_page`` and ``total``.
        query: the query parameters of every request, without ``page``.

    Returns:
        The response bodies, in the order of the pages.

    Raises:
        AssertionError: page MAX_PAGES is still full, or a page after the last page has items or a
            different total.
    """
    pages: list[dict[str, Any]] = []
    for number in range(1, MAX_PAGES + 1):
        page = client.call(operation_id, expect=200, query={**query, "page": str(number)}).body
        pages.append(page)
        if len(page["items"]) < page["per_page"]:
            _require_the_end(client, operation_id, query, pages)
            return pages
    raise AssertionError(f"{operation_id}: page {MAX_PAGES} is still full, expected an end before")


def _require_the_end(
    client: StoreClient, operation_id: str, query: Mapping[str, str], pages: list[dict[str, Any]]
) -> None:
    """Require that a page after the last page is empty and has the same total.

    Other runs put products on sale meanwhile, so the present total of page 1 is accepted too.
    """

    def page_of(number: int) -> dict[str, Any]:
        page: dict[str, Any] = client.call(
            operation_id, expect=200, query={**query, "page": str(number)}
        ).body
        return page

    beyond = [page_of(len(pages) + further) for further in PAGES_BEYOND]
    known = {pages[-1]["total"], page_of(1)["total"]}
    wrong = [page for page in beyond if page["items"] or page["total"] not in known]
    if wrong:
        shown = [(page["page"], len(page["items"]), page["total"]) for page in wrong]
        raise AssertionError(
            f"{operation_id} has {len(pages)} pages and a total of {sorted(known)}; later pages "
            f"must be empty and have this total, but are (page, items, total): {shown}"
        )
