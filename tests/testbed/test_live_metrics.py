"""ramp-50 on a real Prometheus: go, hold, no-go, and counters across a restart."""

import json
import resource
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
    "window_seconds = 600 #": "window_seconds = 15 #",
    "window_seconds = 60\n": "window_seconds = 4\n",
    "bake_seconds = 600\n": "bake_seconds = 4\n",
    "max_sample_age_seconds = 60": "max_sample_age_seconds = 3",
    "warm_up_seconds = 60": "warm_up_seconds = 4",
    "longest_seconds = 21600": "longest_seconds = 600",
    "slow_batch_seconds = 60": "slow_batch_seconds = 4",
    "batch_seconds = 15": "batch_seconds = 1",
    "history_seconds = 1800": "history_seconds = 60",
    "incident_seconds = 300": "incident_seconds = 20",
    "patience_seconds = 120": "patience_seconds = 8",
    "minimum_events = 600": "minimum_events = 100",
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
def at_half(world: TestWorld) -> Iterator[None]:
    """Green has half of the traffic, and has had it for the short bake."""
    shop(world, 10)
    time.sleep(SCRAPES_SECONDS)
    set_share(world, 0.5)
    time.sleep(6)
    yield
    set_share(world, 0.0)


def set_share(world: TestWorld, green: float) -> None:
    url = f"http://127.0.0.1:{world.ports['control']}/config"
    shares = {"blue": round(1 - green, 2), "green": green}
    assert requests.post(url, json=shares, timeout=5).json() == shares


def shop(world: TestWorld, count: int, path: str = "/api/products") -> list[int]:
    """So many requests to each colour; the statuses of green's."""
    send(f"http://127.0.0.1:{world.ports['blue_api']}/api/products", count)
    return send(f"http://127.0.0.1:{world.ports['green_api']}{path}", count)


def ask(world: TestWorld, out: Path, policy: str) -> tuple[int, dict[str, Any]]:
    answer = world.gates(out, "ramp-50", "--policy", policy, "--json")
    assert answer.out, answer.err
    return answer.code, json.loads(answer.out)


def finding(decision: dict[str, Any], objective: str) -> dict[str, Any]:
    matching: list[dict[str, Any]] = [
        finding for finding in decision["findings"] if finding["objective"] == objective
    ]
    assert len(matching) == 1
    return matching[0]


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_enough_good_traffic_is_a_go(world: TestWorld, passed_out: Path, policy: str) -> None:
    assert set(shop(world, 700)) == {200}
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    schema = json.loads((ROOT / "gates" / "schemas" / "decision.schema.json").read_text())
    errors = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(decision)
    assert [error.message for error in errors] == []
    assert (code, decision["decision"]) == (0, "go"), decision["reason"]
    live = (
        "errors-against-blue",
        "latency-against-blue",
        "payments-against-blue",
        "errors-trigger",
        "latency-trigger",
        "live-build",
        "traffic-share",
    )
    measured = [
        measurement for name in live for measurement in finding(decision, name)["measurements"]
    ]
    assert all(
        measurement["query"].endswith("s]") and measurement["samples"] > 0
        for measurement in measured
    )
    assert all(
        measurement["age_seconds"] < 3 and measurement["window_seconds"] > 0
        for measurement in measured
    )


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_a_check_is_quick(world: TestWorld, passed_out: Path, policy: str) -> None:
    shop(world, 300)
    time.sleep(SCRAPES_SECONDS)
    took = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer = world.gates_process(passed_out, "ramp-50", "--policy", policy, "--json")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    findings = json.loads(answer.out)["findings"]
    assert len({finding["objective"] for finding in findings}) == 23
    # Processor time, which other programs on the machine do not lengthen much.
    assert min(took) < 0.8, took


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_too_little_traffic_is_a_hold_that_says_how_much_is_missing(
    world: TestWorld, passed_out: Path, policy: str
) -> None:
    time.sleep(8)
    shop(world, 10)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    assert (code, decision["decision"]) == (3, "hold")
    assert "more events are needed" in finding(decision, "errors-against-blue")["sentence"]


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_failing_requests_are_a_stop(world: TestWorld, passed_out: Path, policy: str) -> None:
    world.testbed("fault", "on", "search.http_500")
    try:
        for _ in range(4):
            assert set(shop(world, 20, "/api/search?q=rice")) == {500}
            time.sleep(1.1)
    finally:
        world.testbed("fault", "off", "search.http_500")
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    errors = finding(decision, "errors-against-blue")
    assert (code, decision["decision"]) == (4, "rollback"), errors
    assert "green" in errors["sentence"]
    assert "blue" in errors["sentence"]
    assert errors["breach"] == "rollback"


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_slow_requests_are_a_stop(world: TestWorld, passed_out: Path, policy: str) -> None:
    world.testbed("fault", "on", "search.slow")
    try:
        with ThreadPoolExecutor(20) as pool:
            for _ in range(5):
                futures = [pool.submit(shop, world, 1, "/api/search?q=rice") for _ in range(20)]
                assert [future.result() for future in futures] == [[200]] * 20
    finally:
        world.testbed("fault", "off", "search.slow")
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    latency = finding(decision, "latency-against-blue")
    assert code != 0
    assert latency["verdict"] != "pass", latency["sentence"]


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_a_restart_of_green_does_not_change_what_is_counted(
    world: TestWorld, passed_out: Path, policy: str
) -> None:
    world.testbed("fault", "on", "search.http_500")
    shop(world, 1, "/api/search?q=rice")
    shop(world, 159)
    time.sleep(SCRAPES_SECONDS)
    assert world.testbed("restart", "green").code == 0
    shop(world, 60)
    time.sleep(SCRAPES_SECONDS)
    _, decision = ask(world, passed_out, policy)
    assert "green 1 of 220" in finding(decision, "errors-against-blue")["sentence"]
    assert (
        "restarts of one instance of green in this step is 1;"
        in finding(decision, "restarts")["sentence"]
    )


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_the_wrong_share_is_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    shop(world, 300)
    set_share(world, 0.3)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    share = finding(decision, "traffic-share")
    assert code != 0
    assert share["verdict"] == "inconclusive"
    assert "green has 30 % of the traffic; this stage requires 50 %" in share["sentence"]


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_somebody_else_answering_for_green_is_a_hold(
    world: TestWorld, passed_out: Path, policy: str
) -> None:
    shop(world, 60)
    send(f"http://127.0.0.1:{world.ports['blue_api']}/api/products", 400)
    time.sleep(SCRAPES_SECONDS)
    code, decision = ask(world, passed_out, policy)
    assert code == 3
    assert "is not the intended share" in finding(decision, "traffic-seen")["sentence"]


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_without_prometheus_it_is_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    assert world.testbed("stop", "prometheus").code == 0
    try:
        code, decision = ask(world, passed_out, policy)
    finally:
        assert world.testbed("start", "prometheus").code == 0
    assert (code, decision["decision"]) == (3, "hold")
    assert finding(decision, "traffic-share")["measured"] == "error"


@pytest.mark.usefixtures("at_half")
@pytest.mark.slow  # proof-ramp runs it
def test_vanished_metrics_are_a_hold(world: TestWorld, passed_out: Path, policy: str) -> None:
    shop(world, 200)
    world.testbed("stop", "green")
    try:
        time.sleep(6)
        code, decision = ask(world, passed_out, policy)
    finally:
        assert world.testbed("start", "green").code == 0
    assert (code, decision["decision"]) == (3, "hold")
    assert finding(decision, "errors-against-blue")["measured"] == "stale"
