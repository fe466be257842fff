"""Checks whether two time series of an instance count the same events, before they are added up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gates.judging.metric_query import MetricQuery
from gates.model import Measured, Series
from gates.model.selector import NAME, SUM_OF, label_text, matchers_of, quoted
from gates.sources import Source

BUCKET_LABEL = "le"
# The number of moments in the window at which the time series are compared.
MOMENTS = 4
MIN_STEP_SECONDS = 1.0
UNKNOWN_LABELS = (
    "Prometheus does not return the labels of the time series (/api/v1/labels), so the gate cannot "
    "tell whether an event counts twice"
)


@dataclass(frozen=True, slots=True)
class SeriesLabels:
    """The labels of the time series of a query, or why the time series cannot be added up.

    Args:
        names: the names of the labels; empty without time series, and where unknown.
        problem: why the time series cannot be added up; empty where they can be added up.
    """

    names: frozenset[str]
    problem: str = ""


def series_labels(
    source: Source, query: MetricQuery, by: Sequence[str], seconds: float, at: float
) -> SeriesLabels:
    """Query the labels of time series, and find two time series that may count the same events.

    Two time series of an instance may count the same events in two cases. Either they differ in a
    label that the policy does not declare, or they are buckets of the same boundary in two
    spellings, such as ``1`` and ``1.0``.

    Args:
        source: the source to which the queries are sent.
        query: the query whose time series are compared.
        by: the labels that tell instances apart.
        seconds: the length of the window.
        at: the end of the window, seconds since the epoch.
    """
    window = timedelta(seconds=seconds)
    names = source.label_names(query.selector, window, at)
    if names is None:
        return SeriesLabels(frozenset(), UNKNOWN_LABELS)
    if not names:
        return SeriesLabels(frozenset())
    known = {NAME, *by, *query.declared}
    if names <= known - {BUCKET_LABEL}:
        return SeriesLabels(names)
    labels = sorted((names & known) - {NAME, BUCKET_LABEL} | set(by))
    by_metric = [NAME, *labels]
    listed = ", ".join(label_text(name) for name in by_metric)
    doubled = f"count by ({listed}) ({query.selector}) > 1"
    step = max(MIN_STEP_SECONDS, seconds / MOMENTS)
    answer = source.values(f"topk(1, {doubled})", window, step, at)
    if answer.measured is Measured.ERROR:
        return SeriesLabels(names, f"the labels of the series cannot be compared: {answer.problem}")
    if not answer.series:
        return SeriesLabels(names)
    return SeriesLabels(names, _doubled(source, query, answer.series[0]))


def are_all_named(series: Iterable[Series], names: frozenset[str]) -> bool:
    """Return whether a set of label names is complete: each label of the sums is in the set.

    Args:
        series: the sums.
        names: the label names of the time series that were added up, as Prometheus returned them.
    """
    labels = {name for line in series for name, value in line.labels.items() if value}
    return labels <= {*names, SUM_OF}


def _doubled(source: Source, query: MetricQuery, group: Series) -> str:
    """Return a sentence about a group of time series that count the same events."""
    selector = _narrowed(query.selector, group.labels)
    answer = source.values(selector, timedelta(0), MIN_STEP_SECONDS, group.samples[-1].at)
    labels = [dict(line.labels) for line in answer.series]
    names = sorted({name for line in labels for name in line})
    different = [name for name in names if len({line.get(name, "") for line in labels}) > 1]
    instance = group.labels.get("instance", "an instance")
    metric = group.labels.get(NAME, "a counter")
    if not different:
        return f"{instance} has several series of {metric}: every event would count twice"
    name = next((item for item in different if item != BUCKET_LABEL), BUCKET_LABEL)
    values = " and ".join(sorted({repr(line.get(name, "")[:80]) for line in labels})[:2])
    if name == BUCKET_LABEL:
        return (
            f"the boundary of a bucket of {metric} is spelled {values}: every event would count "
            "twice"
        )
    return (
        f"{instance} has series of {metric} that differ in the label {name!r} ({values}): every "
        "event would count twice; name the label in labels of the policy's indicator, or in "
        "replica_labels of the target file, or keep one of the series"
    )


def _narrowed(selector: str, labels: Mapping[str, str]) -> str:
    """Return a selector with further matchers: the time series must have these labels."""
    is_of_names = any(item.label == NAME and item.sign != "=" for item in matchers_of(selector))
    matchers = ",".join(
        f"{label_text(name)}={quoted(value)}"
        for name, value in labels.items()
        if name != NAME or is_of_names
    )
    head, brace, inner = selector.rstrip().removesuffix("}").partition("{")
    return f"{head}{{{inner}{',' if brace and inner.strip() else ''}{matchers}}}"
