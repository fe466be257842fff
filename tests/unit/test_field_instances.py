"""Instances that come and go, statuses that never occurred, and ratios over a window."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from field_changes import (
    METRIC,
    REPLACED,
    REPLICAS,
    THREE,
    WINDOW,
    decided,
    down,
    federated_instance,
    frozen,
    native,
    nothing_is_scraped,
    of_one_instance,
    of_replicas,
    relabelled,
    renamed_status,
    restarted,
    second_job,
    sentences,
    silent,
    silent_reset,
    stepped_back,
    without,
    workers,
)
from field_series import LIVE, Change, Pod, Store, evidence_of, is_counter, labelled
from judging import GREEN, decide

from gates.model import Outcome, Series, Stage, Verdict
from gates.model.selector import NAME

if TYPE_CHECKING:
    from gates.model import Objective


def test_a_pod_that_was_replaced_holds_nothing() -> None:
    for slot in ("green", "blue"):
        old = Pod(f"{slot}-2:8000", died=300, part=1 / 3)
        new = Pod(f"{slot}-9:8000", born=299, part=1 / 3)
        pods = (*(Pod(f"{slot}-{n}:8000", part=1 / 3) for n in range(2)), old, new)
        decision = decided(Store(green=pods) if slot == "green" else Store(blue=pods))
        assert decision.outcome is Outcome.GO, decision.reason


def test_steady_churn_of_an_autoscaler_holds_nothing() -> None:
    born = range(0, 3000, 100)
    pods = tuple(Pod(f"green-{at}:8000", born=at + 200, died=at or None, part=1 / 2) for at in born)
    decision = decided(Store(green=pods))
    assert decision.outcome is Outcome.GO, decision.reason


def test_the_same_address_may_come_back_with_another_process() -> None:
    """A pod of a stateful set leaves the discovery for 90 s, and comes back."""
    pods = (
        Pod("green-0:8000", part=0.5),
        Pod("green-1:8000", died=400, part=0.5),
        Pod("green-1:8000", born=310, part=0.5),
    )
    decision = decided(Store(green=pods))
    assert sentences(decision)["green-up"].startswith("green was down for 0 s")
    assert decision.outcome is Outcome.GO, decision.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (down, "green-2:8000 is down"),
        (frozen, "has no sample of green-2:8000 for"),
        (nothing_is_scraped, "s old, limit 60 s"),
        (silent, "has no series of green-2:8000, although Prometheus has scraped"),
    ],
)
def test_an_instance_that_is_not_seen_and_not_gone_is_a_hold(change: Change, words: str) -> None:
    decision = decided(Store(green=THREE, change=change))
    assert decision.outcome is Outcome.HOLD
    assert words in " ".join(sentences(decision).values())


def test_a_new_pod_without_a_request_holds_nothing() -> None:
    pods = (Pod("green-0:8000"), Pod("green-9:8000", born=60, part=0.0))
    store = Store(
        green=pods,
        change=lambda series: (
            line
            for line in [series]
            if line.labels["instance"] != "green-9:8000" or not is_counter(line)
        ),
    )
    decision = decided(store)
    assert decision.outcome is Outcome.GO, decision.reason


def test_a_status_that_never_occurred_is_no_event() -> None:
    decision = decided(Store(errors=0.0, with_zero=False))
    assert decision.outcome is Outcome.GO, decision.reason
    assert "green 0 of 7,000" in sentences(decision)["errors-against-blue"]


@pytest.mark.parametrize(
    ("change", "green"),
    [(renamed_status, THREE[:1]), (of_one_instance, THREE), (without(METRIC), THREE[:1])],
)
def test_a_missing_metric_or_label_is_blindness(change: Change, green: tuple[Pod, ...]) -> None:
    decision = decided(Store(errors=0.0, with_zero=False, green=green, change=change))
    assert decision.outcome is Outcome.HOLD
    sentence = sentences(decision)["errors-against-blue"]
    expected = (
        "has no label 'status'",
        "matches the indicator 'request_errors'",
        "no series matches",
    )
    assert any(words in sentence for words in expected)


def test_a_native_histogram_is_a_hold_of_the_latency_alone() -> None:
    decision = decided(Store(change=native))
    assert decision.outcome is Outcome.HOLD
    unsure = {f.objective for f in decision.findings if f.verdict is Verdict.INCONCLUSIVE}
    assert unsure == {"latency-against-blue", "latency-trigger"}


@pytest.mark.parametrize(
    "store",
    [
        Store(errors=0.2),
        Store(errors=0.2, change=stepped_back("green", 1.0)),
        Store(errors=0.2, green=REPLACED),
        Store(errors=0.2, with_zero=False),
        Store(errors=0.2, change=relabelled),
        Store(errors=0.2, change=restarted),
    ],
)
def test_a_failing_release_is_rolled_back_on_each_of_these_stacks(store: Store) -> None:
    assert decided(store).outcome is Outcome.ROLLBACK


@pytest.mark.parametrize("change", REPLICAS)
def test_a_failing_release_is_rolled_back_with_declared_replicas(change: Change) -> None:
    decision = decided(Store(errors=0.2, change=change), replica_labels=("replica",))
    assert decision.outcome is Outcome.ROLLBACK


# Ratios over one window, as after the ramp.


@pytest.mark.parametrize(
    ("store", "outcome", "words"),
    [
        (Store(), Outcome.GO, "of 5,850 ("),
        (Store(errors=0.2), Outcome.NO_GO, "of 5,850 (20 %)"),
        (Store(errors=0.0, with_zero=False), Outcome.GO, "green: 0 of 5,850 (0 %)"),
        (Store(change=stepped_back("green", 1.0)), Outcome.GO, "of 5,850 ("),
        (Store(change=relabelled), Outcome.GO, "of 5,850 ("),
        (Store(change=restarted), Outcome.GO, "of 5,850 ("),
        (Store(green=REPLACED), Outcome.GO, "last 600 s"),
        (Store(change=of_replicas), Outcome.HOLD, "differ in the label 'replica'"),
        (Store(change=second_job), Outcome.HOLD, "several jobs scrape"),
        (Store(change=federated_instance), Outcome.HOLD, "two names of one process"),
        (Store(change=silent_reset), Outcome.HOLD, "fell from"),
        (Store(change=workers(start_times=True)), Outcome.HOLD, "behind one address"),
        (Store(change=workers(start_times=False)), Outcome.HOLD, "fell from"),
        (Store(change=without(METRIC)), Outcome.HOLD, "no series matches"),
        (Store(errors=0.0, change=renamed_status), Outcome.HOLD, "no label 'status'"),
        (Store(green=THREE, change=frozen), Outcome.HOLD, "s old, limit 60 s"),
        (Store(green=THREE, change=silent), Outcome.HOLD, "of different instances"),
    ],
)
def test_a_ratio_over_a_window_counts_alike(store: Store, outcome: Outcome, words: str) -> None:
    decision = decide(evidence_of(store, WINDOW), WINDOW)
    assert decision.outcome is outcome, decision.reason
    assert words in sentences(decision)["error-ratio"]


@pytest.mark.parametrize("change", REPLICAS)
def test_a_ratio_over_a_window_reads_one_replica_at_a_time(change: Change) -> None:
    target = replace(GREEN, replica_labels=("replica",))
    decision = decide(evidence_of(Store(change=change), WINDOW, target), WINDOW)
    assert decision.outcome is Outcome.GO, decision.reason
    assert "(0.0" in sentences(decision)["error-ratio"]


def test_a_label_of_the_policy_may_name_the_instance() -> None:
    """The counters name their pod; several pods have the address of one collector."""
    pods = tuple(Pod(f"pod-{number}", part=1 / 3) for number in range(3))

    def collected(series: Series) -> Iterator[Series]:
        if series.labels[NAME].startswith("haproxy"):
            yield series
        else:
            yield labelled(series, pod=series.labels["instance"], instance="collector:8889")

    def with_pods(stage: Stage) -> Stage:
        changed: list[Objective] = []
        for objective in stage.objectives:
            if hasattr(objective, "processes"):
                processes = replace(objective.processes, instance_label="pod")
                changed.append(replace(objective, processes=processes))  # type: ignore[arg-type]
            else:
                changed.append(objective)
        return replace(stage, objectives=tuple(changed))

    store = Store(green=pods, blue=(Pod("blue-0"),), change=collected)
    for stage in (LIVE, WINDOW):
        assert decide(evidence_of(store, stage), stage).outcome is Outcome.HOLD
        named = with_pods(stage)
        decision = decide(evidence_of(store, named), named)
        assert decision.outcome is Outcome.GO, decision.reason
