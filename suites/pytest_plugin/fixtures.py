"""Has the fixtures of the checks.

pytest loads this module in every run of the Python environment, also for other projects. So each
fixture imports pymongo, bcrypt, pyotp or Playwright itself, and only when a test uses the fixture.
Playwright is in the optional extra ``browser``.
"""

from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Policy, Target
from suites.client import StoreClient, loopback_source
from suites.contract import load
from suites.problem import Conclude, Problem
from suites.pytest_plugin.recorder import INCONCLUSIVE
from suites.pytest_plugin.state import POLICY, RUN_ID, TARGET

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from suites.client.pages import Visit
    from suites.side_effects import EffectObserver
    from suites.testdata.own_writes import WriteCounter
    from suites.testdata.ownership import Ownership, OwnProduct, OwnUser, Shop
    from suites.testdata.people import NewPerson, Person


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """Return the target that the option ``--target`` names."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def run_id(pytestconfig: pytest.Config) -> str:
    """Return the id of this run."""
    return pytestconfig.stash[RUN_ID]


@pytest.fixture(scope="session")
def policy(pytestconfig: pytest.Config) -> Policy:
    """Return the release policy of ``--policy``, KIRANA_POLICY, or else the installed policy."""
    return pytestconfig.stash[POLICY]


@pytest.fixture(scope="session")
def own_writes() -> "WriteCounter":
    """Return the counter of the commands with which checks write into the database directly."""
    from suites.testdata.own_writes import WriteCounter

    return WriteCounter()


@pytest.fixture(scope="session")
def database(target: Target, own_writes: "WriteCounter") -> Iterator["Shop"]:
    """Connect to the store's database, so that checks can compare it with the responses."""
    from pymongo import MongoClient

    if "database_uri" not in target.secrets:
        pytest.fail(
            f"no database_uri for {target.name}: set the variable that its target file names",
            pytrace=False,
        )
    with MongoClient[dict[str, Any]](
        target.secrets["database_uri"],
        serverSelectionTimeoutMS=2000,
        tz_aware=True,
        event_listeners=[own_writes],
    ) as client:
        yield client.get_default_database()


@pytest.fixture(scope="session")
def ownership(database: "Shop", run_id: str, request: pytest.FixtureRequest) -> "Ownership":
    """Return the maker of this run's data; the plugin deletes the data at the end of the run."""
    from suites.testdata.ownership import Ownership

    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return Ownership(database, f"{run_id}-{worker}")


@pytest.fixture(scope="session")
def bystander(database: "Shop", ownership: "Ownership") -> "OwnUser":
    """Create a user with documents in every collection; no check changes this user."""
    from suites.testdata.bystander import create

    return create(database, ownership)


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Conclude:
    """Return a function that ends the check with its problem: passed, failed or inconclusive.

    Without a problem, the check passes. With an inconclusive problem, the run record has the result
    inconclusive, and the gate holds.
    """

    def end(problem: Problem | None) -> None:
        __tracebackhide__ = True
        if problem is None:
            return
        if problem.is_inconclusive:
            request.node.user_properties.append((INCONCLUSIVE, problem.text))
            pytest.skip(f"inconclusive: {problem.text}")
        pytest.fail(problem.text, pytrace=False)

    return end


@pytest.fixture
def effect_observer(target: Target, request: pytest.FixtureRequest) -> "EffectObserver | None":
    """Return the observer that compares the database changes with the contract, or None.

    The observer takes time, so performance checks have no observer. A
    snapshot reads every collection, so there is no observer on a production target.
    """
    marked = request.node.get_closest_marker
    observed = marked("smoke") or marked("integration")
    if not observed or marked("performance") or target.production:
        return None
    if "database_uri" not in target.secrets:
        return None
    from suites.side_effects import EffectObserver, Subjects

    ownership: Ownership = request.getfixturevalue("ownership")
    bystander: OwnUser = request.getfixturevalue("bystander")
    users, products = len(ownership.user_ids), len(ownership.product_ids)

    def subjects() -> Subjects:
        return Subjects(
            users=(bystander.user_id, *ownership.user_ids[users:]),
            products=(ownership.product_ids[0], *ownership.product_ids[products:]),
            event_prefix=ownership.event_prefix,
        )

    database: Shop = request.getfixturevalue("database")
    own_writes: WriteCounter = request.getfixturevalue("own_writes")
    return EffectObserver(database, subjects, bystander.user_id, own_writes)


