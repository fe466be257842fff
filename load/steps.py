"""The steps of a shopper: each step sends one request, and checks the response."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from load.wire import Connection, Reply
from suites.contract import Contract

CARD = {"number": "4111111111111111", "expiry": "12/30", "cvv": "123"}


class WrongAnswerError(Exception):
    """The response is wrong; the message gives the reason in a few words."""


@dataclass(slots=True)
class Shopper:
    """One shopper, and the state of the current journey.

    Args:
        number: the position of this shopper in the plan.
        token: the access token, from a log-in before the run.
        contract: the store's operations.
        connection: the connection to the store.
        products: the ids of the run's own products; shoppers buy only these.
        words: words of product names in the catalogue; shoppers search for these words.
        dice: makes the shopper's choices.
        orders: the number of orders so far.
        changes: the number of changes that the shopper made offline and sent later.
        order: the newest order, as the store returned it.
        acknowledge: called with the kind and the id of each order or payment that the store
            acknowledged.
    """

    number: int
    token: str = field(repr=False)
    contract: Contract
    connection: Connection
    products: Sequence[str]
    words: Sequence[str]
    dice: random.Random
    orders: int = 0
    changes: int = 0
    order: dict[str, Any] = field(default_factory=dict)
    acknowledge: Callable[[str, str], None] = lambda _kind, _id: None

    def call(
        self,
        operation_id: str,
        *,
        expect: int,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Reply:
        """Send a request for an operation; the response must have the expected status.

        Raises:
            NoAnswerError: there was no complete response.
            WrongAnswerError: the response has another status than expected.
        """
        operation = self.contract.operation(operation_id)
        reply = self.connection.request(
            operation.method,
            operation.url_path(path or {}),
            token="" if operation.public else self.token,
            query=query,
            body=body,
        )
        if reply.status != expect:
            raise WrongAnswerError(f"status {reply.status}, expected {expect}")
        return reply


def _require(condition: object, reason: str) -> None:
    if not condition:
        raise WrongAnswerError(reason)


def list_products(shopper: Shopper) -> None:
    """Request a page of the catalogue; the response must have products with prices."""
    page = str(shopper.dice.randint(1, 3))
    items = shopper.call("list_products", expect=200, query={"page": page}).body["items"]
    _require(items, "the page of the catalogue is empty")
    _require(all(item["price_paise"] > 0 for item in items), "a product has no price")


def facets(shopper: Shopper) -> None:
    """Request the facets of a search; the response must have content."""
    word = shopper.dice.choice(shopper.words)
    _require(shopper.call("facets", expect=200, query={"q": word}).body, "no facets")


def autocomplete(shopper: Shopper) -> None:
    """Send the first letters of a word; the response must have the field ``suggestions``."""
    word = shopper.dice.choice(shopper.words)[:3]
    answer = shopper.call("autocomplete", expect=200, query={"q": word}).body
    _require("suggestions" in answer, "no suggestions")


def search(shopper: Shopper) -> None:
    """Search for a word; the name of every hit must contain the word."""
    word = shopper.dice.choice(shopper.words)
    items = shopper.call("search", expect=200, query={"q": word}).body["items"]
    _require(items, f"no hit for {word}")
    _require(all(word in item["name"].lower() for item in items), f"a hit does not contain {word}")


def add_to_cart(shopper: Shopper) -> None:
    """Add a product to the cart; the cart must contain the product."""
    product = shopper.dice.choice(shopper.products)
    body = {"product_id": product, "quantity": 1}
    cart = shopper.call("add_to_cart", expect=200, body=body).body
    _require(
        product in [item["product_id"] for item in cart["items"]],
        "the added product is not in the cart",
    )


def show_cart(shopper: Shopper) -> None:
    """Request the cart; the total in the response must be the sum of the items."""
    cart = shopper.call("show_cart", expect=200).body
    _require(cart["items"], "the cart is empty")
    total = sum(item["price_paise"] * item["quantity"] for item in cart["items"])
    _require(cart["total_paise"] == total, "the total is not the sum of the items")


def place_order(shopper: Shopper) -> None:
    """Order the content of the cart; the order in the response must have a total over 0."""
    shopper.orders += 1
    body = {"client_order_id": f"load-{shopper.number}-{shopper.orders}"}
    shopper.order = shopper.call("place_order", expect=201, body=body).body
    shopper.acknowledge("order", shopper.order["id"])
    _require(shopper.order["total_paise"] > 0, "the order has no price")


def process_payment(shopper: Shopper) -> None:
    """Pay the order by card; the charged amount must be the price of the order."""
    body = {
        "order_id": shopper.order["id"],
        "amount_paise": shopper.order["total_paise"],
        "method": "razorpay_card",
        "card": CARD,
    }
    payment = shopper.call("process_payment", expect=201, body=body).body
    shopper.acknowledge("payment", payment["id"])
    _require(
        payment["amount_paise"] == shopper.order["total_paise"],
        "the charged amount is not the price of the order",
    )


def delivery_updates(shopper: Shopper) -> None:
    """Listen on the WebSocket; the store must send the events ``placed`` and ``paid``."""
    operation = shopper.contract.operation("delivery_updates")
    messages = shopper.connection.listen(
        operation.url_path({"order_id": shopper.order["id"]}),
        {"token": shopper.token, "resume_after": 0},
        count=3,
    )
    statuses = [message.get("status") for message in messages[1:] if isinstance(message, dict)]
    _require(
        statuses == ["placed", "paid"], "the events are not the expected events placed and paid"
    )


def points_balance(shopper: Shopper) -> None:
    """Request the balance of points; the response must have a tier."""
    _require(shopper.call("points_balance", expect=200).body["tier"], "no tier")


def achievements(shopper: Shopper) -> None:
    """Request the achievements; the response must have at least one achievement."""
    _require(shopper.call("achievements", expect=200).body["achievements"], "no achievements")


def leaderboard(shopper: Shopper) -> None:
    """Request the leaderboard; the response must have a body."""
    _require(shopper.call("leaderboard", expect=200).body is not None, "no leaderboard")


def sync_offline(shopper: Shopper) -> None:
    """Send one offline change; the response must have exactly one result."""
    shopper.changes += 1
    change = {
        "client_id": f"load-{shopper.number}-{shopper.changes}",
        "kind": "cart.set",
        "base_version": 0,
        "at": datetime.now(UTC).isoformat(),
        "items": [{"product_id": shopper.products[0], "quantity": 1}],
    }
    body = {"device_id": "phone", "changes": [change]}
    results = shopper.call("sync_offline", expect=200, body=body).body["results"]
    _require(len(results) == 1, "expected one result for one offline change")


STEPS: dict[str, Callable[[Shopper], None]] = {
    step.__name__: step
    for step in (
        list_products,
        facets,
        autocomplete,
        search,
        add_to_cart,
        show_cart,
        place_order,
        process_payment,
        delivery_updates,
        points_balance,
        achievements,
        leaderboard,
        sync_offline,
    )
}
