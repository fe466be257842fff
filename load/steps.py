"""What a shopper does in one step: one request, and whether its answer is right."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from load.wire import Connection, Reply
from suites.contract import Contract

CARD = {"number": "4111111111111111", "expiry": "12/30", "cvv": "123"}


class WrongAnswerError(Exception):
    """The answer is not what a shopper needs; the text says how, in a few words."""


@dataclass(slots=True)
class Shopper:
    """One shopper, and where a journey has got to.

    Args:
        number: which user of the plan.
        token: the access token, got before the run.
        contract: where the operations are.
        connection: how to reach the store.
        products: ids of the run's own products; only these are bought.
        words: words that names in the catalogue hold; these are searched for.
        dice: the shopper's choices.
    """

    number: int
    token: str = field(repr=False)
    contract: Contract
    connection: Connection
    products: list[str]
    words: list[str]
    dice: random.Random
    orders: int = 0
    changes: int = 0
    order: dict[str, Any] = field(default_factory=dict)

    def call(
        self,
        operation_id: str,
        *,
        expect: int,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Reply:
        """Call an operation of the contract.

        Raises:
            NoAnswerError: nobody answered.
            WrongAnswerError: another status came back.
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


def _need(truth: object, what: str) -> None:
    if not truth:
        raise WrongAnswerError(what)


def list_products(shopper: Shopper) -> None:
    """A page of the catalogue holds products with prices."""
    page = str(shopper.dice.randint(1, 3))
    items = shopper.call("list_products", expect=200, query={"page": page}).body["items"]
    _need(items, "an empty page of the catalogue")
    _need(all(item["price_paise"] > 0 for item in items), "a product without a price")


def facets(shopper: Shopper) -> None:
    """How the hits of a word spread."""
    word = shopper.dice.choice(shopper.words)
    _need(shopper.call("facets", expect=200, query={"q": word}).body, "no facets")


def autocomplete(shopper: Shopper) -> None:
    """The first letters of a word are completed to names."""
    word = shopper.dice.choice(shopper.words)[:3]
    found = shopper.call("autocomplete", expect=200, query={"q": word}).body
    _need("suggestions" in found, "no suggestions")


def search(shopper: Shopper) -> None:
    """Everything found holds the word."""
    word = shopper.dice.choice(shopper.words)
    items = shopper.call("search", expect=200, query={"q": word}).body["items"]
    _need(items, f"nothing found for {word}")
    _need(all(word in item["name"].lower() for item in items), f"a hit without {word}")


def add_to_cart(shopper: Shopper) -> None:
    """What is put into the cart is in the cart."""
    product = shopper.dice.choice(shopper.products)
    body = {"product_id": product, "quantity": 1}
    cart = shopper.call("add_to_cart", expect=200, body=body).body
    _need(product in [item["product_id"] for item in cart["items"]], "not in the cart")


def show_cart(shopper: Shopper) -> None:
    """The cart's total is that of its lines."""
    cart = shopper.call("show_cart", expect=200).body
    _need(cart["items"], "the cart has lost its items")
    total = sum(item["price_paise"] * item["quantity"] for item in cart["items"])
    _need(cart["total_paise"] == total, "a total that is not that of its lines")


def place_order(shopper: Shopper) -> None:
    """The cart is ordered, at its price."""
    shopper.orders += 1
    body = {"client_order_id": f"load-{shopper.number}-{shopper.orders}"}
    shopper.order = shopper.call("place_order", expect=201, body=body).body
    _need(shopper.order["total_paise"] > 0, "an order for nothing")


def process_payment(shopper: Shopper) -> None:
    """The order is paid by card."""
    body = {"order_id": shopper.order["id"], "amount_paise": shopper.order["total_paise"],
            "method": "razorpay_card", "card": CARD}  # fmt: skip
    payment = shopper.call("process_payment", expect=201, body=body).body
    _need(payment["amount_paise"] == shopper.order["total_paise"], "another amount was charged")


def delivery_updates(shopper: Shopper) -> None:
    """The WebSocket tells that the order was placed and paid."""
    operation = shopper.contract.operation("delivery_updates")
    messages = shopper.connection.listen(
        operation.url_path({"order_id": shopper.order["id"]}),
        {"token": shopper.token, "resume_after": 0},
        wanted=3,
    )
    seen = [message.get("status") for message in messages[1:] if message]
    _need(seen == ["placed", "paid"], "events other than placed and paid")


def points_balance(shopper: Shopper) -> None:
    """The points are a number."""
    _need(shopper.call("points_balance", expect=200).body["tier"], "no tier")


def achievements(shopper: Shopper) -> None:
    """The achievements are listed."""
    _need(shopper.call("achievements", expect=200).body["achievements"], "no achievements")


def leaderboard(shopper: Shopper) -> None:
    """The leaderboard answers."""
    _need(shopper.call("leaderboard", expect=200).body is not None, "no leaderboard")


def sync_offline(shopper: Shopper) -> None:
    """A change made offline gets its result."""
    shopper.changes += 1
    change = {
        "client_id": f"load-{shopper.number}-{shopper.changes}", "kind": "cart.set",
        "base_version": 0, "at": datetime.now(UTC).isoformat(),
        "items": [{"product_id": shopper.products[0], "quantity": 1}],
    }  # fmt: skip
    body = {"device_id": "phone", "changes": [change]}
    results = shopper.call("sync_offline", expect=200, body=body).body["results"]
    _need(len(results) == 1, "another number of results than of changes")


STEPS: dict[str, Callable[[Shopper], None]] = {
    step.__name__: step
    for step in (
        list_products, facets, autocomplete, search, add_to_cart, show_cart, place_order,
        process_payment, delivery_updates, points_balance, achievements, leaderboard, sync_offline,
    )
}  # fmt: skip
