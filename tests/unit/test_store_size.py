"""The size of a store stays known when a question about the size has no usable answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf, nan

import pytest
from bundle import healthy
from computing_source import ComputingSource
from judging import AT, GREEN

from gates.evidence.metrics import store_size
from gates.evidence.metrics.query_threads import QueryThreads
from gates.evidence.metrics.reader import SIZE_SECONDS, MetricsMemory, MetricsReader
from gates.evidence.metrics.store_size import Split, StoreSize
from gates.judging.metric_query import MetricQuery, SumPart
from gates.model import Measured, Sample, SampleSet

ALL = 'http_requests_total{slot="green"}'
FAILED = 'http_requests_total{slot="green",status=~"5.."}'
ORDERS = 'orders_total{slot="green"}'
LABELS = frozenset({"status", "route", "method", "traffic"})
BY = ("instance", "job", "slot")
CLOCK = 'up{slot="green"}'
Change = Callable[[str, SampleSet], SampleSet]


@dataclass
class ChangedSource(ComputingSource):
    """A source whose answers to questions about the size are changed."""

    change: Change = lambda _, answer: answer

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """The values, changed where the question is about the size."""
        answer = super().values(expression, window, step, at)
        return self.change(expression, answer) if "label_replace" in expression else answer


def refused(answer: SampleSet) -> SampleSet:
    return replace(answer, measured=Measured.ERROR, problem="refused", series=())


@pytest.fixture(autouse=True)
def every_store_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_size, "MAX_RAW_SAMPLES", 1)


@pytest.fixture
def source() -> ChangedSource:
    return ChangedSource(healthy(AT, GREEN.expected))


def query(selector: str, seconds: float = 300.0) -> MetricQuery:
    return MetricQuery(selector, seconds, (SumPart(selector, selector),), CLOCK, LABELS, BY)


def look(
    source: ComputingSource,
    *sends: tuple[MetricQuery, ...],
    memory: MetricsMemory | None = None,
    at: float = AT,
) -> list[str]:
    """The problems of the answers of a look that sends queries several times."""
    with QueryThreads(4) as threads:
        reader = MetricsReader(source, threads, at, memory or MetricsMemory())
        answers = [reader.answers(reader.send(queries)) for queries in sends]
    return [answer.problem for each in answers for answer in each.values()]


def sums_of(source: ComputingSource) -> list[str]:
    """The expressions of the sums that were asked for."""
    return [text for text, _ in source.queries if text.startswith("sum by")]


def test_a_large_store_stays_large_while_the_question_has_no_answer(source: ChangedSource) -> None:
    memory = MetricsMemory()
    look(source, (query(ALL),), memory=memory, at=AT - SIZE_SECONDS - 1)
    source.change = lambda _, answer: refused(answer)
    source.queries.clear()
    assert look(source, (query(ALL),), memory=memory) == [""]
    assert sums_of(source)
    source.change = ChangedSource.change
    source.queries.clear()
    look(source, (query(ALL),), memory=memory, at=AT + 1)
    assert [text for text, _ in source.queries if "label_replace" in text], "it is asked again"


def test_where_labels_cannot_be_counted_each_selector_has_its_own_sums(
    source: ChangedSource,
) -> None:
    """A proxy may refuse a long question; counting labels may take Prometheus too long."""
    source.change = lambda text, answer: refused(answer) if "count by" in text else answer
    assert look(source, (query(ALL), query(FAILED))) == ["", ""]
    selectors = {text.partition(") (")[2] for text in sums_of(source)}
    assert selectors == {f"{ALL})", f"{FAILED})"}


@pytest.mark.parametrize("value", [nan, inf])
def test_a_size_that_is_no_number_is_unknown(source: ChangedSource, value: float) -> None:
    def change(_: str, answer: SampleSet) -> SampleSet:
        lines = tuple(replace(line, samples=(Sample(AT, value),)) for line in answer.series)
        return replace(answer, series=lines)

    source.change = change
    assert look(source, (query(ALL),)) == [""]
    assert not sums_of(source)


def test_sums_that_no_answer_could_hold_are_not_few() -> None:
    split = Split(ALL, BY, "route")
    assert StoreSize({ALL: 30_000}, sums={split: 3000}).is_few(split)
    assert not StoreSize({ALL: 300_000}, sums={split: 30_000}).is_few(split)


def test_sends_of_equal_windows_have_a_plan_for_every_selector(source: ChangedSource) -> None:
    """The window of the ramp may be as long as the window of a trigger."""
    assert look(source, (query(ALL),), (query(FAILED), query(ORDERS))) == [""] * 3
