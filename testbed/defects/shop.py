"""Defects of the catalogue, the cart, orders, payments and their live updates."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from testbed.store import catalogue, gateway, orders, realtime
from testbed.store.context import PER_PAGE, Context, Reply, Store, page_of
from testbed.store.database import Database, Document
from testbed.store.search import price_filter, words

SLOW_SECONDS = 4.0


def last_weeks_product(product: Document) -> dict[str, object]:
    return {
        "id": product["_id"],
        "name": product["name"],
        "category": product["category"],
        "unit": product["unit"],
        "price_paise": product["price_paise"] - 100,
        "in_stock": product["stock"] > 0,
    }


async def slow_search_page(context: Context, wanted: Document) -> Reply:
    await asyncio.sleep(SLOW_SECONDS)
    page = page_of(context.query)
    return Reply(200, await catalogue.product_page(context, wanted, page, PER_PAGE))


async def search_fails(context: Context, wanted: Document) -> Reply:
    raise RuntimeError(f"no index for {wanted} on {context.settings.deployment}")


def matching_any_word(text: str, price_min: int | None, price_max: int | None) -> Document:
    wanted: Document = {**catalogue.LISTED, "words": {"$in": words(text)}}
    price = price_filter(price_min, price_max)
    return {**wanted, "price_paise": price} if price else wanted


async def put_nothing(db: Database, cart: Document, items: dict[str, int]) -> Document:
    del db
    return {**cart, "items": items}


async def create_fails(
    context: Context, quantities: dict[str, int], body: orders.PlaceOrder
) -> Document:
    raise RuntimeError(f"no connection for {context.user['_id']}: {body} {quantities}")


def total_without_quantities(lines: list[dict[str, object]]) -> int:
    return sum(int(str(line["price_paise"])) for line in lines)


async def take_nothing(db: Database, product_id: str, quantity: int) -> bool:
    product = await db.products.find_one({"_id": product_id})
    return product is not None and product["stock"] >= quantity


def declines_everything(card: gateway.Card) -> str:
    return "declined" if card.number else "captured"


async def order_stays_unpaid(context: Context, payment: Document) -> None:
    del context, payment


async def refuse_socket(store: Store, socket: WebSocket) -> tuple[Document, realtime.Hello]:
    del store
    await socket.close()
    raise WebSocketDisconnect


def hand_out_nothing(hub: realtime.Hub, event: Document) -> None:
    del hub, event
