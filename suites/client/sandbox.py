"""Pays with the sandbox credentials that the payment gateway publishes, so no money is moved."""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from suites.client import Answer, StoreClient

CARD = {"number": "4111111111111111", "expiry": "12/30", "cvv": "123"}
DECLINED_CARD = {**CARD, "number": "4000000000000002"}
VPA = "shopper@upi"
# The statuses of an order from its placing to its delivery, in order of time.
STAGES = ("placed", "paid", "packed", "out_for_delivery", "delivered")
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b")


def pay_by_card(shopper: StoreClient, order_id: str, amount_paise: int) -> Answer:
    """Pay an order with the sandbox card, expect status 201, and return the response.

    Args:
        shopper: a client that is logged in as the owner of the order.
        order_id: the id of the order.
        amount_paise: the amount of the payment, in paise.
    """
    return shopper.call(
        "process_payment",
        expect=201,
        body={
            "order_id": order_id,
            "amount_paise": amount_paise,
            "method": "razorpay_card",
            "card": CARD,
        },
    )


def start_upi(shopper: StoreClient, order: dict[str, Any], vpa: str) -> Answer:
    """Request a UPI payment of an order, and accept any documented status.

    Args:
        shopper: a client that is logged in as the owner of the order.
        order: the order, as the store returned it.
        vpa: the virtual payment address of the payer.
    """
    return shopper.ask(
        "process_payment",
        body={
            "order_id": order["id"],
            "amount_paise": order["total_paise"],
            "method": "upi",
            "vpa": vpa,
        },
    )


def webhook_signature(key: str, raw: bytes) -> str:
    """Sign the body of a webhook event as the payment gateway does.

    Args:
        key: the key of the webhook.
        raw: the bytes of the body.

    Returns:
        The HMAC-SHA256 of the body, as hexadecimal digits.
    """
    return hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()


def new_card_number(last_four: str = "") -> str:
    """Make a new random card number with a valid check digit (ISO/IEC 7812-1).

    Args:
        last_four: the last four digits that the number must have; empty for random digits.
    """
    if not last_four:
        digits = "4" + "".join(str(secrets.randbelow(10)) for _ in range(14))
        return digits + str(-(_digit_sum(digits + "0")) % 10)
    digits = "4" + "".join(str(secrets.randbelow(10)) for _ in range(10))
    numbers = (digits + str(digit) + last_four for digit in range(10))
    return next(number for number in numbers if _digit_sum(number) % 10 == 0)


def _digit_sum(number: str) -> int:
    """Add the digits of a number; every second digit from the right is doubled first."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return doubled + sum(int(digit) for digit in number[-1::-2])


def recoverable_forms(number: str) -> list[str]:
    """Return the texts from which anybody can compute a card number.

    The store also keeps the brand and the last four digits. Somebody who has the database can try
    all numbers that remain possible. So a digest without a key reveals the number (PCI DSS 4.0,
    requirement 3.5.1.1).

    Args:
        number: the card number.

    Returns:
        The number, its reverse, its encodings, and its digests in hexadecimal and in Base64.
    """
    raw = number.encode()
    encoded = [raw, *(hashlib.new(name, raw).digest() for name in DIGESTS)]
    return [
        number,
        number[::-1],
        *(each.hex() for each in encoded),
        *(base64.b64encode(each).decode() for each in encoded),
    ]
