"""Sets of indicators: included by a policy, complete, and part of the policy's digest."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from exposed_systems import SYSTEMS, lines, write
from set_policy import NO_HISTOGRAM, RELEASE, load_policy
from worlds import ROOT

from gates.backtest import recording_file
from gates.backtest.replay import Replay, replay
from gates.errors import ConfigurationError
from gates.model import EventIndicator, Outcome, ProcessIndicator, WeightIndicator
from gates.policy import policy_file

SETS = sorted(path.stem for path in (ROOT / "policies" / "indicators").glob("*.toml"))
# The indicators of every set; a balancer without a histogram has none of latency.
ALWAYS = {"requests", "request_errors", "build", "traffic_weights", "processes"}
LATENCY = {"slow_requests", "very_slow_requests"}


def test_every_documented_system_has_a_set() -> None:
    assert SETS == [
        "haproxy",
        "istio",
        "kirana",
        "nginx-ingress",
        "opentelemetry-http",
        "prometheus-client",
    ]


def test_the_set_of_the_store_is_that_of_the_release_policy() -> None:
    content = tomllib.loads((ROOT / "policies" / "indicators" / "kirana.toml").read_text())
    assert content["indicators"] == tomllib.loads(RELEASE.read_text())["indicators"]


@pytest.mark.parametrize("name", SETS)
def test_a_policy_includes_a_set(tmp_path: Path, name: str) -> None:
    indicators = load_policy(tmp_path, name).indicators
    assert set(indicators) >= ALWAYS | (set() if name in NO_HISTOGRAM else LATENCY)
    assert isinstance(indicators["traffic_weights"], WeightIndicator)
    assert isinstance(indicators["processes"], ProcessIndicator)
    events = [kind for kind in indicators.values() if isinstance(kind, EventIndicator)]
    assert all(indicator.labels for indicator in events)


def test_each_set_names_its_restart_signal(tmp_path: Path) -> None:
    signals = {}
    for name in SETS:
        processes = load_policy(tmp_path, name).indicators["processes"]
        assert isinstance(processes, ProcessIndicator)
        signals[name] = processes.start_time.partition("{")[0], processes.fall_is_restart
    assert signals == {
        "haproxy": ("haproxy_process_start_time_seconds", False),
        "istio": ("istio_agent_process_start_time_seconds", False),
        "kirana": ("process_start_time_seconds", False),
        "nginx-ingress": ("process_start_time_seconds", False),
        "opentelemetry-http": ("", True),
        "prometheus-client": ("process_start_time_seconds", False),
    }


def test_the_unit_of_the_boundaries_is_that_of_the_indicator(tmp_path: Path) -> None:
    units = {name: load_policy(tmp_path, name).indicators["requests"] for name in SETS}
    assert units
    istio = load_policy(tmp_path, "istio").indicators["slow_requests"]
    assert isinstance(istio, EventIndicator)
    assert istio.unit == "milliseconds"


def test_an_indicator_of_the_policy_replaces_that_of_the_set(tmp_path: Path) -> None:
    own = """
[indicators.requests]
reads = "requests of mine"
total = 'my_requests_total{slot="$slot"}'
"""
    indicators = load_policy(tmp_path, "istio", own).indicators
    assert isinstance(indicators["requests"], EventIndicator)
    assert indicators["requests"].reads == "requests of mine"
    assert "slow_requests" in indicators


def test_the_digest_covers_the_included_file(tmp_path: Path) -> None:
    folder = tmp_path / "indicators"
    folder.mkdir()
    text = (ROOT / "policies" / "indicators" / "istio.toml").read_text()
    (folder / "mine.toml").write_text(text)
    first = load_policy(tmp_path, "mine").digest
    (folder / "mine.toml").write_text(text + "# another file\n")
    assert load_policy(tmp_path, "mine").digest != first
    assert first != hashlib.sha256((tmp_path / "policy.toml").read_bytes()).hexdigest()


def test_without_a_set_the_digest_is_that_of_the_file() -> None:
    expected = hashlib.sha256(RELEASE.read_bytes()).hexdigest()
    assert policy_file.load(RELEASE).digest == expected


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "a/b", "Istio", "istio.toml/..", "", "." * 70, "a" * 70],
)
def test_only_a_name_of_a_set_is_included(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="include: expected a set of indicators"):
        load_policy(tmp_path, name)


def test_an_unknown_set_is_refused_with_the_known_sets(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="installed sets are indicators/haproxy"):
        load_policy(tmp_path, "isto")


def test_a_mistake_in_a_set_names_the_set(tmp_path: Path) -> None:
    (tmp_path / "indicators").mkdir()
    path = tmp_path / "indicators" / "mine.toml"
    path.write_text("schema = 2\n[indicators.requests]\nreads = 'x'\ntotal = 'rate(a[5m])'\n")
    with pytest.raises(ConfigurationError) as caught:
        load_policy(tmp_path, "mine")
    assert str(path) in str(caught.value)
    path.write_text("schema = 2\nname = 'x'\n[indicators]\n")
    with pytest.raises(ConfigurationError, match="name: unknown key"):
        load_policy(tmp_path, "mine")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("up = 'up'\nstart_time = 'a{slot=\"$slot\"}'", "expected $slot in the selector"),
        ("up = 'up{slot=\"$slot\"}'", "or fall_is_restart = true"),
        ("up = 'up{slot=\"$slot\"}'\nfall_is_restart = false", "or fall_is_restart = true"),
        (
            "up = 'up{slot=\"$slot\"}'\nstart_time = 'a{slot=\"$slot\"}'\nfall_is_restart = true",
            "or fall_is_restart = true",
        ),
        (
            "up = 'up{slot=\"$slot\"}'\nfall_is_restart = true\nof_both_colours = true",
            "expected a selector without $slot",
        ),
    ],
)
def test_processes_name_their_restart_signal(tmp_path: Path, wrong: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_policy(tmp_path, "istio", f"\n[indicators.processes]\n{wrong}\n")
    assert message in str(caught.value)


def test_the_labels_of_a_metric_are_those_of_all_its_selectors() -> None:
    indicators = policy_file.load(RELEASE).indicators
    slow, refused = indicators["slow_requests"], indicators["browsing_refusals"]
    assert isinstance(slow, EventIndicator)
    assert isinstance(refused, EventIndicator)
    store = {"deployment", "method", "route", "status", "traffic"}
    assert slow.labels == {*store, "le"}
    assert refused.labels == store


def replayed(folder: Path, name: str, errors: float) -> Replay:
    policy = load_policy(folder, name)
    path = write(folder / "ramp.jsonl", lines(SYSTEMS[name], errors))
    return replay(recording_file.read(path, policy.indicators), policy)


@pytest.mark.parametrize("name", SETS)
def test_a_healthy_ramp_of_each_system_is_a_go(tmp_path: Path, name: str) -> None:
    result = replayed(tmp_path, name, 0.0005)
    assert (result.decision, result.stopped_at) == (Outcome.GO, None), result.reason
    assert result.left_out == ("served-build", "live-build")


@pytest.mark.parametrize("name", SETS)
def test_a_failing_ramp_of_each_system_is_rolled_back(tmp_path: Path, name: str) -> None:
    result = replayed(tmp_path, name, 0.2)
    assert result.decision is Outcome.ROLLBACK, result.reason
    assert result.stopped_at is not None
    assert result.stopped_at <= 46
    assert "requests failed: green" in result.reason
