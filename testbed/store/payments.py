"""Payments: cards through the gateway, UPI confirmed by its signed webhook, saved methods."""

import hashlib
import hmac
from typing import Annotated, Literal

import msgspec
from pymongo.errors import DuplicateKeyError

from testbed.store import audit, courier, events, gateway, loyalty, metrics, orders
from testbed.store.context import Context, Reply, new_id, now, only
from testbed.store.database import Database, Document
from testbed.store.errors import Refused, conflict, invalid, not_found

CardNumber = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{13,19}$")]
Expiry = Annotated[str, msgspec.Meta(pattern=r"^(0[1-9]|1[0-2])/[0-9]{2}$")]
Cvv = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{3,4}$")]


class CardDetails(msgspec.Struct, forbid_unknown_fields=True):
    number: CardNumber
    expiry: Expiry
    cvv: Cvv


class Process(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    amount_paise: Annotated[int, msgspec.Meta(ge=1)]
    method: Literal["razorpay_card", "upi"]
    card: CardDetails | None = None
    method_token: str | None = None
    vpa: str | None = None


class WebhookBody(msgspec.Struct, forbid_unknown_fields=True):
    event: Literal["payment.captured", "payment.failed"]
    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    payment_id: str
    amount_paise: int


class SaveMethod(msgspec.Struct, forbid_unknown_fields=True):
    card: CardDetails


async def process(context: Context, body: Process) -> Reply:
    """``POST /api/payments/process``: 201 captured, 202 pending (UPI), 402 declined."""
    order = await orders.own_order(context, body.order_id)
    if not amount_matches(body.amount_paise, order):
        raise conflict("amount_mismatch", "The amount is not the order's total.")
    if body.method == "upi":
        return await start_upi(context, order, body.vpa)
    card = await chosen_card(context, body)
    payment = await open_payment(context, order, "razorpay_card")
    outcome = gateway.charge(card)
    await settle(context, payment, outcome)
    if outcome == "declined":
        raise Refused(402, "payment_declined", "The card was declined.")
    return Reply(201, public_payment({**payment, "status": outcome}))


def amount_matches(amount_paise: int, order: Document) -> bool:
    return bool(amount_paise == order["total_paise"])


async def chosen_card(context: Context, body: Process) -> gateway.Card:
    """The card of the request, or the card of a saved method's token."""
    if (body.card is None) == (body.method_token is None) or body.vpa is not None:
        raise invalid("Give a card or a method_token.")
    if body.method_token is not None:
        saved = await context.db.payment_methods.find_one(
            {"_id": body.method_token, "user_id": context.user["_id"]}
        )
        if saved is None:
            raise not_found("payment method")
        return gateway.Card("0000000000000000", "01/99", "000")
    if body.card is None or not gateway.luhn(body.card.number):
        raise invalid("The card number is not valid.")
    return gateway.Card(body.card.number, body.card.expiry, body.card.cvv)


async def start_upi(context: Context, order: Document, vpa: str | None) -> Reply:
    if vpa is None or not gateway.vpa_is_valid(vpa):
        raise invalid("The UPI address is not valid.")
    payment = await open_payment(context, order, "upi")
    metrics.count_payment(context.settings.deployment, "pending", context.traffic)
    return Reply(202, public_payment(payment))


async def open_payment(context: Context, order: Document, method: str) -> Document:
    """A pending payment; by a unique index, an order has one that is not declined or failed."""
    payment = payment_document(context, order, method)
    try:
        await store_payment(context.db, payment)
    except DuplicateKeyError:
        raise conflict("already_paid", "The order is paid, or a payment is pending.") from None
    return payment


def payment_document(context: Context, order: Document, method: str) -> Document:
    """The fields of a new payment."""
    return {
        "_id": new_id("pay"),
        "order_id": order["_id"],
        "user_id": order["user_id"],
        "amount_paise": order["total_paise"],
        "method": method,
        "status": "pending",
        "open_order_id": order["_id"],
        "traffic": context.traffic,
        "created_at": now(),
    }


async def store_payment(db: Database, payment: Document) -> None:
    await db.payments.insert_one(payment)


async def settle(context: Context, payment: Document, outcome: str) -> None:
    """Write a payment's outcome, and what follows from it."""
    change: Document = {"status": outcome}
    if outcome != "captured":
        change["open_order_id"] = payment["_id"]
    await store_outcome(context.db, payment, change)
    metrics.count_payment(context.settings.deployment, outcome, payment["traffic"])
    if outcome == "captured":
        await order_paid(context, payment)


async def store_outcome(db: Database, payment: Document, change: Document) -> None:
    await db.payments.update_one({"_id": payment["_id"]}, {"$set": change})


async def order_paid(context: Context, payment: Document) -> None:
    order = await context.db.orders.find_one({"_id": payment["order_id"]})
    if order is None:
        return
    metrics.count_order(context.settings.deployment, "paid", payment["traffic"])
    await events.emit(context.db, order, "paid")
    if "gamification" in context.settings.release.features:
        await loyalty.unlock_for_order(context.db, order)
    if "realtime" in context.settings.release.features:
        courier.send(context.db, order)


async def show(context: Context) -> Reply:
    """``GET /api/payments/{payment_id}``: one's own."""
    only(context.query)
    payment = await context.db.payments.find_one(
        {"_id": context.path["payment_id"], "user_id": context.user["_id"]}
    )
    if payment is None:
        raise not_found("payment")
    return Reply(200, public_payment(payment))


def public_payment(payment: Document) -> dict[str, object]:
    return {
        "id": payment["_id"],
        "order_id": payment["order_id"],
        "amount_paise": payment["amount_paise"],
        "method": payment["method"],
        "status": payment["status"],
    }


def signature_is_valid(raw: bytes, signature: str, key: str) -> bool:
    """Whether the signature is the hex HMAC-SHA256 of the raw body."""
    expected = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


async def webhook(context: Context) -> Reply:
    """``POST /api/webhooks/payment``: signed by the gateway; a replay changes nothing."""
    signature = context.headers.get("x-razorpay-signature", "")
    if not signature_is_valid(context.raw, signature, context.settings.webhook_key):
        raise Refused(401, "bad_signature", "The signature does not match the body.")
    try:
        body = msgspec.json.decode(context.raw, type=WebhookBody)
    except msgspec.MsgspecError as error:
        raise invalid(str(error)) from error
    payment = await context.db.payments.find_one({"_id": body.payment_id})
    if payment is None:
        raise not_found("payment")
    if payment["amount_paise"] != body.amount_paise:
        raise conflict("amount_mismatch", "The amount is not the payment's.")
    if not await first_delivery(context, body.event_id):
        return Reply(200, {"status": "duplicate"})
    outcome = body.event.removeprefix("payment.")
    if not await claim(context.db, payment, outcome):
        return Reply(200, {"status": "ignored"})
    await settle(context, payment, outcome)
    return Reply(200, {"status": "processed"})


async def claim(db: Database, payment: Document, outcome: str) -> bool:
    """Give a pending payment its outcome; False when another event was first."""
    pending = {"_id": payment["_id"], "status": "pending"}
    result = await db.payments.update_one(pending, {"$set": {"status": outcome}})
    return result.modified_count == 1


async def first_delivery(context: Context, event_id: str) -> bool:
    """Remember the event's id; False when it was delivered before."""
    try:
        await context.db.webhook_events.insert_one({"_id": event_id, "at": now()})
    except DuplicateKeyError:
        return False
    return True


async def save_method(context: Context, body: SaveMethod) -> Reply:
    """``POST /api/payments/methods/save``: keeps a token and four digits, never the card."""
    if not gateway.luhn(body.card.number):
        raise invalid("The card number is not valid.")
    method = method_document(context.user["_id"], body.card)
    await context.db.payment_methods.insert_one(method)
    await audit.record(context, "payment_method.saved", context.user["_id"], token=method["_id"])
    return Reply(201, public_method(method))


def method_document(user_id: str, card: CardDetails) -> Document:
    """The fields of a card that are stored."""
    return {
        "_id": new_id("pm"),
        "user_id": user_id,
        "brand": "visa" if card.number.startswith("4") else "other",
        "last4": card.number[-4:],
        "expiry": card.expiry,
        "saved_at": now(),
    }


async def list_methods(context: Context) -> Reply:
    """``GET /api/payments/methods``: one's own."""
    only(context.query)
    cursor = context.db.payment_methods.find(methods_of(context.user["_id"])).sort("_id", 1)
    return Reply(200, {"methods": [public_method(method) async for method in cursor]})


def methods_of(user_id: str) -> Document:
    return {"user_id": user_id}


def public_method(method: Document) -> dict[str, object]:
    return {
        "token": method["_id"],
        "brand": method["brand"],
        "last4": method["last4"],
        "expiry": method["expiry"],
    }
