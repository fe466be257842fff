"""All pages of an operation."""

from collections.abc import Mapping
from typing import Any

from suites.client import StoreClient

# Pages that are asked for after the last page.
PAGES_BEYOND = (1, 20)
MAX_PAGES = 50


def all_pages(
    client: StoreClient, operation_id: str, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The pages of an operation, up to the first page that is not full.

    Raises:
        AssertionError: page MAX_PAGES is still full, or a later page has items or another total.
    """
    pages: list[dict[str, Any]] = []
    for number in range(1, MAX_PAGES + 1):
        page = client.call(operation_id, expect=200, query={**query, "page": str(number)}).body
        pages.append(page)
        if len(page["items"]) < page["per_page"]:
            _require_the_end(client, operation_id, query, pages)
            return pages
    raise AssertionError(f"{operation_id} has no end within {MAX_PAGES} pages")


def _require_the_end(
    client: StoreClient, operation_id: str, query: Mapping[str, str], pages: list[dict[str, Any]]
) -> None:
    """Require that a page after the last page is empty and has the same total.

    Other runs put products on sale meanwhile, so the total may be that of now.
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
            f"{operation_id} has {len(pages)} pages and a total of {sorted(known)}; "
            f"later pages (number, items, total): {shown}"
        )
