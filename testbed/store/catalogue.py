"""The product catalogue, page by page."""

from testbed.store.context import PER_PAGE, Context, Reply, integer, now, only, page_of
from testbed.store.database import Document

MAX_PER_PAGE = 50
LISTED = {"visibility": "listed"}


async def list_products(context: Context) -> Reply:
    """``GET /api/products``: listed products in a fixed order."""
    only(context.query, "page", "per_page", "category")
    page = page_of(context.query)
    per_page = integer(context.query, "per_page", PER_PAGE, MAX_PER_PAGE)
    category = context.query.get("category")
    wanted = listed_in(category)
    key = f"products {page} {per_page} {category}"

    async def make() -> dict[str, object]:
        return await product_page(context, wanted, page, per_page)

    return Reply(200, await context.store.cache.get(key, now().timestamp(), make))


def listed_in(category: str | None) -> Document:
    return LISTED if category is None else {**LISTED, "category": category}


async def product_page(
    context: Context, wanted: Document, page: int, per_page: int
) -> dict[str, object]:
    """One page of the products that match, and the number of all that match."""
    cursor = context.db.products.find(wanted).sort("_id", 1)
    items = [
        public_product(product)
        async for product in cursor.skip(offset(page, per_page)).limit(per_page)
    ]
    total = await context.db.products.count_documents(wanted)
    return {"items": items, "page": page, "per_page": per_page, "total": total}


def offset(page: int, per_page: int) -> int:
    return (page - 1) * per_page


def public_product(product: Document) -> dict[str, object]:
    """The fields of a product for a shopper."""
    return {
        "id": product["_id"],
        "name": product["name"],
        "category": product["category"],
        "unit": product["unit"],
        "price_paise": product["price_paise"],
        "in_stock": product["stock"] > 0,
    }
