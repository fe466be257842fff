"""Smoke checks of a purchase, from the log-in to the paid order."""

from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.client.sandbox import CARD, pay_by_card
from suites.client.waiting import wait_until
from suites.client.websocket import listening
from suites.pytest_plugin.marks import check
from suites.testdata.ownership import REAL_PRODUCTS

if TYPE_CHECKING:
    from suites.testdata.ownership import OwnProduct, OwnUser, Shop

pytestmark = pytest.mark.smoke


@check("smoke.login", needs="auth")
def test_login(client: StoreClient, customer: "OwnUser") -> None:
    """The store refuses a wrong password, and the right password opens a session that works."""
    wrong = {"identifier": customer.phone, "password": customer.password + "x"}
    right = {"identifier": customer.email, "password": customer.password}

    refused = client.call("login", expect=401, body=wrong).body
    session = client.call("login", expect=200, body=right).body
    client.token = session["access_token"]

    assert refused["error"]["code"] == "unauthorised"
    assert session["user"] == {"id": customer.user_id, "name": customer.name, "role": "customer"}
    assert client.call("show_cart", expect=200).body["items"] == []


@check("smoke.catalogue", needs="catalogue")
def test_catalogue(client: StoreClient, database: "Shop", popular: dict[str, Any]) -> None:
    """The API lists the products of a category with the names and prices of the database."""
    category = popular["category"]
    query = {"category": category, "per_page": "50"}
    page = client.call("list_products", expect=200, query=query).body

    stored = list(database.products.find({**REAL_PRODUCTS, "category": category}).sort("_id", 1))
    fields = ("name", "price_paise", "category", "unit")
    shown_products = [(item["id"], *(item[field] for field in fields)) for item in page["items"]]
    in_database = [(item["_id"], *(item[field] for field in fields)) for item in stored]
    assert shown_products == in_database[:50]
    assert page["total"] == len(stored)
    # Products of other runs may go on sale meanwhile.
    wait_until(
        "the catalogue of all categories counts the products that are on sale",
        lambda: (
            client.call("list_products", expect=200, query={"per_page": "1"}).body["total"],
            database.products.count_documents({"visibility": "listed"}),
        ),
        lambda totals: totals[0] == totals[1],
        seconds=8,
    )


@check("smoke.search", needs="search")
def test_search(client: StoreClient, popular: dict[str, Any]) -> None:
    """A search for a product's name finds the product, and every result has all of the words."""
    page = client.call("search", expect=200, query={"q": popular["name"]}).body

    words = set(popular["name"].lower().split())
    texts_of_hits = {
        item["id"]: f"{item['name']} {item['category']}".lower() for item in page["items"]
    }
    assert popular["_id"] in texts_of_hits
    assert [text for text in texts_of_hits.values() if not words <= set(text.split())] == []


@check("smoke.cart", needs="cart")
def test_cart(shopper: StoreClient, product: "OwnProduct") -> None:
    """A product in the cart has the price of the catalogue; a cleared cart is empty."""
    shopper.call("add_to_cart", expect=200, body={"product_id": product.product_id, "quantity": 2})
    cart = shopper.call("show_cart", expect=200).body
    shopper.call("clear_cart", expect=204)

    lines = [
        (line["product_id"], line["name"], line["quantity"], line["price_paise"])
        for line in cart["items"]
    ]
    assert lines == [(product.product_id, product.name, 2, product.price_paise)]
    assert cart["total_paise"] == 2 * product.price_paise
    assert shopper.call("show_cart", expect=200).body["items"] == []


@check("smoke.order", needs="orders")
def test_order(shopper: StoreClient, product: "OwnProduct", database: "Shop", run_id: str) -> None:
    """An order from the cart has the right total, reduces the stock, and empties the cart."""
    shopper.call("add_to_cart", expect=200, body={"product_id": product.product_id, "quantity": 3})
    order = shopper.call("place_order", expect=201, body={"client_order_id": run_id}).body

    stored = database.products.find_one({"_id": product.product_id})
    assert order["total_paise"] == 3 * product.price_paise
    assert order["status"] == "placed"
    assert stored is not None
    assert stored["stock"] == product.stock - 3
    assert shopper.call("show_cart", expect=200).body["items"] == []


@check("smoke.payment", needs="payments")
def test_payment(shopper: StoreClient, order: dict[str, Any], product: "OwnProduct") -> None:
    """An order can be paid with the sandbox card; the paid order cannot be paid again."""
    payment = pay_by_card(shopper, order["id"], 2 * product.price_paise).body

    again = {**_card_payment(order), "amount_paise": payment["amount_paise"]}
    shown_payment = shopper.call(
        "show_payment", expect=200, path={"payment_id": payment["id"]}
    ).body
    paid = shopper.call("show_order", expect=200, path={"order_id": order["id"]}).body
    assert shown_payment["status"] == "captured"
    assert shown_payment["amount_paise"] == 2 * product.price_paise
    assert paid["status"] != "placed"
    shopper.call("process_payment", expect=409, body=again)


def _card_payment(order: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": order["id"], "method": "razorpay_card", "card": CARD}


@check("smoke.order_stored", needs="orders")
def test_order_stored(
    order: dict[str, Any], customer: "OwnUser", product: "OwnProduct", database: "Shop"
) -> None:
    """The database has the order with the user, total, products and quantities of the request."""
    stored = database.orders.find_one({"_id": order["id"]})

    assert stored is not None
    assert stored["user_id"] == customer.user_id
    assert stored["total_paise"] == 2 * product.price_paise
    assert [(line["product_id"], line["quantity"]) for line in stored["items"]] == [
        (product.product_id, 2)
    ]


@check("smoke.realtime", needs="realtime")
def test_realtime(shopper: StoreClient, order: dict[str, Any]) -> None:
    """After a payment, the owner of the order receives the event ``paid`` over the WebSocket."""
    with listening(shopper, "order_updates") as listener:
        pay_by_card(shopper, order["id"], order["total_paise"])
        event = listener.next_event("OrderEvent")
        while event["status"] == "placed":
            event = listener.next_event("OrderEvent")

    assert event["order_id"] == order["id"]
    assert event["status"] == "paid"
