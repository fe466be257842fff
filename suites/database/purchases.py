"""Has the invariants of orders, payments and order events."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from bson import Int64

from suites.database.view import MAX_CLOCK_DIFFERENCE, Document, View, Violation, violation

# The statuses of an order from its payment on.
PAID = frozenset({"paid", "packed", "out_for_delivery", "delivered"})
NUMBERS = ("quantity", "price_paise", "line_total_paise")
WHOLE = (int, Int64)
OPEN = frozenset({"pending", "captured"})


def items_of(order: Document) -> list[Document]:
    """Return the items of an order; malformed items, which are not documents, are left out."""
    items = order.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def order_items(view: View) -> Iterator[Violation]:
    """Every order has at least one item, and each item has a valid quantity, price and total.

    All three are whole numbers; the quantity is at least 1, and the price is not negative.
    """

    def problem(order: Document) -> str:
        if not order["items"]:
            return "the order has no items"
        wrong = [
            item["product_id"]
            for item in order["items"]
            if item["quantity"] < 1 or item["price_paise"] < 0
        ]
        if wrong:
            return f"the quantity of {wrong[0]} is less than 1, or its price is negative"
        broken = [
            item["product_id"]
            for item in order["items"]
            if any(type(item[name]) not in WHOLE for name in NUMBERS)
        ]
        return f"a number of the item {broken[0]} is not a whole number" if broken else ""

    return view.judge("orders", problem)


def order_lines(view: View) -> Iterator[Violation]:
    """The total of each item is its price times its quantity."""

    def problem(order: Document) -> str:
        wrong = [
            f"{item['product_id']}: line_total_paise is {item['line_total_paise']}, but the item "
            f"is {item['quantity']} pieces at {item['price_paise']} paise each"
            for item in order["items"]
            if item["line_total_paise"] != item["price_paise"] * item["quantity"]
        ]
        return wrong[0] if wrong else ""

    return view.judge("orders", problem)


def order_totals(view: View) -> Iterator[Violation]:
    """The total of an order is the sum of its items' totals."""

    def problem(order: Document) -> str:
        expected = sum(item["line_total_paise"] for item in order["items"])
        return (
            f"total_paise is {order['total_paise']}, but the sum of the items is {expected}"
            if order["total_paise"] != expected
            else ""
        )

    return view.judge("orders", problem)


def order_users(view: View) -> Iterator[Violation]:
    """Every order belongs to an existing user."""
    users = view.by_id("users", [str(order.get("user_id")) for order in view.newest("orders")])
    return view.judge(
        "orders",
        lambda order: (
            "" if order["user_id"] in users else f"user {order['user_id']} does not exist"
        ),
    )


def order_products(view: View) -> Iterator[Violation]:
    """Every item of an order names an existing product."""
    items = [item for order in view.newest("orders") for item in items_of(order)]
    products = view.by_id("products", [str(item.get("product_id")) for item in items])

    def problem(order: Document) -> str:
        missing = [
            item["product_id"] for item in order["items"] if item["product_id"] not in products
        ]
        return f"product {missing[0]} does not exist" if missing else ""

    return view.judge("orders", problem)


def order_once(view: View) -> Iterator[Violation]:
    """No two orders of a user have the same client order id."""
    first: dict[tuple[str, str], str] = {}
    for order in view.newest("orders"):
        key = (str(order.get("user_id")), str(order.get("client_order_id")))
        other = first.setdefault(key, order["_id"])
        if other != order["_id"]:
            text = f"the order {other} has the same client_order_id {key[1]}"
            yield violation("orders", order, text)


def order_payments(view: View) -> Iterator[Violation]:
    """Every order that counts as paid has a captured payment."""
    ids = [order["_id"] for order in view.newest("orders")]
    payments = view.grouped("payments", "order_id", ids)

    def problem(order: Document) -> str:
        if order["status"] not in PAID:
            return ""
        statuses = sorted(str(payment["status"]) for payment in payments.get(order["_id"], []))
        return (
            ""
            if "captured" in statuses
            else f"the order is {order['status']}, but has no captured payment; "
            f"the states of its payments: {', '.join(statuses) or 'none'}"
        )

    return view.judge("orders", problem, settled=True)


