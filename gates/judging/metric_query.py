"""A metric query: a selector, a window, and the sums of time series that objectives need."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gates.judging import answers
from gates.model import EventIndicator, Evidence, Part, ProcessIndicator, SampleSet, Target
from gates.model.selector import colour_label


@dataclass(frozen=True, slots=True)
class SumPart:
    """The time series of a query that one indicator adds up.

    Args:
        indicator: the indicator's selector, with ``$slot``.
        selector: the same selector, with the colour's label value in place of ``$slot``.
        whole: the selector of the total events, where missing time series of ``selector`` mean that
            no event of the indicator occurred. Empty where they mean that the number of events is
            unknown.
    """

    indicator: str
    selector: str
    whole: str = ""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A metric query; its result has raw samples, or a sum of time series for each instance.

    Args:
        selector: the vector selector, with the colour's label value in place of ``$slot``.
        window_seconds: the length of the window, which ends now.
        parts: the groups of time series that objectives add up; empty where the objectives need raw
            samples.
        clock: the selector of a time series that has a sample at each scrape of the same instances.
            Empty where no start time shows a restart, so that the query needs raw samples.
        declared: the names of the labels in which the time series of one instance may differ.
        by: the names of the labels that identify an instance or a replica of Prometheus.
    """

    selector: str
    window_seconds: float
    parts: tuple[SumPart, ...] = ()
    clock: str = ""
    declared: frozenset[str] = frozenset()
    by: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[str, float]:
        """The selector, and the window in seconds."""
        return self.selector, self.window_seconds

    @property
    def key(self) -> str:
        """The key of the query result in the samples of the evidence."""
        return answers.key(*self.pair)

    def is_in(self, evidence: Evidence) -> bool:
        """Whether the evidence has a result of the query."""
        return self.key in evidence.samples

    def answer(self, evidence: Evidence) -> SampleSet:
        """Return the result of the query from evidence that has this result."""
        return evidence.samples[self.key]


def merge_queries(queries: Iterable[MetricQuery]) -> list[MetricQuery]:
    """Merge the queries that have the same selector and the same window.

    A merged query has the parts of all its queries. A merged query requests raw samples where one
    of its queries needs raw samples.

    Args:
        queries: the queries. A merged query has the position of its first query.
    """
    by_pair: dict[tuple[str, float], MetricQuery] = {}
    for query in queries:
        known = by_pair.setdefault(query.pair, query)
        if known is query:
            continue
        if not known.parts or not query.parts:
            by_pair[query.pair] = replace(known, parts=())
            continue
        parts = tuple(dict.fromkeys((*known.parts, *query.parts)))
        by_pair[query.pair] = replace(known, parts=parts, declared=known.declared | query.declared)
    return list(by_pair.values())


def counts_none(indicator: EventIndicator, selector: str) -> bool:
    """Whether missing time series of a selector mean that no event occurred.

    This is true only for a selector of bad events.

    Args:
        indicator: the indicator.
        selector: one of the indicator's two selectors, with ``$slot``.
    """
    return indicator.part is Part.BAD and selector == indicator.selected


def instance_labels(selector: str, processes: ProcessIndicator, target: Target) -> tuple[str, ...]:
    """Return the names of the labels that identify an instance or a replica of Prometheus.

    Args:
        selector: the selector of time series, with ``$slot``.
        processes: the indicator that names the label of the instances.
        target: the target, which may name the colour's label and the labels of replicas.
    """
    colour = target.colour_label or colour_label(selector)
    names = (processes.instance_label, "job", colour, *target.replica_labels)
    return tuple(dict.fromkeys(name for name in names if name))


def clock_of(processes: ProcessIndicator, selector: str) -> str:
    """Return the selector that shows when the instances were scraped.

    A sum of counters hides the fall of one counter. So a sum can replace raw samples only where a
    start time shows each restart.

    Args:
        processes: the indicator of the processes.
        selector: the selector of a time series that has a sample at each scrape; the colour's label
            value is in place of ``$slot``.

    Returns:
        The selector of the argument; an empty text where no start time of the colour's own
        processes shows a restart.
    """
    return "" if processes.fall_is_restart or processes.of_both_colours else selector
