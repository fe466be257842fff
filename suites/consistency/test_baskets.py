"""Checks of carts and orders with several products, and of the web shop that sells them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from suites.client.sandbox import STAGES, pay_by_card
from suites.client.waiting import wait_until
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person

if TYPE_CHECKING:
    from suites.client.pages import Visit
    from suites.testdata.ownership import Ownership, OwnProduct, Shop

pytestmark = pytest.mark.integration

LINES = 25
MANY = 1_000
DELIVERY_SECONDS = 6.0
Line = tuple[str, str, int, int, int]


def by_descending_id(ownership: "Ownership", *prices: int) -> list["OwnProduct"]:
    """Make a product for each price; the ids descend, so that a check notices a sorting by id."""
    products = [ownership.product(price_paise=price, stock=MANY) for price in prices]
    return sorted(products, key=lambda product: product.product_id, reverse=True)


def lines_of(content: dict[str, Any]) -> list[Line]:
    """Return the lines of a cart or an order: id, name, quantity, price and total of the line."""
    return [
        (
            line["product_id"],
            line["name"],
            line["quantity"],
            line["price_paise"],
            line["line_total_paise"],
        )
        for line in content["items"]
    ]


def expected_lines(*lines: tuple["OwnProduct", int]) -> list[Line]:
    """Return the lines that a cart or an order of products and quantities must have."""
    return [
        (item.product_id, item.name, quantity, item.price_paise, item.price_paise * quantity)
        for item, quantity in lines
    ]


def items_of(*lines: tuple["OwnProduct", int]) -> list[dict[str, Any]]:
    """Return the items of a request, from products and quantities."""
    return [{"product_id": item.product_id, "quantity": quantity} for item, quantity in lines]


def stock_of(database: "Shop", products: Sequence["OwnProduct"]) -> list[int]:
    """Return the stock of each product in the database."""
    stored = [database.products.find_one({"_id": product.product_id}) for product in products]
    return [product["stock"] for product in stored if product]


def fill_cart(person: Person, *lines: tuple["OwnProduct", int]) -> dict[str, Any]:
    """Add products to the cart, one after the other, and return the cart."""
    cart: dict[str, Any] = {}
    for body in items_of(*lines):
        cart = person.client.call("add_to_cart", expect=200, body=body).body
    return cart


def shown_cart(person: Person) -> dict[str, Any]:
    """Request the cart, and return the body of the response."""
    cart: dict[str, Any] = person.client.call("show_cart", expect=200).body
    return cart


@check("consistency.carts_of_several", needs="orders")
def test_carts_of_several(new_person: NewPerson, ownership: "Ownership", database: "Shop") -> None:
    """A cart has every added product in the order of adding; an order takes all of them."""
    shopper = new_person()
    rice, dal, oil = by_descending_id(ownership, 5_405, 12_900, 26_050)
    added = fill_cart(shopper, (rice, 2), (dal, 1), (oil, 3), (rice, 1))
    cart = shown_cart(shopper)

    assert lines_of(cart) == expected_lines((rice, 3), (dal, 1), (oil, 3))
    assert cart["total_paise"] == sum(line[-1] for line in lines_of(cart))
    assert (cart, cart["version"]) == (added, 4)

    database.products.delete_one({"_id": oil.product_id})
    without = shown_cart(shopper)
    assert lines_of(without) == expected_lines((rice, 3), (dal, 1)), (
        "the cart must leave out a deleted product"
    )
    assert without["total_paise"] == cart["total_paise"] - 3 * oil.price_paise
    body = {"client_order_id": f"{shopper.user.user_id}-gone"}
    shopper.client.call("place_order", expect=400, body=body)
    assert shown_cart(shopper) == without, "a refused order must not change the cart"

    shopper.client.call("clear_cart", expect=204)
    fill_cart(shopper, (rice, 2), (dal, 4))
    dal = _at_another_price(dal, database)
    cart = shown_cart(shopper)
    body = {"client_order_id": f"{shopper.user.user_id}-cart"}
    order = shopper.client.call("place_order", expect=201, body=body).body
    empty = shown_cart(shopper)
    repeated = shopper.client.call("place_order", expect=200, body=body).body
    assert repeated["id"] == order["id"], "a repeated order of a cart must be the same order"
    assert lines_of(order) == expected_lines((rice, 2), (dal, 4)), (
        "an order must have the present prices"
    )
    assert order["total_paise"] == cart["total_paise"]
    assert stock_of(database, (rice, dal)) == [MANY - 2, MANY - 4]
    assert (empty["items"], empty["version"]) == ([], cart["version"] + 1)

    refilled = fill_cart(shopper, (dal, 1))
    again = shopper.client.call("place_order", expect=200, body=body).body
    assert (again["id"], again["items"]) == (order["id"], order["items"])
    assert shown_cart(shopper) == refilled, "a repeated order must not change the cart"
    sold_out = {"$set": {"stock": 0, "received": 4}}
    database.products.update_one({"_id": dal.product_id}, sold_out)
    refused = {"client_order_id": f"{shopper.user.user_id}-sold-out"}
    reason = shopper.client.call("place_order", expect=409, body=refused).body["error"]["code"]
    assert reason == "insufficient_stock"
    assert shown_cart(shopper) == refilled, "a refused order must not change the cart"


def _at_another_price(product: "OwnProduct", database: "Shop") -> "OwnProduct":
    """Change the price of a product in the database, and return the product with this price."""
    dearer = replace(product, price_paise=product.price_paise + 105)
    change = {"$set": {"price_paise": dearer.price_paise}}
    database.products.update_one({"_id": product.product_id}, change)
    return dearer


@check("consistency.orders_kept", needs="payments")
def test_orders_kept(new_person: NewPerson, ownership: "Ownership", database: "Shop") -> None:
    """An order takes the stock of all its products or none; its items and total never change."""
    shopper = new_person()
    rice, dal, oil = by_descending_id(ownership, 5_405, 12_900, 26_050)
    name = shopper.user.user_id

    def place(suffix: str, expect: int, items: list[dict[str, Any]], note: str = "") -> Any:  # noqa: ANN401 - the JSON of a response
        body = {"client_order_id": f"{name}{suffix}", "items": items, "note": note}
        return shopper.client.call("place_order", expect=expect, body=body).body

    items = items_of((rice, 2), (dal, 1))
    order = place("-a", 201, items, "Ring twice, \u20b9 ready")
    stocks = stock_of(database, (rice, dal, oil))
    reason = place("-b", 409, items_of((rice, 1), (dal, 1), (oil, MANY), (oil, 1)))["error"]["code"]
    unknown = {"product_id": "prd_none", "quantity": 1}
    place("-c", 400, [*items_of((rice, 1)), unknown])
    assert reason == "insufficient_stock"
    assert stocks == [MANY - 2, MANY - 1, MANY]
    assert stock_of(database, (rice, dal, oil)) == stocks, "a refused order must return all stock"

    similar = [place(suffix, 201, items_of((oil, 1)))["id"] for suffix in ("-A", "-a ", "-a0")]
    assert len({order["id"], *similar}) == 4, "each client_order_id must give a new order"
    change = {"$set": {"price_paise": 9_999, "name": "Renamed"}}
    database.products.update_one({"_id": rice.product_id}, change)
    shown = shopper.client.call("show_order", expect=200, path={"order_id": order["id"]}).body
    repeated = place("-a", 200, items)
    kept = ("id", "client_order_id", "items", "total_paise", "status")
    for later in (shown, repeated):
        assert [later[field] for field in kept] == [order[field] for field in kept]
    assert lines_of(order) == expected_lines((rice, 2), (dal, 1))
    pay_by_card(shopper.client, order["id"], order["total_paise"])
    after_payment = place("-a", 200, items)
    assert (after_payment["id"], after_payment["items"]) == (order["id"], order["items"])
    assert after_payment["status"] != "placed"
    stored = database.orders.find_one({"_id": order["id"]})
    assert stored is not None
    assert stored["note"] == "Ring twice, \u20b9 ready"
    last = ownership.product(price_paise=100, stock=2)
    sold_out = place("-last", 201, items_of((last, 2)))
    assert place("-last", 200, items_of((last, 2)))["id"] == sold_out["id"], (
        "an order must be repeatable after it took the last pieces"
    )
    assert database.orders.count_documents({"user_id": name}) == 2 + len(similar)


def cart_change(number: int, base: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an offline change that sets the content of the cart."""
    return {
        "client_id": f"edit-{number}",
        "kind": "cart.set",
        "base_version": base,
        "at": "2026-01-01T00:00:00Z",
        "items": items,
    }


