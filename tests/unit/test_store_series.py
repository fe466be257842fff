"""Series of the store that alert rules and dashboards read."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo import monitoring

from testbed.store import database, health, metrics
from testbed.store.context import Context

ADDRESS = ("127.0.0.1", 27017)
CLOSED = monitoring.ConnectionClosedReason


def value(name: str, **labels: str) -> float | None:
    """The present value of a series of the deployment ``unit``."""
    return metrics.REGISTRY.get_sample_value(name, {"deployment": "unit", **labels})


def pool() -> tuple[float | None, float | None]:
    """How many connections are checked out, and how many are idle."""
    name = "db_pool_connections"
    return value(name, state="checked_out"), value(name, state="idle")


def test_the_pool_counts_connections_by_their_state() -> None:
    metrics.set_pool_limit("unit", 32)
    listener = database._Pool("unit")
    assert (pool(), value("db_pool_connections_limit")) == ((0, 0), 32)
    for number in (1, 2):
        listener.connection_ready(monitoring.ConnectionReadyEvent(ADDRESS, number, 0.1))
    assert pool() == (0, 2)
    listener.connection_checked_out(monitoring.ConnectionCheckedOutEvent(ADDRESS, 1, 0.1))
    assert pool() == (1, 1)
    listener.connection_checked_in(monitoring.ConnectionCheckedInEvent(ADDRESS, 1))
    listener.connection_closed(monitoring.ConnectionClosedEvent(ADDRESS, 2, CLOSED.IDLE))
    assert pool() == (0, 1)


def test_a_connection_that_closes_while_it_is_checked_out_is_not_idle_later() -> None:
    listener = database._Pool("unit")
    listener.connection_ready(monitoring.ConnectionReadyEvent(ADDRESS, 1, 0.1))
    listener.connection_checked_out(monitoring.ConnectionCheckedOutEvent(ADDRESS, 1, 0.1))
    listener.connection_closed(monitoring.ConnectionClosedEvent(ADDRESS, 1, CLOSED.ERROR))
    listener.connection_checked_in(monitoring.ConnectionCheckedInEvent(ADDRESS, 1))
    assert pool() == (0, 0)


@pytest.mark.parametrize(("state", "expected"), [("up", 1), ("down", 0)])
def test_each_health_check_shows_whether_the_database_answers(
    monkeypatch: pytest.MonkeyPatch, state: str, expected: float
) -> None:
    async def database_state(_: Context) -> str:
        return state

    async def schema_version(_: Context) -> int:
        return 5

    monkeypatch.setattr(health, "database_state", database_state)
    monkeypatch.setattr(health, "schema_version", schema_version)
    release = SimpleNamespace(name="v5", version="5.0.0", digest="sha256:0")
    settings = SimpleNamespace(deployment="unit", release=release)
    asyncio.run(health.health(cast("Any", SimpleNamespace(query={}, settings=settings))))
    assert value("kirana_dependency_up", dependency="database") == expected


def test_orders_add_to_the_order_value() -> None:
    for paise in (12_000, 500):
        metrics.count_order_value("unit", "customer", paise)
    assert value("order_value_paise_total", traffic="customer") == 12_500
