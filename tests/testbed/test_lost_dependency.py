"""A database that is lost shows in health, in metrics and in sound errors, and its return as well.

A suite may not stop the database of a target, so this is shown on a testbed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from fault_table_regressions import SHOWN_BY_A_LOST_DATABASE
from worlds import TestWorld, results

from gates.policy import target_file
from suites.client import StoreClient
from suites.client.waiting import wait_until
from suites.contract import load
from suites.inspection import total

INTERNALS = re.compile(r"pymongo|mongodb|traceback|serverselection|127\.0\.0\.1", re.IGNORECASE)
SECONDS = 20


@pytest.fixture
def client(world: TestWorld) -> Iterator[StoreClient]:
    """A client of green, which waits no longer than a customer."""
    client = StoreClient(target_file.load("green", world.targets), load(), "lost-database", "")
    yield client
    client.close()


def dependency(client: StoreClient) -> float | None:
    """The gauge of the database."""
    text = str(client.ask("metrics").body)
    return total(text, "kirana_dependency_up", dependency="database")


@pytest.mark.slow  # proof-suites runs it
def test_a_lost_database_shows_and_comes_back(
    world: TestWorld, client: StoreClient, tmp_path: Path
) -> None:
    api = client.target.addresses.api
    assert client.call("health", expect=200).body["dependencies"] == {"database": "up"}
    assert dependency(client) == 1
    assert world.testbed("stop", "database").code == 0
    try:
        lost = client.call("health", expect=503).body
        gauge = dependency(client)
        answers = [
            requests.get(f"{api}/api/products?page=3", timeout=client.target.patience_seconds),
            requests.get(f"{api}/api/search?q=tea", timeout=client.target.patience_seconds),
            requests.post(
                f"{api}/api/auth/login",
                json=dict.fromkeys(("identifier", "password"), "nobody"),
                timeout=client.target.patience_seconds,
            ),
        ]
    finally:
        assert world.testbed("start", "database").code == 0

    assert (lost["status"], lost["dependencies"]) == ("degraded", {"database": "down"})
    assert gauge == 0
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert {answer.json()["error"]["code"] for answer in answers} == {"internal_error"}
    for answer in answers:
        assert load().schemas["Error"].is_valid(answer.json())
        assert INTERNALS.search(answer.text) is None
    wait_until(
        "green is healthy again",
        lambda: client.ask("health").status,
        lambda status: status == 200,
        seconds=SECONDS,
    )
    assert dependency(client) == 1
    assert (
        world.pytest(tmp_path, "-q", "--check", "smoke.order", "--check", "smoke.login").code == 0
    )
    assert set(results(tmp_path).values()) == {"passed"}


@pytest.mark.slow  # proof-suites runs it
@pytest.mark.parametrize("fault", sorted(SHOWN_BY_A_LOST_DATABASE))
def test_a_health_that_hides_a_lost_database_is_seen(
    world: TestWorld, client: StoreClient, fault: str
) -> None:
    with world.fault(fault):
        assert client.call("health", expect=200).body["dependencies"] == {"database": "up"}
        assert world.testbed("stop", "database").code == 0
        try:
            answer = client.ask("health")
            gauge = dependency(client)
        finally:
            assert world.testbed("start", "database").code == 0
    assert (answer.status, gauge) != (503, 0)
    wait_until(
        "green is healthy again",
        lambda: client.ask("health").status,
        lambda status: status == 200,
        seconds=SECONDS,
    )