@check("consistency.offline_carts", needs="offline_sync")
def test_offline_carts(new_person: NewPerson, ownership: "Ownership", database: "Shop") -> None:
    """An offline edit replaces the whole cart; each result has the cart after the change.

    The store keeps one record of each device, and changes no device of another user.
    """
    shopper, stranger = new_person.customers(2)
    rice, dal = by_descending_id(ownership, 5_405, 12_900)
    many = [ownership.product(price_paise=100, stock=MANY) for _ in range(LINES)]

    def send(*changes: dict[str, Any], person: Person = shopper) -> list[dict[str, Any]]:
        body = {"device_id": "phone", "changes": list(changes)}
        results: list[dict[str, Any]]
        results = person.client.call("sync_offline", expect=200, body=body).body["results"]
        return results

    def devices_of(person: Person) -> list[dict[str, Any]]:
        return list(database.mobile_devices.find({"user_id": person.user.user_id}))

    send(cart_change(1, 0, items_of((rice, 5))), person=stranger)
    strangers_devices = devices_of(stranger)
    assert len(strangers_devices) == 1, "a sync must store its device once"

    both = items_of((rice, 1), (dal, 2))
    first, stale, second = send(
        cart_change(1, 0, both),
        cart_change(2, 0, items_of((rice, 9))),
        cart_change(3, 1, items_of((dal, 3))),
    )
    devices = devices_of(shopper)
    assert [each["status"] for each in (first, stale, second)] == ["applied", "conflict", "applied"]
    assert lines_of(first["cart"]) == expected_lines((rice, 1), (dal, 2))
    assert stale["cart"] == first["cart"], "the result of a conflict must have the store's cart"
    assert lines_of(second["cart"]) == expected_lines((dal, 3))
    assert second["cart"] == shown_cart(shopper)
    (emptied,) = send(cart_change(4, 2, []))
    assert lines_of(emptied["cart"]) == []
    assert emptied["cart"] == shown_cart(shopper)
    (full,) = send(cart_change(5, 3, items_of(*((product, 1) for product in many))))
    assert lines_of(full["cart"]) == expected_lines(*((product, 1) for product in many))
    body = {"client_order_id": f"{shopper.user.user_id}-many"}
    order = shopper.client.call("place_order", expect=201, body=body).body
    assert lines_of(order) == lines_of(full["cart"]), "an order must take the whole cart"
    send(cart_change(6, 5, items_of(*((product, 1) for product in many))))
    cart = fill_cart(shopper, (rice, 1), (many[0], 1))
    assert lines_of(cart) == expected_lines(
        (many[0], 2), *((product, 1) for product in many[1:]), (rice, 1)
    )
    renewed = devices_of(shopper)
    assert (len(devices), len(renewed)) == (1, 1), "a device must be stored once"
    assert renewed[0]["seen_at"] > devices[0]["seen_at"], "each sync must renew the device's time"
    assert devices_of(stranger) == strangers_devices, "a sync must not change another user's device"


