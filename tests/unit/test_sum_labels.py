"""Sums count an event once only where the gate knows every label of the series in the window."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from bundle import Line, healthy
from computing_source import ComputingSource
from judging import AT, GREEN

from gates.evidence.metrics import store_size
from gates.evidence.metrics.query_threads import QueryThreads
from gates.evidence.metrics.reader import MetricsMemory, MetricsReader
from gates.judging.metric_query import MetricQuery, SumPart
from gates.model import Access, Measured, SampleSet
from gates.model.selector import SUM_OF
from gates.sources import prometheus
from gates.sources.http import Answer
from gates.sources.prometheus import Prometheus

ALL = 'http_requests_total{slot="green"}'
FAILED = 'http_requests_total{slot="green",status=~"5.."}'
LABELS = frozenset({"status", "route", "method", "traffic"})
BY = ("instance", "job", "slot")
SHORT, LONG = 300.0, 1800.0
ANY = "http_requests_total{}"


@pytest.fixture(autouse=True)
def every_store_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_size, "MAX_RAW_SAMPLES", 1)


def requests(seconds: float, *, selector: str = ALL) -> list[MetricQuery]:
    """The queries of all requests and of the failed requests in a window."""
    failed = selector.removesuffix("}") + ',status=~"5.."}'
    clock = 'up{slot="green"}'
    return [
        MetricQuery(text, seconds, (SumPart(text, text, whole),), clock, LABELS, BY)
        for text, whole in ((selector, ""), (failed, selector))
    ]


def read(
    source: ComputingSource, *windows: float, memory: MetricsMemory | None = None, at: float = AT
) -> list[dict[str, SampleSet]]:
    """The answers of one look about each window, the windows one after another."""
    with QueryThreads(4) as threads:
        reader = MetricsReader(source, threads, at, memory or MetricsMemory())
        return [reader.answers(reader.send(requests(seconds))) for seconds in windows]


def read_parts(total: str, failed: str) -> dict[str, SampleSet]:
    """The answers about all events, and about a part of the events."""
    whole, _ = requests(SHORT, selector=total)
    part = replace(whole, selector=failed, parts=(SumPart(failed, failed, total),))
    with QueryThreads(4) as threads:
        reader = MetricsReader(store(), threads, AT, MetricsMemory())
        return reader.answers(reader.send([whole, part]))


def problems(answers: dict[str, SampleSet]) -> set[str]:
    return {answer.problem for answer in answers.values()}


def store(instances: int = 1) -> ComputingSource:
    return ComputingSource(healthy(AT, GREEN.expected, instances=instances))


def doubled_until(source: ComputingSource, moment: float) -> None:
    """A second Prometheus wrote the series of green, too, until a moment."""
    metrics = source.metrics
    for line in list(metrics.named("http_requests_total", slot="green")):
        points = [point for point in line.points if point[0] <= moment]
        metrics.lines.append(Line({**line.labels, "replica": "b"}, points))


def test_labels_of_a_short_window_are_not_those_of_a_longer_window() -> None:
    source = store()
    doubled_until(source, AT - 900)
    short, long = read(source, SHORT, LONG)
    assert problems(short) == {""}
    assert all("every event would count twice" in problem for problem in problems(long))


def test_a_later_look_knows_the_labels_of_the_whole_window() -> None:
    source, memory = store(), MetricsMemory()
    doubled_until(source, AT - 900)
    read(source, SHORT, LONG, memory=memory, at=AT - 30)
    (_, long) = read(source, SHORT, LONG, memory=memory)
    assert all("every event would count twice" in problem for problem in problems(long))


def test_labels_of_a_pause_between_looks_are_known_to_the_longer_window() -> None:
    source, memory = store(), MetricsMemory()
    read(source, SHORT, LONG, memory=memory, at=AT - 1000)
    doubled_until(source, AT - 600)
    source.metrics.keep(lambda at: at > AT - 800, "http_requests_total", replica="b")
    _, long = read(source, SHORT, LONG, memory=memory)
    assert any("every event would count twice" in problem for problem in problems(long))


def test_labels_are_asked_again_after_a_clock_was_set_back() -> None:
    source, memory = store(), MetricsMemory()
    read(source, SHORT, memory=memory, at=AT)
    doubled_until(source, AT)
    (short,) = read(source, SHORT, memory=memory, at=AT - 60)
    assert all("every event would count twice" in problem for problem in problems(short))


@pytest.mark.parametrize("names", [frozenset(), frozenset({"__name__", "instance", "slot"})])
def test_an_answer_without_all_labels_of_the_sums_is_no_answer(
    names: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may answer an empty list, where it does not pass the question on."""
    source = store()
    doubled_until(source, AT)
    monkeypatch.setattr(ComputingSource, "label_names", lambda *_: names)
    (answers,) = read(source, SHORT)
    assert all("cannot tell whether an event counts twice" in item for item in problems(answers))


