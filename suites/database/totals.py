"""Has the invariants of stock, points and achievements: each total is the sum of its entries."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from suites.database.purchases import PAID, items_of
from suites.database.view import GRACE, MALFORMED, Document, View, Violation, violation

PAISE_PER_POINT = 1000
BIG_BASKET_PAISE = 200_000
REGULAR_ORDERS = 5


def points_orders(view: View) -> Iterator[Violation]:
    """Every entry of earned points belongs to an existing, paid order of the same user."""
    orders = _orders_of_entries(view)

    def problem(entry: Document) -> str:
        if entry["points"] < 0:
            return ""
        order = orders.get(str(entry["order_id"]))
        if order is None:
            return f"order {entry['order_id']} does not exist"
        if entry["user_id"] != order["user_id"]:
            users = f"{entry['user_id']}, but their order belongs to {order['user_id']}"
            return f"the points belong to user {users}"
        return "" if order["status"] in PAID else f"order {order['_id']} is {order['status']}"

    return view.judge("loyalty_points", problem, settled=True)


def points_amounts(view: View) -> Iterator[Violation]:
    """An order earns a point for every full ten rupees of its total."""
    orders = _orders_of_entries(view)

    def problem(entry: Document) -> str:
        order = orders.get(str(entry["order_id"]))
        if order is None or entry["points"] < 0:
            return ""
        expected = order["total_paise"] // PAISE_PER_POINT
        return (
            f"points is {entry['points']}, but an order of {order['total_paise']} paise "
            f"earns {expected}"
            if entry["points"] != expected
            else ""
        )

    return view.judge("loyalty_points", problem, settled=True)


def _orders_of_entries(view: View) -> "dict[str, Document]":
    entries = view.newest("loyalty_points")
    ids = [str(entry["order_id"]) for entry in entries if entry.get("order_id")]
    return dict(view.by_id("orders", ids))


def points_balances(view: View) -> Iterator[Violation]:
    """The balance of a user is the sum of the user's entries in the points ledger."""
    return _compare_sums(view, "balance", lambda points: points)


def points_lifetime(view: View) -> Iterator[Violation]:
    """The points on the leaderboard are the sum of the points that the user ever earned."""
    return _compare_sums(view, "points", lambda points: max(points, 0))


def _compare_sums(view: View, field: str, counted: Callable[[int], int]) -> Iterator[Violation]:
    """Compare a field of each account with the sum of the user's entries in the points ledger.

    Args:
        view: the documents of the database.
        field: the field of the account.
        counted: a function that returns the points to add to the sum for the points of an entry.
    """
    accounts = view.newest("leaderboards")
    users = [account["_id"] for account in accounts]
    newest_users = [str(entry.get("user_id")) for entry in view.newest("loyalty_points")]
    entries = view.grouped("loyalty_points", "user_id", [*users, *newest_users])
    known = view.by_id("leaderboards", newest_users)
    for user in {*users, *newest_users}:
        own = entries.get(user, [])
        account = known.get(user, {"_id": user, field: 0})
        try:
            if any(entry["at"] >= view.started - GRACE for entry in own):
                continue
            total = sum(counted(entry["points"]) for entry in own)
            difference = int(account[field] - total)
        except MALFORMED as error:
            text = f"a field is missing or has a wrong type ({type(error).__name__}: {error})"
            yield violation("leaderboards", account, text)
            continue
        if difference:
            text = f"{field} is {account[field]}, but the sum of the user's entries is {total}"
            yield violation("leaderboards", _with_time(account, own), text, difference)


def _with_time(account: Document, entries: list[Document]) -> Document:
    """Return the account; an account without a time gets the time of its newest entry."""
    times = [entry["at"] for entry in entries]
    return {"reached_at": max(times), **account} if times else account


def points_not_negative(view: View) -> Iterator[Violation]:
    """No balance of points is below zero."""
    return view.judge(
        "leaderboards",
        lambda account: f"balance is {account['balance']}" if account["balance"] < 0 else "",
    )


def achievements(view: View) -> Iterator[Violation]:
    """Every unlocked achievement is justified by the paid orders of the user."""
    unlocked = view.newest("achievements")
    users = [str(achievement.get("user_id")) for achievement in unlocked]
    orders = view.grouped("orders", "user_id", users)

    def problem(achievement: Document) -> str:
        own = orders.get(achievement["user_id"], [])
        paid = [order["total_paise"] for order in own if order["status"] in PAID]
        deserved = {
            "first_order": len(paid) >= 1,
            "big_basket": max(paid, default=0) >= BIG_BASKET_PAISE,
            "regular": len(paid) >= REGULAR_ORDERS,
        }
        return (
            ""
            if deserved.get(achievement["key"], True)
            else f"{achievement['key']} is not earned: the user has {len(paid)} paid orders; the "
            f"largest total is {max(paid, default=0)} paise"
        )

    return view.judge("achievements", problem, settled=True)


def stock_balance(view: View) -> Iterator[Violation]:
    """The stock of a product is the number of received pieces minus the number of taken pieces."""
    for product in view.newest("products"):
        try:
            difference = int(product["stock"] + product["taken"] - product["received"])
        except MALFORMED as error:
            text = f"a field is missing or has a wrong type ({type(error).__name__}: {error})"
            yield violation("products", product, text)
            continue
        if difference:
            text = (
                f"received {product['received']}, taken {product['taken']}, "
                f"stock {product['stock']}: the stock is {abs(difference)} too "
                f"{'high' if difference > 0 else 'low'}"
            )
            yield violation("products", product, text, difference)


def stock_taken(view: View) -> Iterator[Violation]:
    """The number of pieces taken from a product's stock is the number of pieces in its orders.

    Orders that the store writes during the reading may or may not be counted already. A product is
    judged only if the view has all orders of this product.
    """
    certain: Counter[str] = Counter()
    possible: Counter[str] = Counter()
    for order in view.newest("orders"):
        for item in items_of(order):
            product_id, quantity, at = (
                item.get("product_id"),
                item.get("quantity"),
                order.get("created_at"),
            )
            if not isinstance(quantity, int) or not isinstance(at, datetime):
                continue
            possible[str(product_id)] += quantity
            if at < view.started - GRACE:
                certain[str(product_id)] += quantity
    is_complete = view.is_complete("orders")
    for product in view.newest("products"):
        product_id, taken = product["_id"], product.get("taken")
        has_all = is_complete or (
            isinstance(product.get("made_at"), datetime)
            and view.covers("orders", product["made_at"])
        )
        if not has_all or not isinstance(taken, int):
            continue
        if not certain[product_id] <= taken <= possible[product_id]:
            text = f"taken is {taken}, but the orders have {certain[product_id]} pieces"
            yield violation("products", product, text, taken - certain[product_id])


def stock_not_negative(view: View) -> Iterator[Violation]:
    """No stock is below zero."""
    return view.judge(
        "products", lambda product: f"stock is {product['stock']}" if product["stock"] < 0 else ""
    )
