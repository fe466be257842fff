"""Checks of the mobile features: sessions, the catalogue, the cart, orders, offline sync."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from suites.client import StoreClient
from suites.client.paging import all_pages
from suites.client.websocket import listening
from suites.integration.properties import property_settings
from suites.integration.syncing import (
    change,
    model,
    order_change,
    order_offline,
    send_batch,
    shown_cart,
)
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, credentials, log_in

if TYPE_CHECKING:
    from suites.client.pages import Visit
    from suites.testdata.ownership import Ownership, OwnProduct, OwnUser, Shop

pytestmark = [pytest.mark.integration, pytest.mark.mobile]

NewOrder = Callable[..., dict[str, Any]]
# How much the clocks of this machine and of the target may differ.
CLOCK_SKEW = timedelta(seconds=2)
DEVICES = 7


@check("mobile.session", needs="auth")
def test_session(
    new_client: Callable[[], StoreClient],
    customer: "OwnUser",
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """Users log in by phone or email; a refresh token works once; a log-out ends the session."""
    phone, tablet = new_client(), new_client()
    by_email = {"identifier": customer.email, "password": customer.password}
    first = phone.call("login", expect=200, body=credentials(customer)).body
    second = tablet.call("login", expect=200, body=by_email).body
    phone.token, tablet.token = first["access_token"], second["access_token"]
    sessions = database.sessions.count_documents({"user_id": customer.user_id})

    old = {"refresh_token": first["refresh_token"]}
    renewed = phone.call("refresh", expect=200, body=old).body
    phone.call("refresh", expect=401, body=old)
    phone.token = renewed["access_token"]
    phone.call("show_cart", expect=200)
    newer = {"refresh_token": renewed["refresh_token"]}
    renewed = phone.call("refresh", expect=200, body=newer).body
    tablets_token = {"refresh_token": second["refresh_token"]}
    second = tablet.call("refresh", expect=200, body=tablets_token).body
    tablet.call("refresh", expect=401, body=tablets_token)
    tablet.token = second["access_token"]
    newest = {"refresh_token": renewed["refresh_token"]}
    renewed = phone.call("refresh", expect=200, body=newest).body
    phone.token = renewed["access_token"]
    phone.call("logout", expect=204)
    phone.call("show_cart", expect=401)
    phone.call("refresh", expect=401, body={"refresh_token": renewed["refresh_token"]})
    tablet.call("show_cart", expect=200)

    assert sessions == 2
    assert renewed["user"]["id"] == customer.user_id
    stored = list(database.sessions.find({"user_id": customer.user_id}))
    assert len(stored) == 1
    assert second["refresh_token"] not in str(stored)
    database.users.update_one({"_id": customer.user_id}, {"$set": {"active": False}})
    tablet.call("show_cart", expect=401)
    tablet.call("refresh", expect=401, body={"refresh_token": second["refresh_token"]})
    tablet.call("login", expect=401, body=credentials(customer))
    unknown = {**credentials(customer), "identifier": f"x{customer.email}"}
    tablet.call("login", expect=401, body=unknown)
    _log_in_by_similar_addresses(tablet, ownership)
    _stay_logged_in_on_all_devices(new_client, ownership.user())


def _log_in_by_similar_addresses(client: StoreClient, ownership: "Ownership") -> None:
    """Require that the store compares email addresses literally, and not as patterns."""
    users = [ownership.user(mailbox=mailbox) for mailbox in ("a.b", "A.B", "axb", "a+b", "aab")]
    for user in users:
        body = {"identifier": user.email, "password": user.password}
        session = client.call("login", expect=200, body=body).body
        assert session["user"]["id"] == user.user_id, f"{user.email} must get their own session"
    pattern = {"identifier": f".*{users[0].email}", "password": users[0].password}
    client.call("login", expect=401, body=pattern)


def _stay_logged_in_on_all_devices(new_client: Callable[[], StoreClient], user: "OwnUser") -> None:
    """Require that a log-in on one more device does not end the other sessions of the user."""
    clients = [new_client() for _ in range(DEVICES)]
    sessions = [client.call("login", expect=200, body=credentials(user)).body for client in clients]
    for client, session in zip(clients, sessions, strict=True):
        client.token = session["access_token"]
        client.call("show_cart", expect=200)
        renewal = {"refresh_token": session["refresh_token"]}
        client.token = client.call("refresh", expect=200, body=renewal).body["access_token"]
    for client in clients:
        client.call("show_cart", expect=200)


@check("mobile.catalogue", needs="catalogue")
def test_catalogue(
    new_client: Callable[[], StoreClient], ownership: "Ownership", run_id: str, database: "Shop"
) -> None:
    """The pages of a category list each product once, in the same order for every page size."""
    category = f"shelf-{run_id}-{ownership.event_id()[-6:]}".lower()
    products = [
        ownership.findable_product("jar", str(n), category, price_paise=100 + n) for n in range(11)
    ]
    ownership.product(price_paise=1, stock=1)
    ownership.findable_product("jar", "unlisted", category, price_paise=100)
    expected = sorted(product.product_id for product in products)

    @property_settings
    @example(1)
    @example(10)
    @example(11)
    @given(st.integers(1, 13))
    def every_product_once(per_page: int) -> None:
        pages = all_pages(
            new_client(), "list_products", {"category": category, "per_page": str(per_page)}
        )
        assert [item["id"] for page in pages for item in page["items"]] == expected
        assert {page["total"] for page in pages} == {len(expected)}
        assert {len(page["items"]) for page in pages[:-1]} <= {per_page}

    client = new_client()
    for product_id, left in ((expected[0], 0), (expected[1], 1)):
        change = {"$set": {"stock": left, "received": left}}
        database.products.update_one({"_id": product_id}, change)
    with ownership.on_sale(*products):
        every_product_once()
        beyond = client.call("list_products", expect=200, query={"category": category, "page": "9"})
        shelves = [
            client.call("list_products", expect=200, query={**shelf, "per_page": "13"}).body
            for shelf in ({"category": category}, {}, {"category": "none"}, {"category": category})
        ]
        page = client.call(
            "list_products", expect=200, query={"category": category, "per_page": "14"}
        ).body
    nothing = client.call("list_products", expect=200, query={"category": "none"}).body
    empty = database.products.find_one({"_id": expected[0]})
    assert (beyond.body["items"], nothing["total"]) == ([], 0)
    shown = [[item["id"] for item in shelf["items"]] for shelf in shelves]
    assert (shown[0], shown[2], shown[3]) == (expected, [], expected)
    assert shelves[1]["total"] > len(expected)
    assert {(item["category"], item["unit"]) for item in page["items"]} == {(category, "1 piece")}
    assert empty is not None
    refused = [
        client.ask("list_products", query=query).status
        for query in (
            {"page": "0"},
            {"page": "x"},
            {"per_page": "51"},
            {"per_page": "0"},
            {"pages": "1"},
        )
    ]
    assert refused == [400] * 5
    assert [item["in_stock"] for item in page["items"]] == [False] + [True] * 10
    assert page["items"][0]["price_paise"] == empty["price_paise"]


@check("mobile.cart", needs="cart")
def test_cart(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """A cart is private, stays after a log-in, has current prices, and never exceeds the stock."""
    shopper, other = new_person.customers(2)
    product = ownership.product(price_paise=250, stock=5)
    add = {"product_id": product.product_id, "quantity": 3}

    shopper.client.call("add_to_cart", expect=200, body=add)
    refused = shopper.client.call("add_to_cart", expect=409, body=add).body
    full = shopper.client.call("add_to_cart", expect=200, body={**add, "quantity": 2}).body
    wrong = [
        shopper.client.ask("add_to_cart", body={**add, "quantity": quantity}).status
        for quantity in (0, -1, 1.5, 1001, "2")
    ]
    shopper.client.call("add_to_cart", expect=404, body={**add, "product_id": "prd_none"})
    shopper.client.call("add_to_cart", expect=400, body={**add, "price_paise": 1})
    database.products.update_one({"_id": product.product_id}, {"$set": {"price_paise": 260}})
    again = log_in(new_client(), shopper.user)
    cart = again.client.call("show_cart", expect=200).body
    empty = other.client.call("show_cart", expect=200).body
    again.client.call("clear_cart", expect=204)
    cleared = shopper.client.call("show_cart", expect=200).body

    assert refused["error"]["code"] == "insufficient_stock"
    assert full["total_paise"] == 5 * 250
    assert wrong == [400] * 5
    assert [
        (line["quantity"], line["price_paise"], line["line_total_paise"]) for line in cart["items"]
    ] == [(5, 260, 1300)]
    assert cart["total_paise"] == 1300
    assert (empty["items"], cleared["items"]) == ([], [])
    assert cleared["version"] == cart["version"] + 1
    stored = database.carts.find_one({"_id": shopper.user.user_id})
    assert stored is not None
    assert stored["items"] == {}


def totals_are_sums(new_person: NewPerson, ownership: "Ownership") -> None:
    """Require that the total of any order is the sum of the order's lines."""
    shopper = new_person()

    @property_settings
    @example([(0, 1), (9_999, 9)])
    @given(st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 9)), min_size=1, max_size=4))
    def total_is_the_sum_of_its_lines(lines: list[tuple[int, int]]) -> None:
        products = [ownership.product(price_paise=price, stock=9) for price, _ in lines]
        items = [
            {"product_id": product.product_id, "quantity": quantity}
            for product, (_, quantity) in zip(products, lines, strict=True)
        ]
        body = {"client_order_id": products[0].product_id[-60:], "items": items}
        answer = shopper.client.call("place_order", expect=201, body=body).body
        assert answer["total_paise"] == sum(price * quantity for price, quantity in lines)
        assert [line["line_total_paise"] for line in answer["items"]] == [
            price * quantity for price, quantity in lines
        ]

    total_is_the_sum_of_its_lines()