@check("consistency.web_shop", needs="realtime")
def test_web_shop(
    new_person: NewPerson, ownership: "Ownership", database: "Shop", frontend: "Visit"
) -> None:
    """A customer buys in the web shop; the page always shows the price that the store charges."""
    shopper, page = new_person(), frontend.page
    word = f"zq{shopper.user.user_id[-10:]}".lower()
    shown_as = f"{word.title()} Tea & Milk"
    product = ownership.findable_product(word, "tea", price_paise=5_405, shown_as=shown_as)
    page.fill("[name=identifier]", shopper.user.email)
    page.fill("[name=password]", shopper.user.password)
    page.click("#login button")
    page.get_by_text(shopper.user.name).wait_for()
    with ownership.on_sale(product):
        page.fill("#q", f"{word} & tea")
        page.click("#search button")
        entry = page.locator(f"#products li[data-id='{product.product_id}']")
        entry.wait_for()
        offered = entry.inner_text()
        for quantity in (1, 2):
            entry.get_by_role("button").click()
            page.locator(f"#cart li[data-quantity='{quantity}']").wait_for()
    in_cart, total = page.locator("#cart li").all_inner_texts(), page.inner_text("#total")
    page.click("#checkout")
    page.locator("#order:not(:empty)").wait_for()
    ordered = page.inner_text("#order")
    orders = list(database.orders.find({"user_id": shopper.user.user_id}))
    bought = [(line["quantity"], each["total_paise"]) for each in orders for line in each["items"]]
    assert bought == [(2, 10_810)]
    pay_by_card(shopper.client, orders[0]["_id"], 10_810)
    stages = page.locator("#events li")
    wait_until(
        "the web shop shows the delivery",
        stages.all_inner_texts,
        lambda texts: STAGES[-1] in texts,
        seconds=DELIVERY_SECONDS,
    )
    assert f"{product.name}, 1 piece \u20b954.05" in offered
    assert in_cart == [f"2 \u00d7 {product.name} \u20b9108.10"]
    assert total == "\u20b9108.10"
    assert ordered == f"{orders[0]['_id']} placed \u20b9108.10"
    assert page.locator("#cart li").count() == 0
    assert tuple(stages.all_inner_texts()) == STAGES
    assert frontend.errors == []
