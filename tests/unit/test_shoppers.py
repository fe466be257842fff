"""Users of a run shop, and what the store acknowledged counts also where a response is wrong."""

import itertools
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from suites.client import UnexpectedAnswerError
from suites.client.exchanges import Exchange
from suites.database import shoppers
from suites.testdata.ownership import OwnProduct, OwnUser

TOTAL = 99_800


class WrongStore:
    """Acts as the client of a store whose responses to payments name a rupee less than was sent.

    Args:
        status: the status of each response to a payment; None if the store does not respond.
    """

    def __init__(self, status: int | None) -> None:
        self._status = status
        self._lock = threading.Lock()
        self._number = 0
        self.token = ""

    def close(self) -> None:
        """Do nothing."""

    def wait_longer(self) -> None:
        """Do nothing."""

    def ask(self, operation_id: str, *, body: dict[str, Any]) -> SimpleNamespace:
        """Return or raise what a client returns or raises for this response."""
        with self._lock:
            self._number += 1
            number = self._number
        if operation_id == "place_order":
            order = {"id": f"ord_{number}", "total_paise": TOTAL}
            return SimpleNamespace(status=201, body=order)
        if operation_id != "process_payment":
            return SimpleNamespace(status=200, body={"access_token": "a"})
        payment = {
            "id": f"pay_{number}",
            "status": "captured",
            "amount_paise": body["amount_paise"] - 100,
        }
        request = requests.Request("POST", "http://127.0.0.1/").prepare()
        received = payment if self._status else None
        exchange = Exchange(request, self._status, received, 0.1)
        raise UnexpectedAnswerError("amount_paise is not what was sent", exchange=exchange)


def shopping(monkeypatch: pytest.MonkeyPatch, store: WrongStore) -> shoppers.Shopping:
    """Users who shop at a store, and do not wait afterwards."""
    monkeypatch.setattr(shoppers, "_wait_until_settled", lambda: None)
    numbers = itertools.count()

    def product(*, price_paise: int, stock: int) -> OwnProduct:
        return OwnProduct(f"prd_{next(numbers)}", "rice", price_paise, stock)

    def user() -> OwnUser:
        return OwnUser(f"usr_{next(numbers)}", "Asha", "+910000000001", "asha@example.com", "")

    ownership: Any = SimpleNamespace(product=product, user=user)
    target: Any = SimpleNamespace(capabilities=frozenset())
    client: Any = store
    return shoppers.Shopping(target, lambda: client, ownership)


def test_a_payment_with_another_amount_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledged = shopping(monkeypatch, WrongStore(201)).shop()
    assert acknowledged.orders
    assert acknowledged.payments
    assert all(payment.startswith("pay_") for payment in acknowledged.payments)


@pytest.mark.parametrize("status", [500, None])
def test_a_payment_that_fails_or_gets_no_response_is_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    with pytest.raises(AssertionError, match="0 payments"):
        shopping(monkeypatch, WrongStore(status)).shop()
