"""The context of a handler: the request, its user, and the store's parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from testbed.store.cache import Cache
from testbed.store.database import Database, Document
from testbed.store.errors import invalid
from testbed.store.settings import Settings

PER_PAGE = 20
LAST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Store:
    """The parts one running store shares between requests."""

    settings: Settings
    db: Database
    cache: Cache


@dataclass(frozen=True, slots=True)
class Context:
    """One request.

    Args:
        store: the shared parts.
        path: path parameters by name.
        query: query parameters by name.
        headers: header values by lower-case name.
        raw: the body as received.
        user: the caller's document; empty for a public operation.
        session_id: the caller's session.
        run: the test run the request says it belongs to; empty for a customer's.
    """

    store: Store
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    user: Document
    session_id: str
    run: str

    @property
    def db(self) -> Database:
        return self.store.db

    @property
    def settings(self) -> Settings:
        return self.store.settings

    @property
    def traffic(self) -> str:
        return "synthetic" if self.run else "customer"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: status and a JSON body, or none."""

    status: int
    body: Any = None


def now() -> datetime:
    """The store's clock, in milliseconds as the database keeps them."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex}"


def integer(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A query parameter as an integer from 1 (0 where the default is 0) to most."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - a page number is shorter
        raise invalid(f"{name} must be a whole number.")
    value = int(text)
    if not min(1, default) <= value <= most:
        raise invalid(f"{name} must be between {min(1, default)} and {most}.")
    return value


def page_of(query: Mapping[str, str]) -> int:
    return integer(query, "page", 1, LAST_PAGE)


def only(query: Mapping[str, str], *names: str) -> None:
    """Refuse query parameters the operation does not have."""
    unknown = sorted(set(query) - set(names))
    if unknown:
        raise invalid(f"Unknown query parameter: {unknown[0][:40]!r}.")
