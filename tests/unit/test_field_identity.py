"""One event counts once, whatever replicas, jobs and copies a Prometheus has."""

import re

import pytest
from field_changes import (
    REPLICAS,
    THREE,
    decided,
    federated,
    federated_instance,
    federated_without_names,
    on_counters_only,
    one_more_label,
    pod_and_address,
    relabelled,
    second_job,
    sentences,
)
from field_series import Change, Store

from gates.model import Outcome


def test_a_healthy_ramp_is_a_go() -> None:
    decision = decided(Store())
    assert (decision.outcome, decision.reason) == (Outcome.GO, "all 12 findings pass")
    assert "green answered 7,000 of" in sentences(decision)["traffic-seen"]


@pytest.mark.parametrize("change", REPLICAS)
def test_replicas_that_nobody_declared_are_a_hold(change: Change) -> None:
    decision = decided(Store(scale=0.06, change=change))
    assert decision.outcome is Outcome.HOLD


def test_the_hold_names_the_label_and_both_series() -> None:
    sentence = sentences(decided(Store(scale=0.06, change=on_counters_only)))["traffic-seen"]
    assert "differ in the label 'replica' ('a' and 'b')" in sentence
    assert "replica_labels of the target file" in sentence
    assert sentence.count('instance="green-0:8000"') == 2


@pytest.mark.parametrize("change", REPLICAS)
@pytest.mark.parametrize(("scale", "outcome"), [(1.0, Outcome.GO), (0.06, Outcome.HOLD)])
def test_declared_replicas_count_once(change: Change, scale: float, outcome: Outcome) -> None:
    store = Store(scale=scale, change=change)
    decision = decided(store, replica_labels=("replica",))
    assert decision.outcome is outcome, decision.reason
    known = re.search(r"of ([0-9,]+) \(", sentences(decision)["errors-against-blue"])
    assert known is not None
    # The newest sample of the second replica is 8 s old.
    assert 6900 * scale <= float(known[1].replace(",", "")) <= 7000 * scale


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (second_job, "several jobs scrape green-0:8000"),
        (federated, "differ in the label 'prometheus'"),
        (federated_instance, "two names of one process"),
        (federated_without_names, "two names of one process"),
        (pod_and_address, "two names of one process"),
        (one_more_label, "differ in the label 'shard'"),
    ],
)
def test_events_that_would_count_twice_are_a_hold(change: Change, words: str) -> None:
    decision = decided(Store(scale=0.06, change=change))
    assert decision.outcome is Outcome.HOLD
    assert words in sentences(decision)["errors-against-blue"]


def test_pods_that_start_and_count_alike_are_several_processes() -> None:
    assert decided(Store(green=THREE)).outcome is Outcome.GO


def test_a_series_that_follows_another_counts_on() -> None:
    decision = decided(Store(change=relabelled))
    assert decision.outcome is Outcome.GO, decision.reason
    assert "green answered 7,000 of" in sentences(decision)["traffic-seen"]