def test_an_instance_without_the_label_of_failures_has_not_no_failures() -> None:
    """The series of another instance have the label, which shows nothing about this instance."""
    source = store(instances=2)
    metrics = source.metrics
    metrics.drop("http_requests_total", status="500", slot="green")
    points = next(metrics.named("http_requests_total", instance="green-2:5000")).points
    metrics.drop("http_requests_total", instance="green-2:5000")
    labels = {"__name__": "http_requests_total", "slot": "green", "job": "store"}
    metrics.lines.append(Line({**labels, "instance": "green-2:5000"}, points))
    (answers,) = read(source, SHORT)
    (total, failed) = answers.values()
    assert {line.labels["instance"] for line in total.series} == {"green-1:5000", "green-2:5000"}
    assert {line.labels["instance"] for line in failed.series} == {"green-1:5000"}


@pytest.mark.parametrize("names", [None, frozenset[str]()])
def test_where_labels_are_unknown_a_short_window_is_read_raw(
    names: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback trigger fires where a proxy does not pass the question about labels on."""
    monkeypatch.setattr(store_size, "MAX_RAW_SERIES", 2)
    monkeypatch.setattr(store_size, "MAX_RAW_SAMPLES", 200)
    monkeypatch.setattr(ComputingSource, "label_names", lambda *_: names)
    source = store()
    short, long = read(source, SHORT, LONG)
    assert problems(short) == {""}
    assert not any(SUM_OF in line.labels for answer in short.values() for line in answer.series)
    assert all("cannot tell whether an event counts twice" in item for item in problems(long))


@pytest.mark.parametrize(
    "failed", ['http_failures_total{slot="green"}', '{slot="green",__name__=~"http_fail.*"}']
)
def test_a_metric_of_failures_that_is_missing_does_not_show_that_none_occurred(failed: str) -> None:
    """A new build may have another name for the metric."""
    answers = read_parts(ALL, failed)
    assert [answer.measured for answer in answers.values()] == [Measured.OK, Measured.NO_DATA]


def test_no_failures_are_zero_failures_whatever_further_labels_the_series_have() -> None:
    source = store()
    source.metrics.drop("http_requests_total", status="500", slot="green")
    for line in source.metrics.lines:
        line.labels["pod"] = line.labels["instance"]
    (answers,) = read(source, SHORT)
    (_, failed) = answers.values()
    assert {value for line in failed.series for _, value in line.samples} == {0.0}


def test_selectors_of_one_expression_of_names_are_of_the_same_metrics() -> None:
    both = '{slot="green",__name__=~"http_(requests|failures)_total"}'
    answers = read_parts(both, both.replace("}", ',status="502"}'))
    assert [answer.measured for answer in answers.values()] == [Measured.OK, Measured.OK]


@pytest.mark.parametrize(
    ("more", "is_complete"),
    [({}, True), ({"warnings": ["truncated"]}, False), ({"isPartial": True}, False)],
)
def test_names_of_labels_that_are_not_complete_are_unknown(
    more: dict[str, object], monkeypatch: pytest.MonkeyPatch, *, is_complete: bool
) -> None:
    body = json.dumps({"status": "success", "data": ["__name__", "instance"], **more}).encode()
    monkeypatch.setattr(prometheus, "get", lambda *_, **__: Answer(200, body, ""))
    source = Prometheus("http://p", Access(5.0))
    names = source.label_names(ALL, timedelta(seconds=SHORT), AT)
    assert names == (frozenset({"__name__", "instance"}) if is_complete else None)
