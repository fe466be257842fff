"""Creates the accounts and products of a run, and logs the shoppers in before the run begins."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from gates.errors import ConfigurationError
from gates.model import Target
from load.assignment import Account
from suites.client import StoreClient, exemption, loopback_source
from suites.contract import load as contract
from suites.testdata import run_locks
from suites.testdata.ownership import REAL_PRODUCTS, Ownership, Shop

MAX_LOG_INS_AT_ONCE = 4
PRODUCTS = 20
STOCK = 10_000_000
PRICE_PAISE = 4_900
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Shopping:
    """The accounts and products that the shoppers need.

    Args:
        shoppers: the accounts, keyed by the number of the user.
        products: the ids of the products that the shoppers may buy.
        words: words of product names, for which the shoppers search.
    """

    shoppers: Mapping[str, Account] = field(repr=False)
    products: tuple[str, ...]
    words: tuple[str, ...]


def prepare(
    target: Target, run_id: str, users: int, show_progress: Callable[[int], None]
) -> Shopping:
    """Create accounts and products, and log all shoppers in.

    Args:
        target: the target that gets the load.
        run_id: the id of the run that owns the accounts and products.
        users: the number of accounts.
        show_progress: called with the number of shoppers who are logged in.

    Raises:
        ConfigurationError: the target file names no database for the accounts.
        UnexpectedAnswerError: a shopper could not log in.
    """
    if "database_uri" not in target.secrets:
        raise ConfigurationError(
            f"no database_uri for {target.name}: set the variable that its target file names"
        )
    run_locks.hold(run_id)
    uri = target.secrets["database_uri"]
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000) as database:
        shop: Shop = database.get_default_database()
        words = _words(shop)
        own = Ownership(shop, f"{run_id}-main")
        products = tuple(
            own.product(price_paise=PRICE_PAISE, stock=STOCK).product_id for _ in range(PRODUCTS)
        )
        people = [own.user() for _ in range(users)]
    shoppers: dict[str, Account] = {}

    def log_in(number: int) -> None:
        body = {"identifier": people[number].phone, "password": people[number].password}
        with store_client(target, run_id) as client:
            client.wait_longer()
            token = client.call("login", expect=200, body=body).body["access_token"]
            shoppers[str(number)] = Account(token, client.source)
        show_progress(len(shoppers))

    with ThreadPoolExecutor(MAX_LOG_INS_AT_ONCE) as pool:
        list(pool.map(log_in, range(users)))
    return Shopping(shoppers, products, words)


@contextlib.contextmanager
def store_client(target: Target, run_id: str) -> Generator[StoreClient]:
    """Open a client of the store, and close the client at the end of the ``with`` block.

    The client has its own loopback address where the target file allows loopback sources.

    Args:
        target: the target that gets the requests.
        run_id: the id of the run, which marks the requests as test traffic.
    """
    source = loopback_source() if target.loopback_sources else ""
    client = StoreClient(target, contract(), run_id, source)
    try:
        yield client
    finally:
        client.close()


def headers(target: Target, run_id: str, seconds: float) -> dict[str, str]:
    """Return the headers that each request of a shopper has.

    Args:
        target: the target that gets the requests.
        run_id: the id of the run, which marks the requests as test traffic.
        seconds: how long the exemption from the rate limit is valid, where the target needs one.
    """
    own = {"X-Kirana-Synthetic": run_id, "Accept": "application/json"}
    sent = {**target.access.api.request_headers, **own}
    if not target.loopback_sources:
        key = target.secrets["exemption_key"]
        sent["X-Kirana-Exemption"] = exemption(key, time.time(), seconds)
    return sent


def _words(shop: Shop) -> tuple[str, ...]:
    """Read the last words of product names from the catalogue, such as rice."""
    products = shop.products.find(REAL_PRODUCTS).limit(MAX_NAMES)
    names = [str(product["name"]).split() for product in products]
    words = {name[-1].lower() for name in names if name and name[-1].isalpha()}
    if not words:
        raise ConfigurationError("the catalogue has no product name that shoppers can search for")
    return tuple(sorted(words))
