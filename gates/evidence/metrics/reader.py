"""Sends the queries of one decision to Prometheus, and returns a sample set for each query.

For a small store, the gate queries raw samples. For a store with many time series, the gate queries
sums for each instance.
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
from gates.judging.metric_query import MetricQuery, SumPart, merge_queries
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
# A scrape that Prometheus is about to store belongs to the next decision.
MAX_SCRAPE_SECONDS = 1.0


@dataclass(slots=True)
class MetricsMemory:
    """The metrics that one command remembers between its decisions, so that it queries less.

    Args:
        samples: the samples of earlier queries.
        size: the number of time series of the store; None before the gate queried this number.
        sized_at: when the size was queried, seconds since the epoch.
        added: the sums that the gate added up.
        labels: the result of the comparison of a selector's time series, by selector: the label
            names, or why the time series cannot be added up.
        names: the label names of a selector's time series, without a comparison, by selector.
        fed_judges: the live judges, which have counted the scrapes of earlier decisions.
    """

    samples: SampleMemory = field(default_factory=SampleMemory)
    size: StoreSize | None = None
    sized_at: float = 0.0
    added: AddedSums = field(default_factory=AddedSums)
    labels: dict[str, KnownLabels] = field(default_factory=dict)
    names: dict[str, KnownLabels] = field(default_factory=dict)
    fed_judges: FedJudges = field(default_factory=FedJudges)


class MetricsReader:
    """Reads the metrics of one decision.

    Args:
        source: the source to which the queries are sent.
        threads: the threads that send the queries.
        at: the moment of the decision, seconds since the epoch.
        memory: the metrics that earlier decisions of the same command read.
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
        """Send queries in the given order, and return a future for each query.

        Args:
            queries: the queries; a query that occurs several times is sent once.
        """
        queries = merge_queries(queries)
        counters = [query for query in queries if query.parts]
        if counters:
            with self._lock:  # a plan has the selectors of every query so far
                self._counters = merge_queries((*self._counters, *counters))
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
        """Wait for the responses, and return the sample set of each query, by the key of the query.

        A query that has not ended in time has a sample set with an error.

        Args:
            sent: the queries that ``send`` sent.
            seconds: how long to wait after a rollback trigger fired; None waits for every query.
        """
        wait(sent.values(), timeout=seconds)
        late = Reading((), "a rollback trigger fired, and the gate did not wait for this query")
        return {
            query.key: answer.result() if answer.done() else self._sample_set(query, late)
            for query, answer in sent.items()
        }

    def _ask_size(self, counters: Sequence[MetricQuery]) -> StoreSize:
        """Return the number of time series; a number of the last 2 minutes is used again."""
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
        if not known.series:  # the query failed
            known = earlier
        elif is_old:
            memory.sized_at = self._at
        memory.size = known
        self._names_labels = self._are_labels_named(counters, known)
        return known

    def _are_labels_named(self, counters: Sequence[MetricQuery], size: StoreSize) -> bool:
        """Return whether the source returns label names; also True if no query depends on this.

        A query depends on this if the gate can query either sums or raw samples for it.
        """
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
        """Return whether the gate queries sums, and not raw samples, for this query."""
        size, seconds = self._store_size(), query.window_seconds
        if not (query.parts and query.clock and size.is_large(seconds)):
            return False
        return self._names_labels or size.has_many_samples(seconds)

    def _plan(self, query: MetricQuery) -> SumPlan:
        """Return the plan of sums for all queries of the same instances and the same window."""
        key, size = _plan_key(query), self._store_size()
        with self._lock:
            if key not in self._plans:
                self._plans[key] = SumPlan(self._selectors(key), query.by, size)
            return self._plans[key]

    def _selectors(self, key: PlanKey) -> list[str]:
        """Return the selectors that the queries of the same instances and window add up."""
        queries = [query for query in self._counters if _plan_key(query) == key]
        parts = [part for query in queries for part in query.parts]
        texts = (text for part in parts for text in (part.selector, part.whole) if text)
        return list(dict.fromkeys(texts))

    def _prepare(self, query: MetricQuery, part: SumPart) -> None:
        """Query the sums of a part early, so that they are in the memory when they are needed."""
        if not self._adds_up(query):
            return
        name = self._plan(query).query_of(part.selector).text, query.window_seconds
        with self._lock:
            is_begun = name in self._begun
            self._begun.add(name)
        if not is_begun:
            self._sums(query, part.selector, self._clock(query))

    def _answer(self, query: MetricQuery) -> SampleSet:
        """Return the sample set of a query; its problem says why no histogram bucket matches."""
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
        """Query the raw samples of a selector; many samples are queried in slices of time."""
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
        """Add advice to the problem of a reading if the query was too large."""
        if not any(word in reading.problem for word in SIZE_PROBLEMS):
            return reading
        sentence = self._store_size().sentence(selector, seconds)
        return Reading((), f"{reading.problem}; {sentence}")

    def _clock(self, query: MetricQuery) -> ScrapeClock:
        """Return the times of the scrapes of the instances of a query.

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
            problem = reading.problem or "the series shows no instance with two scrapes"
            raise ValueError(
                f"the sums cannot be read without the scrape times from {query.clock}: {problem}"
            )
        with self._lock:
            self._clocks[name] = clock
        return clock

    def _summed(self, query: MetricQuery) -> Reading:
        """Return the sums of all parts of a query, at the times of the scrapes.

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
        """Return the sums of a selector for each instance."""
        reading = self._sums(query, selector, clock)
        sums = (
            self._plan(query).query_of(selector).part(selector, reading.series, self._memory.added)
        )
        return replace(reading, series=sums)

    def _sums(self, query: MetricQuery, selector: str, clock: ScrapeClock) -> Reading:
        """Query the sums for a selector, without a scrape that Prometheus is still storing."""
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
        """Return the sums of all events whose series have every label that the part needs.

        Where the sums show the labels of each instance, an instance without such a label is left
        out. Otherwise, the result is all sums or no sums.
        """
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
        """Return the labels of a query's series, or why the series cannot be added up.

        If the series of the widest selector have only labels that the policy declares, no further
        query is needed.
        """
        names = self._names(self._plan(query).widest(query.selector), query.window_seconds)
        declared = {NAME, BUCKET_LABEL, *query.by, *query.declared}
        if names is None or not names <= declared:
            return self._compared_labels(query)
        if BUCKET_LABEL in names and not self._is_spelled_once(query, clock):
            return self._compared_labels(query)
        return SeriesLabels(names)

    def _is_spelled_once(self, query: MetricQuery, clock: ScrapeClock) -> bool:
        """Return whether the sums show one spelling of each bucket boundary for an instance."""
        plan = self._plan(query)
        return all(
            plan.query_of(part.selector).is_spelled_once(
                self._sums(query, part.selector, clock).series
            )
            for part in query.parts
        )

    def _names(self, selector: str, seconds: float) -> frozenset[str] | None:
        """Return the label names of a selector's series; None where the names are not known."""
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
        """Query the labels of a query's series, and compare the series with each other."""
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
        """Return the sample set of a query for the evidence."""
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
    """Return a key that is equal for queries of the same instances and the same window."""
    return query.by, query.clock, query.window_seconds
