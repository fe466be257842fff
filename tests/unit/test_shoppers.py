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
        is_answering: whether the store responds to payments.
    """

    def __init__(self, *, is_answering: bool = True) -> None:
        self._is_answering = is_answering
        self._lock = threading.Lock()
        self._number = 0
        self.token = ""

    def close(self) -> None:
        """Do nothing."""

    def wait_as_part_of_a_crowd(self) -> None:
        """Do nothing."""

    def ask(self, operation_id: str, *, body: dict[str, Any]) -> SimpleNamespace:
        """Return or raise what a client returns or raises for this response."""
        with self._lock:
            self._number += 1
            number = self._number
        if operation_id == "place_order":
            return SimpleNamespace(body={"id": f"ord_{number}", "total_paise": TOTAL})
        if operation_id != "process_payment":
            return SimpleNamespace(body={"access_token": "a"})
        payment = {
            "id": f"pay_{number}",
            "status": "captured",
            "amount_paise": body["amount_paise"] - 100,
        }
        request = requests.Request("POST", "http://127.0.0.1/").prepare()
        exchange = Exchange(request, 201, payment, 0.1) if self._is_answering else None
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
    acknowledged = shopping(monkeypatch, WrongStore()).shop()
    assert acknowledged.orders
    assert acknowledged.payments
    assert all(payment.startswith("pay_") for payment in acknowledged.payments)


def test_a_payment_without_a_response_is_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="0 payments"):
        shopping(monkeypatch, WrongStore(is_answering=False)).shop()
