"""Rollback triggers are asked first, over their own windows, whatever becomes of the history."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from bundle import Metrics, healthy
from judging import AT, GREEN, NOW, evidence, stage_of

from gates.evidence import collect
from gates.evidence.collect import Question, collect_evidence
from gates.judging.decide import judge, needed_queries
from gates.model import Decision, Measured, Outcome, SampleSet, Verdict

STAGE = stage_of("traffic-share", "errors-against-blue", "errors-trigger", share=0.3)
TRIGGER_SECONDS = 480.0
WEIGHTS_SECONDS = 21600.0
FAILING = 0.2
WEIGHTS = "haproxy_server_weight"


@dataclass
class KnownSource:
    """A source that answers from series in memory; some answers fail or never come."""

    metrics: Metrics
    fails: Callable[[float], bool] = lambda _: False
    blocks: Callable[[float], bool] = lambda _: False
    url: str = "http://p"
    windows: list[float] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        seconds = window.total_seconds()
        self.windows.append(seconds)
        answer = self.metrics.samples(selector, seconds, at)
        if self.blocks(seconds):
            self.released.wait(10)
        if self.fails(seconds):
            return replace(answer, measured=Measured.ERROR, problem="no answer", series=())
        return answer

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """Nothing: this source does not compute."""
        del step
        return SampleSet(
            expression, self.url, window, at, Measured.ERROR, "this source does not compute", ()
        )

    def label_names(self, selector: str, window: timedelta, at: float) -> None:
        """Unknown."""


def is_history(seconds: float) -> bool:
    return seconds not in (TRIGGER_SECONDS, WEIGHTS_SECONDS)


def failing_since(begin: float, end: float = AT) -> Metrics:
    """Green fails a fifth of its requests between two moments."""
    metrics = healthy(AT, GREEN.expected)
    lines = {
        line.labels["status"]: line
        for line in metrics.named("http_requests_total", slot="green", route="/api/products")
    }
    good, bad = lines["200"], lines["500"]
    shift = good_before = 0.0
    for number, (at, value) in enumerate(good.points):
        if number and begin <= at <= end:
            shift += FAILING * (value - good_before)
        good_before = value
        bad.points[number] = (at, bad.points[number][1] + shift)
        good.points[number] = (at, value - shift)
    return metrics


def decided(source: KnownSource, monkeypatch: pytest.MonkeyPatch) -> Decision:
    monkeypatch.setattr(collect, "source_named", lambda *_: source)
    monkeypatch.setattr(collect, "served_build", lambda _: evidence().served)
    monkeypatch.setattr(collect, "MAX_SECONDS_AFTER_TRIGGER", 0.05)
    nowhere = Path("no-such-folder")
    facts, view = collect_evidence(Question(STAGE, GREEN, nowhere, nowhere, AT))
    source.released.set()
    decision = judge(STAGE, facts, NOW, view)
    assert judge(STAGE, facts, NOW) == decision
    return decision


def verdict_of(decision: Decision, name: str) -> Verdict:
    return next(item.verdict for item in decision.findings if item.objective == name)


def test_the_queries_of_triggers_are_the_first_and_short() -> None:
    queries = needed_queries(STAGE, GREEN)
    assert [query.window_seconds for query in queries[:-1]] == [TRIGGER_SECONDS] * 8
    assert 'slot="green"' in queries[0].selector
    assert queries[-1].window_seconds == WEIGHTS_SECONDS


def test_a_trigger_fires_although_the_history_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = KnownSource(failing_since(AT - 450), fails=is_history)
    decision = decided(source, monkeypatch)
    assert decision.outcome is Outcome.ROLLBACK
    fired = "rollback trigger fired: requests failed: green's ratio was over 5 % for 300 s"
    assert decision.reason.startswith(fired)
    assert verdict_of(decision, "errors-against-blue") is Verdict.INCONCLUSIVE


def test_a_trigger_does_not_wait_for_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    source = KnownSource(failing_since(AT - 450), blocks=is_history)
    decision = decided(source, monkeypatch)
    assert decision.outcome is Outcome.ROLLBACK
    (comparison,) = (item for item in decision.findings if item.objective == "errors-against-blue")
    assert "a rollback trigger fired, and the gate did not wait" in comparison.sentence


def test_a_trigger_that_fired_earlier_in_the_ramp_has_fired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = KnownSource(failing_since(AT - 1500, AT - 1000))
    assert decided(source, monkeypatch).outcome is Outcome.ROLLBACK


def test_a_trigger_that_cannot_be_read_is_a_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy_source = KnownSource(healthy(AT, GREEN.expected))
    assert decided(healthy_source, monkeypatch).outcome is Outcome.GO
    source = KnownSource(healthy(AT, GREEN.expected), fails=lambda s: s == TRIGGER_SECONDS)
    decision = decided(source, monkeypatch)
    assert decision.outcome is Outcome.HOLD
    assert verdict_of(decision, "errors-trigger") is Verdict.INCONCLUSIVE


def test_a_trigger_is_judged_in_a_step_that_is_longer_than_its_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = healthy(AT, GREEN.expected)
    began = AT - 3000
    metrics.change(lambda at, _: 30.0 if at >= began else 0.0, WEIGHTS, server="green")
    metrics.change(lambda at, _: 70.0 if at >= began else 100.0, WEIGHTS, server="blue")
    decision = decided(KnownSource(metrics), monkeypatch)
    assert verdict_of(decision, "errors-trigger") is Verdict.PASS
