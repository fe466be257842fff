"""What the checks of consistency are made of: entropy, counters, acts at once, busy machines."""

import random
import secrets
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from gates.model import CheckOutcome
from suites.client import waiting
from suites.consistency.counting import ExpectedIncreases, counted, difference, key
from suites.consistency.crowd import SENDERS, at_once
from suites.inspection import estimated_bits
from suites.performance.busyness import WakeUpDelays, excuse
from suites.problem import Problem
from suites.pytest_plugin.recorder import INCONCLUSIVE, ReportRecorder

DICE = random.Random(4)
When = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]
EXPOSITION = """
http_requests_total{deployment="green",route="/api/cart",method="GET",status="200",traffic="synthetic"} 4
http_requests_total{deployment="green",route="/api/health",method="GET",status="200",traffic="customer"} 9
orders_total{deployment="green",status="placed",traffic="synthetic"} 2
points_awarded_total{deployment="green"} 69
cache_hits_total{deployment="green"} 7
"""  # noqa: E501 - lines of an exposition


def test_random_identifiers_have_many_bits_and_counted_ones_few() -> None:
    drawn = [f"ord_{uuid.UUID(int=DICE.getrandbits(128), version=4).hex}" for _ in range(SENDERS)]
    assert estimated_bits(drawn) > 90
    assert estimated_bits([secrets.token_urlsafe(32) for _ in range(SENDERS)]) > 150
    assert estimated_bits([f"ord_{number:032x}" for number in range(700, 700 + SENDERS)]) < 10
    clock = 1_800_000_000_000_000_000
    times = [f"ord_{clock + DICE.randrange(10**8):032x}" for _ in range(SENDERS)]
    assert estimated_bits(times) < 40


def test_an_identifier_that_was_handed_out_twice_has_no_bits() -> None:
    assert estimated_bits([*(secrets.token_hex(16) for _ in range(5)), "a" * 32, "a" * 32]) == 0


def test_counters_are_read_by_their_labels_without_health_checks() -> None:
    assert counted(EXPOSITION) == {
        key("http_requests_total", ("/api/cart", "GET", "200", "synthetic")): 4,
        key("orders_total", ("placed", "synthetic")): 2,
        key("points_awarded_total", ()): 69,
    }


def test_every_difference_of_counters_is_named() -> None:
    expected = ExpectedIncreases()
    expected.add("orders_total", "placed", "synthetic")
    expected.add("points_awarded_total", count=69)
    before = Counter({key("orders_total", ("placed", "synthetic")): 2})
    after = before + Counter({key("points_awarded_total", ()): 138})
    assert difference(before, before + expected.counts, expected.counts) == []
    assert difference(before, after, expected.counts) == [
        "orders_total{placed, synthetic} increased by 0 instead of 1",
        "points_awarded_total{} increased by 138 instead of 69",
    ]


def test_acts_at_once_overlap_and_keep_their_order() -> None:
    running, most = 0, 0

    def act(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return number

    assert at_once([partial(act, number) for number in range(8)]) == list(range(8))
    assert most > 1


def test_pauses_of_a_wait_grow_and_end_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("suites.client.waiting.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("suites.client.waiting.time.sleep", sleep)
    with pytest.raises(AssertionError, match="last value: 0"):
        waiting.wait_until("never", lambda: 0, lambda _: False, seconds=6)
    assert sum(pauses) == pytest.approx(6)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert len(pauses) < 25


UNSURE = Problem("unsure", is_inconclusive=True)


@pytest.mark.parametrize(
    ("problem", "median", "delay", "expected"),
    [
        (Problem("P95 is over"), 0.01, 0.001, Problem("P95 is over")),
        (Problem("P95 is over"), 0.2, 0.02, Problem("P95 is over")),
        (UNSURE, 0.01, 0.02, UNSURE),
        (
            Problem("P95 is over"),
            0.01,
            0.02,
            Problem(
                "this machine was busy (5 % of the wake-ups of a sleeping thread were at least "
                "0.020 s late): P95 is over",
                is_inconclusive=True,
            ),
        ),
    ],
)
def test_a_busy_machine_excuses_what_it_may_have_caused(
    problem: Problem, median: float, delay: float, expected: Problem
) -> None:
    assert excuse(problem, median, delay, 0.1) == expected


def test_delays_of_wake_ups_are_measured() -> None:
    with WakeUpDelays() as delays:
        time.sleep(0.05)
    assert 0 <= delays.p95_seconds < 5


def test_an_inconclusive_check_is_recorded_as_such(tmp_path: Path) -> None:
    recorder = ReportRecorder(tmp_path, "", ())
    properties = [("kirana_check", "performance.x"), (INCONCLUSIVE, "a busy machine")]
    phases: tuple[tuple[When, Outcome], ...] = (
        ("setup", "passed"),
        ("call", "skipped"),
        ("teardown", "passed"),
    )
    for when, outcome in phases:
        report = pytest.TestReport(
            "x.py::test_x", ("x.py", 1, "x"), {}, outcome, None, when, user_properties=properties
        )
        recorder.report(report)
    assert recorder.outcomes == {"performance.x": [CheckOutcome.INCONCLUSIVE]}
    text = (tmp_path / "checks.jsonl").read_text()
    assert '"inconclusive"' in text
    assert "a busy machine" in text
