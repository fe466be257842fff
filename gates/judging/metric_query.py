"""A query of metrics: a selector, its window, and the sums that objectives read of its answer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gates.judging import answers
from gates.model import EventIndicator, Evidence, Part, ProcessIndicator, SampleSet, Target
from gates.model.selector import colour_label


@dataclass(frozen=True, slots=True)
class SumPart:
    """The series of one indicator among the series of a query.

    Args:
        indicator: the indicator's selector, with ``$slot``.
        selector: the same selector with the colour's value.
        whole: the selector of all events, where a part without series means no events; empty where
            missing series mean that nothing is known.
    """

    indicator: str
    selector: str
    whole: str = ""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One query, which raw samples answer, or the sums of each instance.

    Args:
        selector: the vector selector, with the colour's value.
        window_seconds: the length of the window, which ends now.
        parts: the series that objectives add up; empty where raw samples are needed.
        clock: the selector of the series with a sample at each scrape of the same instances; empty
            where no series shows when a process began, so that the query needs raw samples.
        declared: the labels that tell the series of one instance apart.
        by: the labels that tell instances and replicas apart.
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
        """The name of the answer among the evidence's samples."""
        return answers.key(*self.pair)

    def is_in(self, evidence: Evidence) -> bool:
        """Whether the evidence has an answer to the query."""
        return self.key in evidence.samples

    def answer(self, evidence: Evidence) -> SampleSet:
        """The answer to the query; the evidence must have the answer."""
        return evidence.samples[self.key]


def merged(queries: Iterable[MetricQuery]) -> list[MetricQuery]:
    """The queries without repetition: a query has the parts of every query of the same answer.

    A query whose raw samples are needed stays a query of raw samples.

    Args:
        queries: the queries; the order of the first of each answer is kept.
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
    """Whether missing series mean that no event occurred: only for a selector of bad events.

    Args:
        indicator: the indicator.
        selector: one of the indicator's selectors.
    """
    return indicator.part is Part.BAD and selector == indicator.selected


def instance_labels(selector: str, processes: ProcessIndicator, target: Target) -> tuple[str, ...]:
    """The labels in which instances, or replicas of Prometheus, differ in a selector's series.

    Args:
        selector: the selector, with ``$slot``.
        processes: the indicator that lists the instances.
        target: the target, which may name the colour's label and the labels of replicas.
    """
    colour = target.colour_label or colour_label(selector)
    names = (processes.instance_label, "job", colour, *target.replica_labels)
    return tuple(dict.fromkeys(name for name in names if name))


def clock_of(processes: ProcessIndicator, selector: str) -> str:
    """The selector that shows the scrapes, or an empty text where restarts are not known.

    A sum hides the fall of a counter, so it needs a start time.

    Args:
        processes: the indicator that lists the instances.
        selector: the selector of the series with a sample at each scrape, with the colour's value.
    """
    return "" if processes.fall_is_restart or processes.of_both_colours else selector