def payment_orders(view: View) -> Iterator[Violation]:
    """Every payment belongs to an earlier order of the same user."""
    orders = _orders_of_payments(view)

    def problem(payment: Document) -> str:
        order = orders.get(payment["order_id"])
        if order is None:
            return f"order {payment['order_id']} does not exist"
        if payment["user_id"] != order["user_id"]:
            users = f"{payment['user_id']}, but its order is of {order['user_id']}"
            return f"the payment is of user {users}"
        early = order["created_at"] - payment["created_at"]
        return (
            f"the payment was made {early.total_seconds():.0f} s before order {order['_id']}"
            if early > MAX_CLOCK_DIFFERENCE
            else ""
        )

    return view.judge("payments", problem, settled=True)


def payment_amounts(view: View) -> Iterator[Violation]:
    """The amount of a payment is the total of its order."""
    orders = _orders_of_payments(view)

    def problem(payment: Document) -> str:
        order = orders.get(payment["order_id"])
        return (
            f"amount_paise is {payment['amount_paise']}, but the total of order {order['_id']} is "
            f"{order['total_paise']}"
            if order is not None and payment["amount_paise"] != order["total_paise"]
            else ""
        )

    return view.judge("payments", problem, settled=True)


def payment_once(view: View) -> Iterator[Violation]:
    """An order has at most one payment that is pending or captured."""
    payments: dict[str, list[str]] = defaultdict(list)
    for payment in view.newest("payments"):
        if str(payment.get("status")) in OPEN:
            payments[str(payment.get("order_id"))].append(payment["_id"])

    def problem(payment: Document) -> str:
        others = [other for other in payments[payment["order_id"]] if other != payment["_id"]]
        is_open = payment["status"] in OPEN
        return (
            f"order {payment['order_id']} also has the payment {others[0]}, pending or captured"
            if is_open and others
            else ""
        )

    return view.judge("payments", problem)


def payment_effects(view: View) -> Iterator[Violation]:
    """The order of a captured payment counts as paid."""
    orders = _orders_of_payments(view)

    def problem(payment: Document) -> str:
        order = orders.get(payment["order_id"])
        if payment["status"] != "captured" or order is None or order["status"] in PAID:
            return ""
        return f"the payment is captured, but order {order['_id']} is {order['status']}"

    return view.judge("payments", problem, settled=True)


def _orders_of_payments(view: View) -> "dict[str, Document]":
    payments = view.newest("payments")
    return dict(view.by_id("orders", [str(payment.get("order_id")) for payment in payments]))


def event_orders(view: View) -> Iterator[Violation]:
    """Every order event belongs to an existing order of the same user."""
    events = view.newest("order_events")
    orders = view.by_id("orders", [str(event.get("order_id")) for event in events])

    def problem(event: Document) -> str:
        order = orders.get(event["order_id"])
        if order is None:
            return f"order {event['order_id']} does not exist"
        return (
            f"the event belongs to user {event['user_id']}, but the order to {order['user_id']}"
            if event["user_id"] != order["user_id"]
            else ""
        )

    return view.judge("order_events", problem, settled=True)


def event_numbers(view: View) -> Iterator[Violation]:
    """The events of an order are numbered from 1 to the order's event_seq, in the order of time."""
    events = _events_by_order(view)

    def problem(order: Document) -> str:
        if not view.covers("order_events", order["created_at"]):
            return ""
        own = sorted(events.get(order["_id"], []), key=lambda event: int(event["seq"]))
        numbers = [event["seq"] for event in own]
        if numbers != list(range(1, order["event_seq"] + 1)):
            return f"event_seq is {order['event_seq']}, but the events have the numbers {numbers}"
        early = [
            later["seq"]
            for earlier, later in pairwise([{"at": order["created_at"]}, *own])
            if earlier["at"] - later["at"] > MAX_CLOCK_DIFFERENCE
        ]
        return f"event {early[0]} is older than the order or the previous event" if early else ""

    return view.judge("orders", problem, settled=True)


def event_status(view: View) -> Iterator[Violation]:
    """The status of an order is the status of its newest event."""
    events = _events_by_order(view)

    def problem(order: Document) -> str:
        own = events.get(order["_id"], [])
        if not own or not view.covers("order_events", order["created_at"]):
            return ""
        newest = max(own, key=lambda event: event["seq"])
        return (
            f"the order is {order['status']}, but its newest event has the status "
            f"{newest['status']}"
            if order["status"] != newest["status"]
            else ""
        )

    return view.judge("orders", problem, settled=True)


def _events_by_order(view: View) -> "dict[str, list[Document]]":
    groups: dict[str, list[Document]] = defaultdict(list)
    for event in view.newest("order_events"):
        groups[str(event.get("order_id"))].append(event)
    return groups
