"""A client of the store refuses an answer that was made for another person, or that did more."""

from collections.abc import Callable

import pytest
from worlds import ROOT

from gates.policy import target_file
from suites.client import Answer, StoreClient, UnexpectedAnswerError
from suites.client.observing import Call
from suites.contract import load

PAYMENT = {"id": "pay_1", "order_id": "ord_1", "amount_paise": 5, "method": "upi"}
BODY = {"order_id": "ord_1", "amount_paise": 5, "method": "upi", "vpa": "a@upi"}
NewClient = Callable[[object], StoreClient]


class Witness:
    """An observer that writes down what it sees, and has one problem with every answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int | None]] = []

    def begin(self, call: Call) -> None:
        self.calls.append((call.operation.name, None))

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        assert body == ({**PAYMENT, "status": "pending"} if status else None)
        self.calls.append((call.operation.name, status))
        return ["a cart of another user changed"]


@pytest.fixture
def client_that_gets(monkeypatch: pytest.MonkeyPatch) -> NewClient:
    """Returns a function that makes a client whose every request has one answer, or an error."""

    def make(answer: object) -> StoreClient:
        client = StoreClient(target_file.load("green", ROOT / "targets"), load(), "run", "")

        def send(*_: object) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return Answer(202, answer, {}, 0.1)

        monkeypatch.setattr(client, "_send", send)
        return client

    return make


def test_the_right_answer_is_accepted(client_that_gets: NewClient) -> None:
    client = client_that_gets({**PAYMENT, "status": "pending"})
    assert client.call("process_payment", expect=202, body=BODY).body["id"] == "pay_1"
    assert client.ask("process_payment", body=BODY).status == 202


def test_the_answer_for_another_order_is_refused(client_that_gets: NewClient) -> None:
    client = client_that_gets({**PAYMENT, "order_id": "ord_2", "status": "pending"})
    message = r"\['ord_2'\] where \['ord_1'\] was sent"
    with pytest.raises(UnexpectedAnswerError, match=message):
        client.call("process_payment", expect=202, body=BODY)
    with pytest.raises(UnexpectedAnswerError, match=message):
        client.ask("process_payment", body=BODY)


def test_what_the_observer_has_against_a_call_is_an_error(client_that_gets: NewClient) -> None:
    client, witness = client_that_gets({**PAYMENT, "status": "pending"}), Witness()
    client.observer = witness
    with pytest.raises(UnexpectedAnswerError, match="a cart of another user changed"):
        client.call("process_payment", expect=202, body=BODY)
    assert witness.calls == [("process_payment", None), ("process_payment", 202)]


def test_the_observer_hears_of_a_call_without_an_answer(client_that_gets: NewClient) -> None:
    client, witness = client_that_gets(UnexpectedAnswerError("no answer")), Witness()
    client.observer = witness
    with pytest.raises(UnexpectedAnswerError, match="no answer"):
        client.call("process_payment", expect=202, body=BODY)
    assert witness.calls == [("process_payment", None), ("process_payment", None)]
