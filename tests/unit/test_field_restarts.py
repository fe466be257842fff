"""A fall of a counter is not always a restart: dips, workers behind one address, restarts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from field_changes import (
    THREE,
    decided,
    falls,
    restarted,
    sentences,
    silent_reset,
    stepped_back,
    unchanged,
    without,
    without_start_times,
    workers,
)
from field_series import Change, Store, evidence_of, is_of
from judging import decide

from gates.model import Outcome, Series, Verdict


@pytest.mark.parametrize("slot", ["green", "blue"])
@pytest.mark.parametrize("by", [1.0, 3.0, 20.0])
@pytest.mark.parametrize("earlier", [0.0, 4000.0])
def test_a_small_step_back_is_bridged(slot: str, by: float, earlier: float) -> None:
    store = Store(earlier=earlier, change=stepped_back(slot, min(by, 3.0 + by / 10)))
    decision = decided(store)
    assert decision.outcome is Outcome.GO, decision.reason
    assert "green answered 7,000 of 70,450" in sentences(decision)["traffic-seen"]


@pytest.mark.parametrize("slot", ["green", "blue"])
def test_a_large_step_back_is_a_hold_that_names_it(slot: str) -> None:
    store = Store(earlier=4000.0, change=stepped_back(slot, 0.0, part=0.5))
    decision = decided(store)
    assert decision.outcome is Outcome.HOLD
    sentence = sentences(decision)["traffic-seen"]
    assert f"{slot}-0:8000 fell from" in sentence
    assert "its process did not restart" in sentence


def test_counters_that_begin_again_without_a_restart_are_a_hold() -> None:
    decision = decided(Store(errors=0.004, change=silent_reset))
    assert decision.outcome is Outcome.HOLD
    assert "fell from" in sentences(decision)["errors-against-blue"]


@pytest.mark.parametrize("start_times", [True, False])
def test_workers_behind_one_address_are_a_hold_and_never_a_stop(*, start_times: bool) -> None:
    decision = decided(Store(change=workers(start_times=start_times)))
    assert decision.outcome is Outcome.HOLD
    assert not [finding for finding in decision.findings if finding.verdict is Verdict.FAIL]
    assert "several processes behind one address" in decision.reason


@pytest.mark.parametrize("slot", ["green", "blue"])
def test_start_times_that_alternate_never_stop_a_release(slot: str) -> None:
    store = Store(errors=0.3, change=workers(start_times=True, slot=slot))
    decision = decided(store)
    stops = [finding.objective for finding in decision.findings if finding.verdict is Verdict.FAIL]
    # Blue's counts do not matter to a rollback trigger: green's own failures are a rollback.
    assert (decision.outcome, stops) == (
        (Outcome.HOLD, []) if slot == "green" else (Outcome.ROLLBACK, ["errors-trigger"])
    )


def test_a_restart_with_its_start_time_is_counted() -> None:
    decision = decided(Store(change=restarted))
    assert decision.outcome is Outcome.GO, decision.reason
    assert "restarts of one instance of green in this step is 1;" in sentences(decision)["restarts"]
    assert "green answered 7,000 of" in sentences(decision)["traffic-seen"]


@pytest.mark.parametrize("instance", ["", "green-2", "blue"])
def test_a_start_time_that_the_policy_names_and_nobody_exports_is_a_hold(instance: str) -> None:
    missing = without("process_start_time_seconds", instance)
    decision = decided(Store(green=THREE, change=missing))
    assert decision.outcome is Outcome.HOLD
    text = " ".join(sentences(decision).values())
    # Without any start time, or without the start time of one instance.
    assert ("as the sign of a restart: export this series" in text) == (instance != "green-2")
    assert ("export the start time of this instance" in text) == (instance == "green-2")


@pytest.mark.parametrize(
    ("change", "outcome", "restarts"),
    [
        (unchanged, Outcome.GO, 0),
        (restarted, Outcome.GO, 1),
        (stepped_back("green", 1.0), Outcome.GO, 0),
        (workers(start_times=False), Outcome.HOLD, None),
    ],
)
def test_a_policy_may_declare_that_a_fall_is_a_restart(
    change: Change, outcome: Outcome, restarts: int | None
) -> None:
    stage = falls()
    store = Store(change=without_start_times(change))
    decision = decide(evidence_of(store, stage), stage)
    assert decision.outcome is outcome, decision.reason
    if restarts is not None:
        sentence = sentences(decision)["restarts"]
        assert f"restarts of one instance of green in this step is {restarts};" in sentence
        assert "the fall of a counter counts as a restart" in sentence
        assert "green answered 7,000 of 70,450" in sentences(decision)["traffic-seen"]


def test_a_series_of_errors_that_ended_with_its_process_is_no_hold() -> None:
    """A process exports the series of a status after the first response with this status."""

    def lazily(series: Series) -> Iterator[Series]:
        is_error = series.labels.get("status", "").startswith("5") and is_of(series, "green")
        for each in restarted(series):
            yield replace(each, samples=each.samples[:-20]) if is_error else each

    decision = decided(Store(change=lazily))
    assert decision.outcome is Outcome.GO, decision.reason


def test_a_series_of_errors_that_ends_while_its_process_lives_is_a_hold() -> None:
    def ended(series: Series) -> Iterator[Series]:
        is_error = series.labels.get("status", "").startswith("5") and is_of(series, "green")
        yield replace(series, samples=series.samples[:-20]) if is_error else series

    decision = decided(Store(change=ended))
    assert decision.outcome is Outcome.HOLD, decision.reason
