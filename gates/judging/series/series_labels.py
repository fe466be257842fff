"""The labels that tell the series of one instance apart, and series that count an event twice."""

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

    Two series of one instance and one metric count the same events, unless a declared label tells
    them apart.

    Args:
        indicators: the indicators, whose selectors name labels.
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
        """The declared labels of a metric.

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
        """The metric and the declared labels of a series, as ``labels_of`` reads them.

        Args:
            labels: the labels of the series, with the metric name.
        """
        declared = self.of(labels.get(NAME, ""))
        return identity_of(labels, frozenset(labels) - declared)

    def joined(self, series: Iterable[Series]) -> list[Series]:
        """Merge the series of one instance, so that each counter has exactly one series.

        Args:
            series: the series of the instance; no two series of one counter overlap in time.
        """
        of_counter: dict[str, list[Series]] = {}
        for member in series:
            of_counter.setdefault(self.identity(member.labels), []).append(member)
        return [
            replace(group[0], samples=tuple(sorted(s for member in group for s in member.samples)))
            for group in of_counter.values()
        ]


def doubled(answer: SampleSet, labels: SeriesLabels, instance_label: str = "instance") -> str:
    """Which series of an answer count the same events; empty where every event counts once.

    A series that begins after the end of another series continues its count.

    Args:
        answer: an answer of one colour.
        labels: the labels that tell the series apart.
        instance_label: the label that names the instance.

    Raises:
        ValueError: a series without an instance, or an instance scraped by several jobs at once.
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
        f"that differ in the label {label!r} ({values}): every event would count twice; keep one "
        "of them in the scrape or query configuration; or, where the label names a replica of "
        "Prometheus, add the label to replica_labels of the target file; or, where the label tells "
        f"events apart, add the label to labels of the indicator. The series: {shown}"
    )


def difference(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, str]:
    """The first label in which two series differ, and both values.

    Args:
        first: the labels of a series.
        second: the labels of another series.
    """
    for name in sorted(first.keys() | second.keys()):
        values = first.get(name, ""), second.get(name, "")
        if values[0] != values[1]:
            return name[:80], " and ".join(repr(value[:80]) for value in values)
    return "none", "the same labels"


def problem(
    answers: Sequence[SampleSet], labels: SeriesLabels, instance_label: str = "instance"
) -> str:
    """The first problem of ``doubled`` in some answers; empty where every event counts once.

    Args:
        answers: answers of one colour.
        labels: the labels that tell the series apart.
        instance_label: the label that names the instance.

    Raises:
        ValueError: a series without an instance, or an instance scraped by several jobs at once.
    """
    sentences = (doubled(answer, labels, instance_label) for answer in answers)
    return next((sentence for sentence in sentences if sentence), "")
