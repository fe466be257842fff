"""The payment gateway's sandbox: the result for each test card and UPI address."""

import re
from dataclasses import dataclass

DECLINED_CARDS = frozenset({"4000000000000002"})
VPA = re.compile(r"[a-z0-9][a-z0-9.\-_]{1,48}@[a-z]{2,24}\Z")


@dataclass(frozen=True, slots=True)
class Card:
    """A card as a shopper types it; it is never stored."""

    number: str
    expiry: str
    cvv: str


def luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def charge(card: Card) -> str:
    """``captured`` or ``declined``."""
    return "declined" if card.number in DECLINED_CARDS else "captured"


def vpa_is_valid(vpa: str) -> bool:
    return VPA.match(vpa) is not None
