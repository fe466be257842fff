"""The shoppers' accounts and what they buy: the run's own, made and logged in before it begins."""

import contextlib
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from gates.errors import ConfigurationError
from gates.model import Target
from suites.client import StoreClient, exemption, loopback_source
from suites.contract import load as contract
from suites.testdata import run_locks
from suites.testdata.ownership import REAL_PRODUCTS, Ownership, Shop

AT_ONCE = 4
PRODUCTS = 20
STOCK = 10_000_000
PRICE_PAISE = 4_900
LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Shopping:
    """What the shoppers need.

    Args:
        shoppers: by number, each with ``token`` and ``source``.
        products: ids of products they may buy.
        words: words that names in the catalogue hold.
    """

    shoppers: dict[str, dict[str, str]] = field(repr=False)
    products: list[str]
    words: list[str]


def prepare(target: Target, run_id: str, users: int, told: Callable[[int], None]) -> Shopping:
    """Make accounts and products, and log everybody in.

    Args:
        target: where.
        run_id: whose data it is.
        users: how many.
        told: is told how many are logged in.

    Raises:
        ConfigurationError: the target file has no database to make accounts in.
        UnexpectedAnswerError: somebody could not log in.
    """
    if "database_uri" not in target.secrets:
        raise ConfigurationError(f"no database_uri for {target.name}: set the variable it names")
    run_locks.hold(run_id)
    uri = target.secrets["database_uri"]
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000) as database:
        shop: Shop = database.get_default_database()
        words = _words(shop)
        own = Ownership(shop, f"{run_id}-main")
        products = [
            own.product(price_paise=PRICE_PAISE, stock=STOCK).product_id for _ in range(PRODUCTS)
        ]
        people = [own.user() for _ in range(users)]
    shoppers: dict[str, dict[str, str]] = {}

    def log_in(number: int) -> None:
        body = {"identifier": people[number].phone, "password": people[number].password}
        with calling(target, run_id) as client:
            token = client.call("login", expect=200, body=body).body["access_token"]
            shoppers[str(number)] = {"token": token, "source": client.source}
        told(len(shoppers))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(log_in, range(users)))
    return Shopping(shoppers, products, words)


@contextlib.contextmanager
def calling(target: Target, run_id: str) -> Generator[StoreClient]:
    """A client with an address of its own, where the target asks for that."""
    source = loopback_source() if target.loopback_sources else ""
    client = StoreClient(target, contract(), run_id, source)
    try:
        yield client
    finally:
        client.close()


def headers(target: Target, run_id: str, seconds: float) -> dict[str, str]:
    """What every request of a shopper carries.

    Args:
        target: whom it goes to.
        run_id: marks it as test traffic.
        seconds: for how long the exemption from the rate limit is needed, where one is.
    """
    carried = {"X-Kirana-Synthetic": run_id, "Accept": "application/json"}
    if not target.loopback_sources:
        key = target.secrets["exemption_key"]
        carried["X-Kirana-Exemption"] = exemption(key, time.time(), seconds)
    return carried


def _words(shop: Shop) -> list[str]:
    """The last words of names in the catalogue, such as rice."""
    names = [str(one["name"]).split() for one in shop.products.find(REAL_PRODUCTS).limit(LOOKED_AT)]
    words = {name[-1].lower() for name in names if name and name[-1].isalpha()}
    if not words:
        raise ConfigurationError("the catalogue is empty: nothing to shop for")
    return sorted(words)
