"""Reads the labels that the policy declares, and finds time series that count an event twice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from gates.model import EventIndicator, ProcessIndicator, SampleSet, Series
from gates.model.selector import NAME, SUM_OF, identity_of
from gates.model.selector import parse as parse_selector
from gates.statistics import by_instance, overlap

if TYPE_CHECKING:
    from gates.model.selector import Selector

# The boundary of a bucket tells the series of a histogram apart.
BUCKET = "le"
# A series of the moment at which a counter was created has the labels of that counter.
CREATED = "_created"
COUNTERS = ("_total", "_bucket", "_count", "")
MAX_SHOWN = 200


class SeriesLabels:
    """The labels that the policy declares for each metric.

    Two time series of the same instance and metric count different events only where they differ in
    a declared label. Otherwise they count the same events.

    Args:
        indicators: the indicators. Their selectors and their ``labels`` declare labels.
        processes: the indicator of the start times; None where start times are not read.
    """

    def __init__(
        self, indicators: Iterable[EventIndicator], processes: ProcessIndicator | None = None
    ) -> None:
        self._declared: list[tuple[Selector, frozenset[str]]] = []
        for indicator in indicators:
            for text in (indicator.selected, indicator.total):
                parsed = parse_selector(text, any_colour=True)
                self._declared.append((parsed, indicator.labels | parsed.label_names))
        if processes is not None and processes.start_time:
            parsed = parse_selector(processes.start_time, any_colour=True)
            self._declared.append((parsed, parsed.label_names))
        self._of_metric: dict[str, frozenset[str]] = {}

    def of(self, metric: str) -> frozenset[str]:
        """Return the names of the labels that the policy declares for a metric.

        Args:
            metric: the name of the metric.
        """
        known = self._of_metric.get(metric)
        if known is None:
            family = metric.removesuffix(CREATED)
            names = [metric, *(family + end for end in COUNTERS if family != metric)]
            known = frozenset({BUCKET, SUM_OF}).union(
                *(
                    labels
                    for selector, labels in self._declared
                    if any(selector.matches_name(name) for name in names)
                )
            )
            self._of_metric[metric] = known
        return known

    def identity(self, labels: Mapping[str, str]) -> str:
        """Return the metric name and the labels that the policy declares, as one text.

        Args:
            labels: all labels of the time series, with the metric name.
        """
        declared = self.of(labels.get(NAME, ""))
        return identity_of(labels, frozenset(labels) - declared)

    def joined(self, series: Iterable[Series]) -> list[Series]:
        """Merge the time series that continue each other, so that each counter has one time series.

        Args:
            series: the time series of one instance. Two time series of one counter must not overlap
                in time.
        """
        of_counter: dict[str, list[Series]] = {}
        for member in series:
            of_counter.setdefault(self.identity(member.labels), []).append(member)
        return [
            replace(group[0], samples=tuple(sorted(s for member in group for s in member.samples)))
            for group in of_counter.values()
        ]


def doubled(answer: SampleSet, labels: SeriesLabels, instance_label: str = "instance") -> str:
    """Find two time series of a query result that count the same events.

    Two time series that do not overlap in time are no problem, because the later time series
    continues the count of the earlier one.

    Args:
        answer: the query result, with time series of one colour.
        labels: the labels in which the time series of one instance may differ.
        instance_label: the name of the label whose value is the instance.

    Returns:
        A sentence about the two time series; empty where every event counts once.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    for instance, group in by_instance(answer.series, instance_label).items():
        known: dict[str, list[Series]] = {}
        for series in group:
            known.setdefault(labels.identity(series.labels), []).append(series)
        for same in known.values():
            for first, second in combinations(same, 2):
                if overlap(first, second):
                    return _sentence(instance, first, second)
    return ""


def _sentence(instance: str, first: Series, second: Series) -> str:
    label, values = difference(first.labels, second.labels)
    shown = " and ".join(
        identity_of(series.labels, frozenset())[:MAX_SHOWN] for series in (first, second)
    )
    return (
        f"{instance} has two series of {first.labels.get(NAME, 'a counter')} "
        f"that differ in the label {label!r} ({values}): every event would count twice; remove one "
        "of the series in the scrape configuration; or, where the label names a replica of "
        "Prometheus, add the label to replica_labels of the target file; or, where the series "
        f"count different events, add the label to labels of the indicator. The series: {shown}"
    )


def difference(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, str]:
    """Return the first label in which two time series differ, and a text with both values.

    Args:
        first: the labels of the first time series.
        second: the labels of the second time series.
    """
    for name in sorted(first.keys() | second.keys()):
        values = first.get(name, ""), second.get(name, "")
        if values[0] != values[1]:
            return name[:80], " and ".join(repr(value[:80]) for value in values)
    return "none", "the same labels"


def problem(
    answers: Sequence[SampleSet], labels: SeriesLabels, instance_label: str = "instance"
) -> str:
    """Find the first query result with two time series that count the same events.

    Args:
        answers: the query results, with time series of one colour.
        labels: the labels in which the time series of one instance may differ.
        instance_label: the name of the label whose value is the instance.

    Returns:
        A sentence about the two time series; empty where every event counts once.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    sentences = (doubled(answer, labels, instance_label) for answer in answers)
    return next((sentence for sentence in sentences if sentence), "")
