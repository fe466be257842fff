"""The published sandbox credentials of the payment gateway; a payment with them moves no money."""

from typing import Any

from suites.client import Answer, StoreClient

CARD = {"number": "4111111111111111", "expiry": "12/30", "cvv": "123"}
DECLINED_CARD = {**CARD, "number": "4000000000000002"}
VPA = "shopper@upi"


def pay_by_card(shopper: StoreClient, order_id: str, amount_paise: int) -> Answer:
    """Pay an order with the sandbox card and expect status 201."""
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
    """Ask for a UPI payment of an order and accept any documented status."""
    return shopper.ask(
        "process_payment",
        body={
            "order_id": order["id"],
            "amount_paise": order["total_paise"],
            "method": "upi",
            "vpa": vpa,
        },
    )
