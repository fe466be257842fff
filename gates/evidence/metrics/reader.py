"""Sends the queries of one decision to Prometheus, and returns an answer for each query.

A small store answers with raw samples. A large store answers with sums by instance.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gates.evidence.metrics import instance_sums, series_identity
from gates.evidence.metrics.instance_sums import ScrapeClock
from gates.evidence.metrics.known_labels import KnownLabels
from gates.evidence.metrics.query_threads import QueryThreads
from gates.evidence.metrics.sample_memory import Reading, SampleMemory
from gates.evidence.metrics.series_identity import BUCKET_LABEL, SeriesLabels
from gates.evidence.metrics.store_size import MAX_SLICES, SIZE_PROBLEMS, StoreSize, store_size
from gates.evidence.metrics.sum_plan import AddedSums, SumPlan, is_of_same_metric, splits
from gates.judging.live.fed_judges import FedJudges
from gates.judging.metric_query import MetricQuery, SumPart, merged
from gates.model import Measured, SampleSet
from gates.model.selector import NAME, matchers_of, parse
from gates.sources import Source
from gates.sources.missing_buckets import with_reason
from gates.sources.prometheus import duration

if TYPE_CHECKING:
    from gates.model import Series

Sent = Mapping[MetricQuery, Future[SampleSet]]
PlanKey = tuple[tuple[str, ...], str, float]
SIZE_SECONDS = 120.0
# A scrape that Prometheus is about to store belongs to the next look.
MAX_SCRAPE_SECONDS = 1.0


@dataclass(slots=True)
class MetricsMemory:
    """What the looks of one command remember of the metrics.

    Args:
        samples: the samples of earlier answers.
        added: the sums that were added up.
        size: the size of the store; None before it was asked for.
        sized_at: when the size was asked for, seconds since the epoch.
        labels: the labels of the series of a selector, which were compared with each other.
        names: the labels of the series of a selector, of which only the names are known.
        fed_judges: the judges, which were fed the scrapes of earlier looks.
    """

    samples: SampleMemory = field(default_factory=SampleMemory)
    size: StoreSize | None = None
    sized_at: float = 0.0
    added: AddedSums = field(default_factory=AddedSums)
    labels: dict[str, KnownLabels] = field(default_factory=dict)
    names: dict[str, KnownLabels] = field(default_factory=dict)
    fed_judges: FedJudges = field(default_factory=FedJudges)


class MetricsReader:
    """The queries of one decision.

    Args:
        source: answers the queries.
        threads: send the queries.
        at: the moment of the decision, seconds since the epoch.
        memory: what earlier looks remember.
    """

    def __init__(
        self, source: Source, threads: QueryThreads, at: float, memory: MetricsMemory
    ) -> None:
        self._source, self._threads, self._at, self._memory = source, threads, at, memory
        self._size: Future[StoreSize] | None = None
        self._names_labels = True
        self._clocks: dict[tuple[str, float, tuple[str, ...]], ScrapeClock] = {}
        self._counters: list[MetricQuery] = []
        self._plans: dict[PlanKey, SumPlan] = {}
        self._begun: set[tuple[str, float]] = set()
        self._lock = threading.Lock()

    def send(self, queries: Sequence[MetricQuery]) -> Sent:
        """Send queries, in this order; each query is sent once.

        Args:
            queries: the queries.
        """
        queries = merged(queries)
        counters = [query for query in queries if query.parts]
        if counters:
            with self._lock:  # a plan has the selectors of every query so far
                self._counters = merged((*self._counters, *counters))
                self._plans.clear()
            self._size = self._threads.submit(partial(self._ask_size, counters))
        sent = {}
        for query in queries:
            if not query.parts:
                sent[query] = self._threads.submit(partial(self._answer, query))
            for part in query.parts:
                self._threads.submit(partial(self._prepare, query, part))
        for query in counters:
            sent[query] = self._threads.submit(partial(self._answer, query))
        return sent

    def answers(self, sent: Sent, seconds: float | None = None) -> dict[str, SampleSet]:
        """The answers, by the key of each query; a missing answer is an answer with a problem.

        Args:
            sent: the queries that were sent.
            seconds: how long to wait after a rollback trigger fired; None waits for every answer.
        """
        wait(sent.values(), timeout=seconds)
        late = Reading((), "a rollback trigger fired, and the gate did not wait for this answer")
        return {
            query.key: answer.result() if answer.done() else self._sample_set(query, late)
            for query, answer in sent.items()
        }

    def _ask_size(self, counters: Sequence[MetricQuery]) -> StoreSize:
        """The size of the counters; what is known for less than some minutes is not asked again."""
        memory = self._memory
        earlier = memory.size or StoreSize({})
        is_old = abs(self._at - memory.sized_at) > SIZE_SECONDS
        known = StoreSize({}) if is_old else earlier
        label_splits = [
            split
            for key in dict.fromkeys(map(_plan_key, counters))
            for split in splits(self._selectors(key), key[0])
        ]
        unknown = [query.selector for query in counters if not known.is_known(query.selector)]
        more = [item for item in dict.fromkeys(label_splits) if item not in known.sums]
        if unknown or more:
            clocks = list(dict.fromkeys(query.clock for query in counters if query.clock))
            size = store_size(self._source, unknown, clocks, self._at, more)
            known = known.with_more(size) if known.series else size
        if not known.series:  # the question has no answer
            known = earlier
        elif is_old:
            memory.sized_at = self._at
        memory.size = known
        self._names_labels = self._are_labels_named(counters, known)
        return known

    def _are_labels_named(self, counters: Sequence[MetricQuery], size: StoreSize) -> bool:
        """Whether the source names the labels of series of which raw samples would do, too."""
        either = [
            query
            for query in counters
            if query.clock
            and size.is_large(query.window_seconds)
            and not size.has_many_samples(query.window_seconds)
        ]
        if not either:
            return True
        widest = min(either, key=lambda query: len(matchers_of(query.selector)))
        return bool(self._names(widest.selector, widest.window_seconds))

    def _store_size(self) -> StoreSize:
        return self._size.result() if self._size is not None else StoreSize({})

    def _adds_up(self, query: MetricQuery) -> bool:
        """Whether the query is answered by sums."""
        size, seconds = self._store_size(), query.window_seconds
        if not (query.parts and query.clock and size.is_large(seconds)):
            return False
        return self._names_labels or size.has_many_samples(seconds)

    def _plan(self, query: MetricQuery) -> SumPlan:
        """The plan of the sums of a query, and of the queries of the same instances and window."""
        key, size = _plan_key(query), self._store_size()
        with self._lock:
            if key not in self._plans:
                self._plans[key] = SumPlan(self._selectors(key), query.by, size)
            return self._plans[key]

    def _selectors(self, key: PlanKey) -> list[str]:
        """The selectors of the sums that answer the counters of the same instances and window."""
        queries = [query for query in self._counters if _plan_key(query) == key]
        parts = [part for query in queries for part in query.parts]
        texts = (text for part in parts for text in (part.selector, part.whole) if text)
        return list(dict.fromkeys(texts))

    def _prepare(self, query: MetricQuery, part: SumPart) -> None:
        """Ask for the sums of a part, which the answer to the query will find in the memory."""
        if not self._adds_up(query):
            return
        name = self._plan(query).query_of(part.selector).text, query.window_seconds
        with self._lock:
            is_begun = name in self._begun
            self._begun.add(name)
        if not is_begun:
            self._sums(query, part.selector, self._clock(query))

    def _answer(self, query: MetricQuery) -> SampleSet:
        """The answer to a query; where no bucket matches, the problem says why."""
        return with_reason(self._read(query), query.selector, self._source.samples)

    def _read(self, query: MetricQuery) -> SampleSet:
        if not self._adds_up(query):
            return self._sample_set(query, self._raw(query.selector, query.window_seconds))
        try:
            reading = self._summed(query)
        except ValueError as error:
            reading = Reading((), str(error))
        texts = [instance_sums.expression(part.selector, query.by) for part in query.parts]
        return self._sample_set(query, reading, texts[0])

    def _raw(self, selector: str, seconds: float) -> Reading:
        """The raw samples of a selector, in slices of time where they are many."""
        size = self._store_size()
        slices = size.slices(selector, seconds)
        if slices > MAX_SLICES:
            return Reading((), size.sentence(selector, seconds))

        def ask(window_seconds: float, at: float) -> SampleSet:
            return self._source.samples(selector, timedelta(seconds=window_seconds), at)

        reading = self._memory.samples.read(
            selector, seconds, self._at, ask, longest=seconds / slices
        )
        return self._with_advice(reading, selector, seconds)

    def _with_advice(self, reading: Reading, selector: str, seconds: float) -> Reading:
        """A reading whose problem, if it is one of size, says what to do."""
        if not any(word in reading.problem for word in SIZE_PROBLEMS):
            return reading
        sentence = self._store_size().sentence(selector, seconds)
        return Reading((), f"{reading.problem}; {sentence}")

    def _clock(self, query: MetricQuery) -> ScrapeClock:
        """The scrapes of the instances of a query.

        Raises:
            ValueError: the scrapes are not known.
        """
        name = query.clock, query.window_seconds, query.by
        with self._lock:
            known = self._clocks.get(name)
        if known is not None:
            return known
        reading = self._raw(query.clock, query.window_seconds)
        clock = ScrapeClock(reading.series, query.by)
        if reading.problem or not clock.step:
            problem = reading.problem or "no scrapes"
            raise ValueError(f"its sums cannot be read without {query.clock}: {problem}")
        with self._lock:
            self._clocks[name] = clock
        return clock

    def _summed(self, query: MetricQuery) -> Reading:
        """The sums of all parts of a query, at the scrapes of the instances.

        Raises:
            ValueError: the scrapes are not known, or an event would count twice.
        """
        clock = self._clock(query)
        labels = self._labels(query, clock)
        if labels.problem:
            raise ValueError(labels.problem)
        series: list[Series] = []
        for part in query.parts:
            reading = self._part(query, part.selector, clock)
            sums = reading.series
            if not series_identity.are_all_named(sums, labels.names):
                raise ValueError(series_identity.UNKNOWN_LABELS)
            if not reading.problem and part.whole:
                whole = self._part(query, part.whole, clock)
                reading = replace(reading, problem=whole.problem)
                labelled = self._labelled(query, part, clock, whole.series)
                sums = instance_sums.with_zeros(sums, labelled, clock)
            if reading.problem:
                return self._with_advice(reading, part.selector, query.window_seconds)
            series.extend(instance_sums.named(sums, part.indicator))
        return Reading(tuple(series))

    def _part(self, query: MetricQuery, selector: str, clock: ScrapeClock) -> Reading:
        """The sums of a selector by instance."""
        reading = self._sums(query, selector, clock)
        sums = (
            self._plan(query).query_of(selector).part(selector, reading.series, self._memory.added)
        )
        return replace(reading, series=sums)

    def _sums(self, query: MetricQuery, selector: str, clock: ScrapeClock) -> Reading:
        """The sums that answer a selector, at the scrapes, up to the last complete scrape."""
        sums = self._plan(query).query_of(selector)
        seconds, step, text = query.window_seconds, clock.step, sums.text
        late = min(MAX_SCRAPE_SECONDS, step / 10)
        slices = self._store_size().slices(sums.selector, seconds, summed=True)

        def ask(window_seconds: float, at: float) -> SampleSet:
            answer = self._source.values(text, timedelta(seconds=window_seconds), step, at)
            return replace(answer, series=instance_sums.at_scrapes(answer.series, clock))

        return self._memory.samples.read(
            text, seconds - late, self._at - late, ask, longest=seconds / slices
        )

    def _labelled(
        self, query: MetricQuery, part: SumPart, clock: ScrapeClock, whole: "tuple[Series, ...]"
    ) -> "tuple[Series, ...]":
        """The sums of all events whose series have the labels by which a part is chosen."""
        if not is_of_same_metric(part.selector, part.whole):
            return ()
        needed = parse(part.indicator, any_colour=True).asks_for - parse(part.whole).asks_for
        sums = self._plan(query).query_of(part.whole)
        if needed <= {sums.split}:
            members = sums.members(part.whole, self._sums(query, part.whole, clock).series)
            keys = {
                clock.key(line.labels)
                for line in members
                if all(line.labels.get(name) for name in needed)
            }
            return tuple(line for line in whole if clock.key(line.labels) in keys)
        names = self._names(part.whole, query.window_seconds) or frozenset()
        return whole if needed <= names else ()

    def _labels(self, query: MetricQuery, clock: ScrapeClock) -> SeriesLabels:
        """The labels of a query's series since the first look, and why they do not add up.

        Where a wider selector has no other labels than those that are declared, nothing more needs
        to be asked.
        """
        names = self._names(self._plan(query).widest(query.selector), query.window_seconds)
        declared = {NAME, BUCKET_LABEL, *query.by, *query.declared}
        if names is None or not names <= declared:
            return self._compared_labels(query)
        if BUCKET_LABEL in names and not self._is_spelled_once(query, clock):
            return self._compared_labels(query)
        return SeriesLabels(names)

    def _is_spelled_once(self, query: MetricQuery, clock: ScrapeClock) -> bool:
        """Whether the sums show that no instance has two spellings of a bucket."""
        plan = self._plan(query)
        return all(
            plan.query_of(part.selector).is_spelled_once(
                self._sums(query, part.selector, clock).series
            )
            for part in query.parts
        )

    def _names(self, selector: str, seconds: float) -> frozenset[str] | None:
        """The names of the labels of a selector's series; None where they are not known."""
        with self._lock:
            known = self._memory.names.get(selector, KnownLabels())
        missing = known.missing_seconds(seconds, self._at)
        if not missing:
            return known.labels.names
        names = self._source.label_names(selector, timedelta(seconds=missing), self._at)
        if names is None:
            return None
        known = known.with_more(SeriesLabels(names), missing, self._at)
        with self._lock:
            self._memory.names[selector] = known
        return known.labels.names

    def _compared_labels(self, query: MetricQuery) -> SeriesLabels:
        """The labels of a query's series, which are compared with each other."""
        with self._lock:
            known = self._memory.labels.get(query.selector, KnownLabels())
        missing = known.missing_seconds(query.window_seconds, self._at)
        if not missing:
            return known.labels
        labels = series_identity.series_labels(
            self._source, query, query.by, seconds=missing, at=self._at
        )
        known = known.with_more(labels, missing, self._at)
        with self._lock:
            self._memory.labels[query.selector] = known
        return known.labels

    def _sample_set(self, query: MetricQuery, reading: Reading, expression: str = "") -> SampleSet:
        """The answer to a query, as the evidence has it."""
        measured, problem = Measured.OK, reading.problem
        if problem:
            measured = Measured.ERROR
        elif not reading.series:
            measured, problem = Measured.NO_DATA, "no series matches"
        return SampleSet(
            query=expression or f"{query.selector}[{duration(query.window_seconds)}]",
            source=self._source.url,
            window=timedelta(seconds=query.window_seconds),
            evaluated_at=self._at,
            measured=measured,
            problem=problem,
            series=reading.series,
        )


def _plan_key(query: MetricQuery) -> PlanKey:
    """Queries with the same key are of the same instances and window."""
    return query.by, query.clock, query.window_seconds
