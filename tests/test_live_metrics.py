"""ramp-10 on a real Prometheus: go, hold, no-go, and counters across a restart."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from customers import send
from jsonschema import Draft202012Validator, FormatChecker
from worlds import ROOT, TestWorld

SCRAPES_SECONDS = 2.5
SHORTER = {
    "window_seconds = 600": "window_seconds = 15",
    "bake_seconds = 600": "bake_seconds = 4",
    "max_sample_age_seconds = 60": "max_sample_age_seconds = 3",
    "at_least = 600": "at_least = 100",
    "at_least = 200": "at_least = 50",
}


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """The release policy with windows of seconds instead of minutes."""
    text = (ROOT / "policies" / "release.toml").read_text()
    for long, short in SHORTER.items():
        assert long in text
        text = text.replace(long, short)
    path = tmp_path / "short.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def at_ten_percent(world: TestWorld) -> Iterator[None]:
    """Green has 10 % of the traffic, and has had it for the short bake."""
    set_share(world, 0.1)
    time.sleep(6)
    yield
    set_share(world, 0.0)


def set_share(world: TestWorld, green: float) -> None:
    url = f"http://127.0.0.1:{world.ports['control']}/config"
    shares = {"blue": round(1 - green, 2), "green": green}
    assert requests.post(url, json=shares, timeout=5).json() == shares


def shop(world: TestWorld, count: int, path: str = "/api/products") -> list[int]:
    return send(f"http://127.0.0.1:{world.ports['green_api']}{path}", count)


def ask(world: TestWorld, out: Path, policy: str) -> tuple[int, dict[str, Any]]:
    answer = world.gates(out, "ramp-10", "--policy", policy, "--json")
    assert answer.out, answer.err
    return answer.code, json.loads(answer.out)


def finding(decision: dict[str, Any], objective: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        one for one in decision["findings"] if one["objective"] == objective
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.usefixtures("at_ten_percent")
def test_enough_good_traffic_is_a_go(world: TestWorld, passed_out: Path, policy: str) -> None:
    assert set(shop(world, 300)) == {200}
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    schema = json.loads((ROOT / "gates" / "schemas" / "decision.schema.json").read_text())
    errors = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(decision)
    assert [error.message for error in errors] == []
    assert (code, decision["decision"]) == (0, "go"), decision["reason"]
    live = ("error-ratio", "latency-p95", "cache-hits", "live-build", "share-10")
    measured = [one for name in live for one in finding(decision, name)["measurements"]]
    assert all(one["query"].endswith("s]") and one["samples"] > 0 for one in measured)
    assert all(one["age_seconds"] < 3 and one["window_seconds"] > 0 for one in measured)


@pytest.mark.usefixtures("at_ten_percent")
def test_too_little_traffic_is_a_hold_that_says_how_much_is_missing(
    world: TestWorld, passed_out: Path, policy: str
) -> None:
    time.sleep(12)
    shop(world, 10)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    assert (code, decision["decision"]) == (3, "hold")
    assert "more needed to judge" in finding(decision, "error-ratio")["sentence"]


@pytest.mark.usefixtures("at_ten_percent")
def test_failing_requests_are_a_no_go(world: TestWorld, passed_out: Path, policy: str) -> None:
    world.testbed("fault", "on", "search.http_500")
    try:
        assert set(shop(world, 20, "/api/search?q=rice")) == {500}
    finally:
        world.testbed("fault", "off", "search.http_500")
    shop(world, 180)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    errors = finding(decision, "error-ratio")
    assert (code, decision["decision"]) == (1, "no_go")
    assert "of" in errors["sentence"]
    assert errors["verdict"] == "fail"


@pytest.mark.usefixtures("at_ten_percent")
def test_slow_requests_are_a_no_go(world: TestWorld, passed_out: Path, policy: str) -> None:
    world.testbed("fault", "on", "search.slow")
    try:
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(shop, world, 1, "/api/search?q=rice") for _ in range(20)]
        assert [one.result() for one in asked] == [[200]] * 20
    finally:
        world.testbed("fault", "off", "search.slow")
    shop(world, 100)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    latency = finding(decision, "latency-p95")
    assert code == 1
    assert latency["verdict"] == "fail", latency["sentence"]


@pytest.mark.usefixtures("at_ten_percent")
def test_a_restart_of_green_does_not_change_the_ratio(
    world: TestWorld, passed_out: Path, policy: str
) -> None:
    time.sleep(12)
    world.testbed("fault", "on", "search.http_500")
    shop(world, 10, "/api/search?q=rice")
    shop(world, 150)
    time.sleep(SCRAPES_SECONDS)
    assert world.testbed("restart", "green").code == 0
    shop(world, 60)
    time.sleep(SCRAPES_SECONDS)
    _, decision = ask(world, passed_out, policy)
    part, whole, _ = finding(decision, "error-ratio")["measurements"]
    assert (part["value"], whole["value"]) == ("10", "220")


@pytest.mark.usefixtures("at_ten_percent")
def test_the_wrong_share_is_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    shop(world, 300)
    set_share(world, 0.3)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    share = finding(decision, "share-10")
    assert code != 0
    assert share["verdict"] == "inconclusive"
    assert "green has 30 % of traffic, this stage asks at 10 %" in share["sentence"]


@pytest.mark.usefixtures("at_ten_percent")
def test_without_prometheus_it_is_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    assert world.testbed("stop", "prometheus").code == 0
    try:
        code, decision = ask(world, passed_out, policy)
    finally:
        assert world.testbed("start", "prometheus").code == 0
    assert (code, decision["decision"]) == (3, "hold")
    assert finding(decision, "error-ratio")["measured"] == "error"


def test_vanished_metrics_are_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    set_share(world, 0.1)
    shop(world, 300)
    world.testbed("stop", "green")
    try:
        time.sleep(5)
        code, decision = ask(world, passed_out, policy)
    finally:
        assert world.testbed("start", "green").code == 0
        set_share(world, 0.0)
    assert (code, decision["decision"]) == (3, "hold")
    assert finding(decision, "error-ratio")["measured"] == "stale"