@check("mobile.order", needs="orders")
def test_order(
    new_person: NewPerson, ownership: "Ownership", database: "Shop", run_id: str
) -> None:
    """The store computes the total; an order is placed once, with all of its pieces or none."""
    shopper, other = new_person.customers(2)
    unchanged = ownership.product(price_paise=100, stock=5)
    in_cart = {"product_id": unchanged.product_id, "quantity": 2}
    cart = shopper.client.call("add_to_cart", expect=200, body=in_cart).body
    rice = ownership.product(price_paise=5_400, stock=8)
    dal = ownership.product(price_paise=12_900, stock=4)

    def items(rices: int, dals: int, price_paise: int = 1) -> list[dict[str, Any]]:
        return [
            {"product_id": rice.product_id, "quantity": rices, "price_paise": price_paise},
            {"product_id": dal.product_id, "quantity": dals},
        ]

    def place(client_id: str, expect: int, order_items: list[dict[str, Any]]) -> dict[str, Any]:
        body = {"client_order_id": f"{run_id}-{client_id}", "items": order_items}
        answer: dict[str, Any] = shopper.client.call("place_order", expect=expect, body=body).body
        return answer

    def stock() -> list[int]:
        stored = [database.products.find_one({"_id": item.product_id}) for item in (rice, dal)]
        return [product["stock"] for product in stored if product]

    before = datetime.now(UTC)
    order = place("a", 201, items(3, 2))
    after = datetime.now(UTC)
    replay = place("a", 200, items(3, 2))
    path = {"order_id": order["id"]}
    shown_order = shopper.client.call("show_order", expect=200, path=path).body
    assert stock() == [5, 2]
    assert place("b", 409, items(5, 3))["error"]["code"] == "insufficient_stock"
    assert stock() == [5, 2]
    twice = place("c", 201, [*items(1, 1), *items(1, 1)])

    assert order["total_paise"] == 3 * 5_400 + 2 * 12_900
    assert replay["id"] == order["id"]
    moment = datetime.fromisoformat(order["created_at"])
    assert before - CLOCK_SKEW <= moment <= after + CLOCK_SKEW
    # The database stores times in milliseconds.
    for other_answer in (replay, shown_order):
        difference = moment - datetime.fromisoformat(other_answer["created_at"])
        assert abs(difference) <= timedelta(milliseconds=1)
    assert shopper.client.call("show_cart", expect=200).body == cart
    assert twice["total_paise"] == 2 * 5_400 + 2 * 12_900
    assert stock() == [3, 0]
    place("d", 400, [{"product_id": "prd_none", "quantity": 1}])
    place("e", 400, [])
    place("g", 400, [{**items(1, 0)[0], "discount_paise": 1}])
    shopper.client.call("clear_cart", expect=204)
    empty = {"client_order_id": f"{run_id}-f"}
    refused = shopper.client.call("place_order", expect=409, body=empty).body
    assert refused["error"]["code"] == "cart_empty"
    assert database.orders.count_documents({"user_id": shopper.user.user_id}) == 2
    other.client.call("show_order", expect=404, path={"order_id": order["id"]})

    totals_are_sums(new_person, ownership)


