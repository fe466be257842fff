"""Defects of payments: amounts, cards, UPI, the webhook, saved methods."""

import asyncio
import hashlib
import hmac
import json
import logging

from testbed.store import gateway, payments
from testbed.store.context import Context, Reply, new_id, now
from testbed.store.database import Document
from testbed.store.errors import invalid

SLOW_PAYMENT_SECONDS = 2.2
OPEN_PAYMENT, METHOD_DOCUMENT = payments.open_payment, payments.method_document

LOG = logging.getLogger("kirana")


def any_amount(amount_paise: int, order: Document) -> bool:
    return amount_paise > 0 and bool(order)


def at_most_the_amount(amount_paise: int, order: Document) -> bool:
    return bool(amount_paise <= order["total_paise"])


async def open_another_payment(context: Context, order: Document, method: str) -> Document:
    payment_id = new_id("pay")
    payment = {
        "_id": payment_id,
        "order_id": order["_id"],
        "user_id": order["user_id"],
        "amount_paise": order["total_paise"],
        "method": method,
        "status": "pending",
        "open_order_id": payment_id,
        "traffic": context.traffic,
        "created_at": now(),
    }
    await context.db.payments.insert_one(payment)
    return payment


def any_number(number: str) -> bool:
    return number.isdigit()


def declines_everything(card: gateway.Card) -> str:
    return "declined" if card.number else "captured"


def captures_everything(card: gateway.Card) -> str:
    return "captured" if card.number else "declined"


async def order_stays_unpaid(context: Context, payment: Document) -> None:
    del context, payment


def any_vpa(vpa: str) -> bool:
    return bool(vpa) or vpa == ""


async def upi_at_once(context: Context, order: Document, vpa: str | None) -> Reply:
    if vpa is None or not gateway.vpa_is_valid(vpa):
        raise invalid("The UPI address is not valid.")
    payment = await payments.open_payment(context, order, "upi")
    await payments.settle(context, payment, "captured")
    return Reply(202, payments.public_payment({**payment, "status": "captured"}))


def any_signature(raw: bytes, signature: str, key: str) -> bool:
    return len(raw) > 0 and signature != key


def beginning_of_signature(raw: bytes, signature: str, key: str) -> bool:
    expected = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    return expected[:16] == signature[:16]


def signature_of_parsed_body(raw: bytes, signature: str, key: str) -> bool:
    parsed = json.dumps(json.loads(raw)).encode()
    expected = hmac.new(key.encode(), parsed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


async def always_first_delivery(context: Context, event_id: str) -> bool:
    del context
    return bool(event_id)


def fingerprinted_card_document(user_id: str, card: payments.CardDetails) -> Document:
    fingerprint = hashlib.sha256(card.number.encode()).hexdigest()
    return {**METHOD_DOCUMENT(user_id, card), "fingerprint": fingerprint}


def whole_card_document(user_id: str, card: payments.CardDetails) -> Document:
    return {
        "_id": new_id("pm"),
        "user_id": user_id,
        "brand": "visa",
        "last4": card.number[-4:],
        "expiry": card.expiry,
        "number": card.number,
    }


def logged_card_document(user_id: str, card: payments.CardDetails) -> Document:
    LOG.warning("saving card %s", card.number)
    return {
        "_id": new_id("pm"),
        "user_id": user_id,
        "brand": "visa",
        "last4": card.number[-4:],
        "expiry": card.expiry,
    }


def methods_of_everybody(user_id: str) -> Document:
    del user_id
    return {}


async def slowly_opened_payment(context: Context, order: Document, method: str) -> Document:
    await asyncio.sleep(SLOW_PAYMENT_SECONDS)
    return await OPEN_PAYMENT(context, order, method)


def gateway_down(card: gateway.Card) -> str:
    del card
    return "failed"
