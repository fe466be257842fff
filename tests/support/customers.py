"""Customer traffic for tests: bounded, on loopback, from many source addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from suites.client import loopback_source

PER_ADDRESS = 90


class _From(HTTPAdapter):
    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)


@contextmanager
def customer() -> Iterator[requests.Session]:
    """A shopper with an address of its own."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://127.0.0.1", _From(loopback_source()))
        yield session


def send(url: str, count: int) -> list[int]:
    """GET a URL so many times; the statuses."""
    statuses: list[int] = []
    while len(statuses) < count:
        with customer() as session:
            share = range(min(PER_ADDRESS, count - len(statuses)))
            statuses += [session.get(url, timeout=10).status_code for _ in share]
    return statuses
