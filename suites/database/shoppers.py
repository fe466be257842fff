"""Lets users of a run shop at the same moment, so that the store handles concurrent writes."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from gates.model import Target
from suites.client import StoreClient, UnexpectedAnswerError
from suites.client.sandbox import CARD, DECLINED_CARD
from suites.client.waiting import wait_until
from suites.database.view import GRACE
from suites.testdata.ownership import Ownership, OwnProduct, OwnUser

SHOPPERS, AT_ONCE = 4, 3
PRICE_PAISE, BIG_PRICE_PAISE = 49_900, 260_000
# The testbed delivers an order within this time.
DELIVERY_SECONDS = 1.5


@dataclass(slots=True)
class AcknowledgedPurchases:
    """The orders and payments that the store acknowledged in its responses.

    Args:
        orders: the ids of the orders that were placed.
        payments: the ids of the payments that were captured.
    """

    orders: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Goods:
    rice: OwnProduct
    oil: OwnProduct
    rare: OwnProduct


class Shopping:
    """Lets several users of a run shop at the same moment.

    Other suites judge the responses. So a purchase counts also where the body of a successful
    response differs from the contract.

    Args:
        target: the target.
        new_client: a function that makes a client, which may have a source address of its own.
        ownership: the maker of the users and of their products.
    """

    def __init__(
        self, target: Target, new_client: Callable[[], StoreClient], ownership: Ownership
    ) -> None:
        self._target = target
        self._new_client = new_client
        self._ownership = ownership
        self.acknowledged = AcknowledgedPurchases()

    def shop(self) -> AcknowledgedPurchases:
        """Let the users shop, and wait until the newest documents are old enough to be judged.

        Returns:
            The orders and payments that the store acknowledged.

        Raises:
            AssertionError: no order was placed, or no payment was captured.
        """
        goods = _Goods(
            rice=self._ownership.product(price_paise=PRICE_PAISE, stock=1000),
            oil=self._ownership.product(price_paise=BIG_PRICE_PAISE, stock=1000),
            rare=self._ownership.product(price_paise=PRICE_PAISE, stock=2),
        )
        users = [self._ownership.user() for _ in range(SHOPPERS)]
        with ThreadPoolExecutor(SHOPPERS) as pool:
            list(pool.map(lambda user: self._shop(user, goods), users))
        _wait_until_settled()
        if not self.acknowledged.orders or not self.acknowledged.payments:
            raise AssertionError(
                "expected at least one order and one captured payment of the run's users, got "
                f"{len(self.acknowledged.orders)} orders and {len(self.acknowledged.payments)} "
                "payments; run the smoke suite to find the cause"
            )
        return self.acknowledged

    def _shop(self, user: OwnUser, goods: _Goods) -> None:
        credentials = {"identifier": user.phone, "password": user.password}
        clients = [self._new_client() for _ in range(AT_ONCE)]
        token = _body(clients[0], "login", body=credentials).get("access_token", "")
        for client in clients:
            client.token = token
            client.wait_longer()
        client = clients[0]
        _body(client, "add_to_cart", body={"product_id": goods.rice.product_id, "quantity": 2})
        orders = [
            *self._place(clients[:1], user, 1, {}),
            *self._place(clients, user, 2, {goods.rice: 1, goods.oil: 1}),
            *self._place(clients[:1], user, 3, {goods.rare: 2}),
            *self._place(clients[:1], user, 4, {goods.rice: 3, goods.rare: 5}),
        ]
        self._pay(client, orders[:1], DECLINED_CARD)
        for order in orders:
            self._pay_at_once(clients, order)
        self._use_points(clients, orders)

    def _place(
        self,
        clients: Sequence[StoreClient],
        user: OwnUser,
        number: int,
        quantities: dict[OwnProduct, int],
    ) -> list[dict[str, Any]]:
        """Place the same order with each client at the same moment.

        Args:
            clients: the clients of the user.
            user: the user.
            number: the number of the order among the orders of this user.
            quantities: the number of pieces of each product; empty for the products of the cart.

        Returns:
            Each order that the store placed, only once.
        """
        body: dict[str, Any] = {"client_order_id": f"{user.user_id[-10:]}-{number}"}
        if quantities:
            body["items"] = [
                {"product_id": product.product_id, "quantity": quantity}
                for product, quantity in quantities.items()
            ]
        answers = self._at_once(clients, lambda client: _body(client, "place_order", body=body))
        orders = {answer["id"]: answer for answer in answers if _is_order(answer)}
        self.acknowledged.orders |= set(orders)
        return list(orders.values())

    def _pay(
        self, client: StoreClient, orders: Sequence[dict[str, Any]], card: dict[str, str]
    ) -> None:
        for order in orders:
            body = {
                "order_id": order["id"],
                "amount_paise": order["total_paise"],
                "method": "razorpay_card",
                "card": card,
            }
            payment = _body(client, "process_payment", body=body)
            if payment.get("status") == "captured" and isinstance(payment.get("id"), str):
                self.acknowledged.payments.add(payment["id"])

    def _pay_at_once(self, clients: Sequence[StoreClient], order: dict[str, Any]) -> None:
        self._at_once(clients, lambda client: self._pay(client, [order], CARD))

    def _use_points(self, clients: Sequence[StoreClient], orders: Sequence[dict[str, Any]]) -> None:
        if "gamification" not in self._target.capabilities:
            return
        claims = list(zip(clients, orders, strict=False))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(
                pool.map(
                    lambda claim: _body(claim[0], "earn_points", body={"order_id": claim[1]["id"]}),
                    claims,
                )
            )
        self._at_once(clients, lambda client: _body(client, "redeem_points", body={"points": 7}))
        _body(clients[0], "redeem_points", body={"points": 900_000})

    @staticmethod
    def _at_once(clients: Sequence[StoreClient], action: Callable[[StoreClient], Any]) -> list[Any]:
        with ThreadPoolExecutor(len(clients)) as pool:
            return list(pool.map(action, clients))


def _body(client: StoreClient, operation_id: str, *, body: object) -> dict[str, Any]:
    """Send a request, and return the JSON object of the response; empty after an error."""
    try:
        answer = client.ask(operation_id, body=body)
        status, received = answer.status, answer.body
    except UnexpectedAnswerError as error:
        if error.exchange is None or error.exchange.status is None:
            return {}
        status, received = error.exchange.status, error.exchange.body
    is_success = status < HTTPStatus.BAD_REQUEST and isinstance(received, dict)
    return received if is_success else {}


def _is_order(body: dict[str, Any]) -> bool:
    return isinstance(body.get("id"), str) and isinstance(body.get("total_paise"), int)


def _wait_until_settled() -> None:
    ended = time.monotonic()
    seconds = max(DELIVERY_SECONDS, GRACE.total_seconds()) + 0.2
    wait_until(
        "the newest documents are old enough to be judged",
        lambda: time.monotonic() - ended,
        lambda passed: passed > seconds,
        seconds=2 * seconds,
    )
