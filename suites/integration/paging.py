"""All pages of an operation."""

from collections.abc import Mapping
from typing import Any

from suites.client import StoreClient

MAX_PAGES = 50


def all_pages(
    client: StoreClient, operation_id: str, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The pages of an operation, up to the first page that is not full.

    Raises:
        AssertionError: page MAX_PAGES is still full.
    """
    pages: list[dict[str, Any]] = []
    for number in range(1, MAX_PAGES + 1):
        page = client.call(operation_id, expect=200, query={**query, "page": str(number)}).body
        pages.append(page)
        if len(page["items"]) < page["per_page"]:
            return pages
    raise AssertionError(f"{operation_id} has no end within {MAX_PAGES} pages")
