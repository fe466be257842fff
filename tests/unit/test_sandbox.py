"""The sandbox of the payment gateway: the texts from which anybody can compute a card number."""

import hashlib

from suites.client.sandbox import CARD, new_card_number, recoverable_forms


def test_a_number_is_recognised_in_each_form() -> None:
    number = CARD["number"]
    digest = hashlib.sha256(number.encode()).hexdigest()
    forms = recoverable_forms(number)
    for text in (number, number[::-1], "NDExMTExMTExMTExMTExMQ==", digest, number.encode().hex()):
        assert text in forms
    assert len(set(forms)) == len(forms)


def test_another_number_has_other_forms() -> None:
    first, other = new_card_number("4242"), new_card_number("4242")
    assert first != other
    assert not set(recoverable_forms(first)) & set(recoverable_forms(other))
