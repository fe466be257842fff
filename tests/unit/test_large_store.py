"""A large store: sums by instance count as raw samples do, and a look asks for what is new."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bundle import Line, Metrics, healthy
from computing_source import ComputingSource
from judging import AT, GREEN, NOW, evidence, stage_of
from thorough import THOROUGH

from gates.evidence import collect
from gates.evidence.collect import Question, collect_evidence
from gates.evidence.metrics import store_size
from gates.evidence.metrics.reader import MetricsMemory
from gates.evidence.metrics.store_size import StoreSize
from gates.judging.decide import judge
from gates.model import (
    ComparisonObjective,
    Decision,
    Measured,
    Outcome,
    ShareObjective,
    Target,
    Verdict,
)

STAGE = stage_of(
    "traffic-share",
    "traffic-seen",
    "errors-against-blue",
    "latency-against-blue",
    "payments-against-blue",
    "browsing-refused",
    "logins-refused",
    "anything-refused",
    "payments-declined",
    "orders-placed",
    "payments-captured",
    "green-up",
    "errors-trigger",
    "latency-trigger",
    "restarts",
    "error-ratio",
    "latency-p95",
    "cache-hits",
    share=0.2,
)
NOWHERE = Path("no-such-folder")
SUMMED = "sum by (instance, job, slot) ("


def ask(  # noqa: PLR0913 - each test changes another part of the question
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    *,
    raw_samples: int = 1,
    target: Target = GREEN,
    memory: MetricsMemory | None = None,
    at: float = AT,
) -> tuple[Decision, ComputingSource]:
    """A decision, by sums unless so many raw samples are accepted."""
    source = ComputingSource(metrics)
    monkeypatch.setattr(store_size, "MAX_RAW_SAMPLES", raw_samples)
    monkeypatch.setattr(collect, "source_named", lambda *_: source)
    monkeypatch.setattr(collect, "served_build", lambda _: evidence().served)
    question = Question(STAGE, target, NOWHERE, NOWHERE, at, metrics=memory or MetricsMemory())
    facts, view = collect_evidence(question)
    moment = NOW.fromtimestamp(at, NOW.tzinfo)
    return judge(STAGE, facts, moment, view), source


def sentences(decision: Decision) -> dict[str, tuple[Verdict, str]]:
    return {item.objective: (item.verdict, item.sentence) for item in decision.findings}


def finding(decision: Decision, name: str) -> tuple[Verdict, str]:
    return sentences(decision)[name]


def as_it_is(metrics: Metrics) -> None:
    """Nothing is unusual."""


def a_restart(metrics: Metrics) -> None:
    """The process of an instance of each colour starts again, and counts from zero."""
    for instance, ago in (("green-1:5000", 400.0), ("blue-2:5000", 900.0)):
        for line in metrics.lines:
            if line.labels.get("instance") != instance or line.labels["__name__"] in ("up", INFO):
                continue
            if line.labels["__name__"] == START:
                line.points = [(at, AT - ago if at > AT - ago else v) for at, v in line.points]
                continue
            begin = max(value for at, value in line.points if at <= AT - ago)
            line.points = [(at, v - begin if at > AT - ago else v) for at, v in line.points]


INFO, START = "kirana_build_info", "process_start_time_seconds"


def a_gap(metrics: Metrics) -> None:
    """Prometheus did not scrape an instance for a time."""
    metrics.keep(lambda at: not AT - 300 < at < AT - 200, instance="green-2:5000")


def failed_scrapes(metrics: Metrics) -> None:
    """Prometheus could not scrape an instance for a time."""
    metrics.change(lambda at, v: 0.0 if failing(at) else v, "up", instance="green-2:5000")
    for line in metrics.lines:
        if line.labels.get("instance") == "green-2:5000" and line.labels["__name__"] != "up":
            line.points = [point for point in line.points if not failing(point[0])]


def failing(at: float) -> bool:
    return AT - 300 < at < AT - 200


def a_late_series(metrics: Metrics) -> None:
    """The first failed request of an instance was some minutes ago."""
    metrics.keep(
        lambda at: at > AT - 250, "http_requests_total", status="500", instance="green-1:5000"
    )


def no_failed_request(metrics: Metrics) -> None:
    """No request of green has failed."""
    metrics.drop("http_requests_total", status="500", slot="green")


def a_new_pod(metrics: Metrics) -> None:
    """An instance of green came in the ramp."""
    metrics.keep(lambda at: at > AT - 500, instance="green-3:5000")
    metrics.change(lambda *_: AT - 505, START, instance="green-3:5000")
    for line in metrics.lines:
        name = line.labels["__name__"]
        if line.labels.get("instance") == "green-3:5000" and name.endswith(("_total", "_count")):
            first = line.points[0][1]
            line.points = [(at, value - first) for at, value in line.points]


def uneven_scrapes(metrics: Metrics) -> None:
    """Each instance is scraped at moments of its own, a little early or late."""
    for line in metrics.lines:
        if shift := sum(map(ord, line.labels.get("instance", ""))) % 11:
            line.points = [(at - shift - (at % 7) / 50, value) for at, value in line.points]


CHANGES = (
    as_it_is,
    a_restart,
    a_gap,
    failed_scrapes,
    a_late_series,
    no_failed_request,
    a_new_pod,
    uneven_scrapes,
)


@pytest.mark.parametrize("change", CHANGES if THOROUGH else CHANGES[::2])
def test_sums_give_the_findings_of_raw_samples(
    change: Callable[[Metrics], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=3)
    change(metrics)
    raw, of_raw = ask(metrics, monkeypatch, raw_samples=10**9)
    sums, of_sums = ask(metrics, monkeypatch)
    assert sentences(sums) == sentences(raw)
    assert not [text for text, _ in of_raw.queries if text.startswith(SUMMED)]
    counters = [text for text, _ in of_sums.queries if "_total" in text or "_bucket" in text]
    assert all(text.startswith(("sum by", "label_replace", "topk")) for text in counters)
    assert not [text for text in counters if 'le="0.5"' in text or "+Inf" in text]
    assert sums.outcome in (Outcome.GO, Outcome.HOLD, Outcome.NO_GO)


def test_selectors_with_one_more_label_share_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=3)
    shared, of_shared = ask(metrics, monkeypatch)
    monkeypatch.setattr(StoreSize, "is_few", lambda *_: False)
    alone, of_alone = ask(metrics, monkeypatch)
    assert sentences(shared) == sentences(alone)
    texts = {text for text, _ in of_shared.queries if text.startswith("sum by")}
    assert [text for text in texts if text.startswith("sum by (instance, job, slot, status) (")]
    assert len(texts) < len({text for text, _ in of_alone.queries if text.startswith("sum by")})


def test_a_look_names_no_series_where_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of a rollback trigger is short, and has few raw samples of many series."""
    monkeypatch.setattr(store_size, "MAX_RAW_SERIES", 2)
    metrics = healthy(AT, GREEN.expected, steps=2, instances=3)
    _, source = ask(metrics, monkeypatch, raw_samples=10**9)
    assert [text for text, _ in source.queries if text.startswith(SUMMED)]
    assert not [text for text, _ in source.queries if text.startswith("http_requests_total{")]


