"""Has the invariants of data that belongs to a user: the user must exist."""

from collections.abc import Iterator

from suites.database.view import Document, View, Violation


def carts(view: View) -> Iterator[Violation]:
    """Every cart belongs to an existing user; every product in a cart has a positive quantity."""
    users = view.by_id("users", [cart["_id"] for cart in view.newest("carts")])

    def problem(cart: Document) -> str:
        if cart["_id"] not in users:
            return f"user {cart['_id']} does not exist"
        wrong = [product for product, quantity in cart["items"].items() if quantity < 1]
        return f"the quantity of {wrong[0]} is {cart['items'][wrong[0]]}" if wrong else ""

    return view.judge("carts", problem)


def sessions(view: View) -> Iterator[Violation]:
    """Every session belongs to an existing user."""
    return _without_user(view, "sessions")


def saved_methods(view: View) -> Iterator[Violation]:
    """Every saved payment method belongs to an existing user."""
    return _without_user(view, "payment_methods")


def permissions(view: View) -> Iterator[Violation]:
    """Every granted permission belongs to an existing user."""
    return _without_user(view, "permissions")


def second_factors(view: View) -> Iterator[Violation]:
    """Every second factor, device, saved search and points account belongs to an existing user."""
    for collection in ("twofa_devices", "sms_codes", "mobile_devices", "offline_sync"):
        yield from _without_user(view, collection)
    yield from _without_user(view, "saved_searches")
    yield from _without_user(view, "leaderboards", "_id")


def _without_user(view: View, collection: str, field: str = "user_id") -> Iterator[Violation]:
    ids = [str(document.get(field)) for document in view.newest(collection)]
    users = view.by_id("users", ids)
    return view.judge(
        collection,
        lambda document: (
            "" if document[field] in users else f"user {document[field]} does not exist"
        ),
    )