@pytest.fixture
def new_client(
    target: Target, run_id: str, effect_observer: "EffectObserver | None"
) -> Iterator[Callable[[], StoreClient]]:
    """Return a function that creates a client; each client may have its own source address."""
    clients: list[StoreClient] = []

    def make() -> StoreClient:
        source = loopback_source() if target.loopback_sources else ""
        client = StoreClient(target, load(), run_id, source)
        client.observer = effect_observer
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(new_client: Callable[[], StoreClient]) -> StoreClient:
    """Return a client that is not logged in."""
    return new_client()


@pytest.fixture
def customer(ownership: "Ownership") -> "OwnUser":
    """Create a customer of this run."""
    return ownership.user()


@pytest.fixture
def shopper(client: StoreClient, customer: "OwnUser") -> StoreClient:
    """Return a client that is logged in as a customer of this run."""
    credentials = {"identifier": customer.phone, "password": customer.password}
    client.token = client.call("login", expect=200, body=credentials).body["access_token"]
    return client


@pytest.fixture
def product(ownership: "Ownership") -> "OwnProduct":
    """Create a product of this run, with ten pieces in stock."""
    return ownership.product(price_paise=12_345, stock=10)


@pytest.fixture
def popular(database: "Shop") -> dict[str, Any]:
    """Return the document of the best-selling product that no test made."""
    from suites.testdata.ownership import REAL_PRODUCTS

    product = database.products.find_one(REAL_PRODUCTS, sort=[("sold", -1)])
    if product is None:
        pytest.fail(
            "the database has no listed product, apart from products that tests made; add a listed "
            "product to the store",
            pytrace=False,
        )
    return product


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Start a headless browser once for all checks."""
    from suites.client.pages import browser

    with browser() as opened:
        yield opened


@pytest.fixture
def frontend(browser: "Browser", target: Target, run_id: str) -> Generator["Visit"]:
    """Open the target's frontend in the browser."""
    from suites.client.pages import visit

    with visit(browser, target, run_id) as opened:
        yield opened


@pytest.fixture
def prometheus_text(new_client: Callable[[], StoreClient]) -> Callable[[], str]:
    """Return a function that reads the metrics of the target as text."""

    def read() -> str:
        return str(new_client().ask("metrics").body)

    return read


@pytest.fixture
def order(shopper: StoreClient, product: "OwnProduct", run_id: str) -> dict[str, Any]:
    """Place an unpaid order of two pieces of the test's product, and return the order."""
    body = {
        "client_order_id": f"{run_id}-{product.product_id[-10:]}",
        "items": [{"product_id": product.product_id, "quantity": 2}],
    }
    placed: dict[str, Any] = shopper.call("place_order", expect=201, body=body).body
    return placed


@pytest.fixture
def new_person(new_client: Callable[[], StoreClient], ownership: "Ownership") -> "NewPerson":
    """Return a function that creates a user of this run and logs the user in with a new client."""
    from suites.testdata.people import NewPerson

    return NewPerson(new_client, ownership)


@pytest.fixture
def new_order(product: "OwnProduct", run_id: str) -> Callable[..., dict[str, Any]]:
    """Return a function that places an unpaid order, by default of the test's product."""
    numbers = count(1)

    def place(person: "Person", *, quantity: int = 1, product_id: str = "") -> dict[str, Any]:
        item = {"product_id": product_id or product.product_id, "quantity": quantity}
        body = {"client_order_id": f"{run_id}-{next(numbers)}", "items": [item]}
        placed: dict[str, Any] = person.client.call("place_order", expect=201, body=body).body
        return placed

    return place