def copied(metrics: Metrics) -> None:
    """Two replicas of Prometheus scrape every instance, each at its own moments."""
    copies = []
    for line in metrics.lines:
        copies.append(Line({**line.labels, "replica": "a"}, line.points))
        copies.append(Line({**line.labels, "replica": "b"}, [(at - 7, v) for at, v in line.points]))
    metrics.lines = copies


def test_series_of_two_replicas_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=2)
    for line in list(metrics.named("http_requests_total")):
        metrics.lines.append(Line({**line.labels, "replica": "b"}, line.points))
    decision, _ = ask(metrics, monkeypatch)
    verdict, sentence = finding(decision, "errors-against-blue")
    assert verdict is Verdict.INCONCLUSIVE
    assert "differ in the label 'replica' ('' and 'b'): every event would count twice" in sentence
    assert finding(decision, "payments-against-blue")[0] is Verdict.PASS


def test_sums_of_series_with_unknown_labels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server or a proxy may refuse the question about the names of labels."""
    monkeypatch.setattr(ComputingSource, "label_names", lambda *_: None)
    metrics = healthy(AT, GREEN.expected, steps=2, instances=2)
    for line in list(metrics.named("http_requests_total")):
        metrics.lines.append(Line({**line.labels, "replica": "b"}, line.points))
    decision, _ = ask(metrics, monkeypatch)
    verdict, sentence = finding(decision, "errors-against-blue")
    assert verdict is Verdict.INCONCLUSIVE
    assert "cannot tell whether an event counts twice" in sentence


def test_of_declared_replicas_the_sums_of_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=2)
    once, _ = ask(metrics, monkeypatch)
    copied(metrics)
    target = replace(GREEN, replica_labels=("replica",))
    decision, source = ask(metrics, monkeypatch, target=target)
    assert finding(decision, "traffic-seen") == finding(once, "traffic-seen")
    assert any("slot, replica) (" in text for text, _ in source.queries)


def test_a_bucket_of_two_spellings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2)
    for line in list(metrics.named("http_request_duration_seconds_bucket", le="1.0")):
        metrics.lines.append(Line({**line.labels, "le": "1"}, line.points))
    decision, _ = ask(metrics, monkeypatch)
    verdict, sentence = finding(decision, "latency-against-blue")
    assert verdict is Verdict.INCONCLUSIVE
    assert "a bucket of http_request_duration_seconds_bucket is spelled '1' and '1.0'" in sentence


def test_a_bucket_that_no_instance_exports_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2)
    metrics.drop("http_request_duration_seconds_bucket", le="1.0", slot="green")
    decision, _ = ask(metrics, monkeypatch)
    assert finding(decision, "latency-against-blue")[0] is Verdict.INCONCLUSIVE


def test_a_second_look_asks_for_what_is_new_and_answers_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=2)
    memory = MetricsMemory()
    earlier = replace_until(metrics, AT - 30)
    _, whole = ask(earlier, monkeypatch, memory=memory, at=AT - 30)
    later, new = ask(metrics, monkeypatch, memory=memory)
    fresh, _ = ask(metrics, monkeypatch)
    assert sentences(later) == sentences(fresh)
    assert max(seconds for text, seconds in whole.queries if text.startswith(SUMMED)) > 2000
    assert max(seconds for text, seconds in new.queries if text.startswith(SUMMED)) <= 151
    assert max(seconds for text, seconds in new.queries if text.startswith("up{")) <= 151


def replace_until(metrics: Metrics, until: float) -> Metrics:
    """The metrics as Prometheus had them at an earlier moment."""
    lines = [
        Line(line.labels, [point for point in line.points if point[0] <= until])
        for line in metrics.lines
    ]
    return Metrics([line for line in lines if line.points], until)


@pytest.mark.parametrize("raw_samples", [1, 10**9])
def test_a_sample_that_comes_late_is_read_in_the_next_look(
    raw_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = healthy(AT, GREEN.expected, steps=2, instances=2)
    memory = MetricsMemory()
    earlier = replace_until(metrics, AT - 30)
    earlier.keep(lambda at: at < AT - 70, instance="green-1:5000")
    ask(earlier, monkeypatch, memory=memory, at=AT - 30, raw_samples=raw_samples)
    later, _ = ask(metrics, monkeypatch, memory=memory, raw_samples=raw_samples)
    fresh, _ = ask(metrics, monkeypatch, raw_samples=raw_samples)
    assert sentences(later) == sentences(fresh)


def test_beyond_the_limits_the_answer_names_the_size_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a start time a sum would hide a restart, so raw samples are needed."""
    metrics = healthy(AT, GREEN.expected, steps=2, instances=3)
    monkeypatch.setattr(store_size, "MAX_SLICES", 3)
    objectives = tuple(
        replace(item, processes=replace(item.processes, start_time=""))
        for item in STAGE.objectives
        if isinstance(item, ComparisonObjective)
    )
    shares = tuple(item for item in STAGE.objectives if isinstance(item, ShareObjective))
    stage = replace(STAGE, objectives=(*shares, *objectives))
    monkeypatch.setattr("test_large_store.STAGE", stage)
    decision, _ = ask(metrics, monkeypatch, raw_samples=30)
    item = next(
        finding for finding in decision.findings if finding.objective == "errors-against-blue"
    )
    assert item.measured is Measured.ERROR
    assert "the query reads up to" in item.sentence
    assert "record the sums of each instance with a recording rule" in item.sentence