def edits_converge(new_person: NewPerson, product: "OwnProduct") -> None:
    """Require that any offline edits, sent once or twice, leave the cart of the last valid edit."""

    @property_settings
    @example([(0, 1), (0, 2), (1, 3)])
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=6))
    def carts_are_equal(edits: list[tuple[int, int]]) -> None:
        person = new_person()
        batch = [
            change(f"edit-{n}", base, product, quantity) for n, (base, quantity) in enumerate(edits)
        ]
        statuses, quantity, version = model(edits)
        results = send_batch(person, batch)
        assert [result["status"] for result in results] == statuses
        assert shown_cart(person, product) == (quantity, version)
        assert {result["status"] for result in send_batch(person, batch)} == {"duplicate"}
        assert shown_cart(person, product) == (quantity, version)

    carts_are_equal()


@check("mobile.sync", needs="offline_sync")
def test_offline_sync(
    new_person: NewPerson, ownership: "Ownership", database: "Shop", frontend: "Visit"
) -> None:
    """Offline changes are applied once, in order; an edit of an old cart version is a conflict."""
    shopper, browsing = new_person.customers(2)
    rice = ownership.product(price_paise=5_400, stock=1_000)
    # The clock of the device was set back between the two changes: their order in the list counts.
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    queued = [order_change("first", rice, 2), {**order_change("second", rice, 1), "at": earlier}]
    own_cart = {"product_id": rice.product_id, "quantity": 7}
    shopper.client.call("add_to_cart", expect=200, body=own_cart)
    cart = shown_cart(shopper, rice)

    applied = send_batch(shopper, queued)
    unknown = {**order_change("unknown", rice, 1), "items": [{"product_id": "none", "quantity": 1}]}
    refusals = [order_change("third", rice, 999), unknown]
    replayed = send_batch(shopper, [*queued, *refusals, order_change("fourth", rice, 1)])
    again = send_batch(shopper, refusals)

    assert [result["status"] for result in applied] == ["applied", "applied"]
    assert [result["client_id"] for result in applied] == ["first", "second"]
    assert [result["status"] for result in replayed] == [
        "duplicate",
        "duplicate",
        "rejected",
        "rejected",
        "applied",
    ]
    assert replayed[2]["reason"] == "insufficient_stock"
    assert [result["status"] for result in again] == ["duplicate", "duplicate"]
    assert shown_cart(shopper, rice) == cart, "an order with its own items must not change the cart"
    orders = list(database.orders.find({"user_id": shopper.user.user_id}).sort("created_at", 1))
    assert [order["total_paise"] for order in orders] == [10_800, 5_400, 5_400]
    events = [
        (event["order_id"], event["seq"], event["status"])
        for event in database.order_events.find({"user_id": shopper.user.user_id})
    ]
    assert sorted(events) == sorted((order["_id"], 1, "placed") for order in orders)
    changes = database.offline_sync.count_documents({"user_id": shopper.user.user_id})
    assert changes == len(queued) + len(refusals) + 1
    empty = {"device_id": "phone", "changes": []}
    shopper.client.call("sync_offline", expect=400, body=empty)

    edits_converge(new_person, rice)
    dal = ownership.product(price_paise=12_900, stock=100)
    offline = order_offline(browsing, (rice, dal), frontend.page, database)
    assert (offline.early, offline.totals) == (0, offline.expected)


@check("mobile.realtime.order_announced", needs="realtime")
@pytest.mark.realtime
def test_order_announced(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    product: "OwnProduct",
    new_order: NewOrder,
) -> None:
    """The store announces an order to the shopper's other device, and to no other user."""
    shopper, stranger = new_person.customers(2)
    tablet = log_in(new_client(), shopper.user)
    with (
        listening(tablet.client, "order_updates") as listener,
        listening(stranger.client, "order_updates") as strangers_listener,
    ):
        order = new_order(shopper)
        event = listener.next_event("OrderEvent")
        own = new_order(stranger)
        strangers_event = strangers_listener.next_event("OrderEvent")

    assert (event["order_id"], event["status"], event["seq"]) == (order["id"], "placed", 1)
    assert strangers_event["order_id"] == own["id"]
    assert order["total_paise"] == product.price_paise
