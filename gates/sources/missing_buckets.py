"""Says why no series of a bucket exists: a native histogram, or other bucket boundaries."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gates.model import Measured, SampleSet
from gates.model.selector import metric_name, rewritten

BUCKET, COUNT, LE = "_bucket", "_count", "le"
# The problem of a response whose series have native histograms in place of values.
NATIVE = "the series are native histograms"
WINDOW = timedelta(minutes=2)
MAX_SHOWN_EDGES = 20
Ask = Callable[[str, timedelta, float], SampleSet]


def with_reason(answer: SampleSet, selector: str, ask: Ask) -> SampleSet:
    """Return the sample set; if no series of a histogram matched, add the reason to the problem.

    Args:
        answer: the sample set that the query of the selector returned.
        selector: the selector.
        ask: a function that returns the raw samples of a selector in a window.

    Source: Prometheus configuration, scrape_config: always_scrape_classic_histograms, which is
    called scrape_classic_histograms before version 3.
    """
    name = metric_name(selector)
    histogram = name.removesuffix(BUCKET).removesuffix(COUNT)
    if answer.measured is not Measured.NO_DATA or histogram == name:
        return answer
    window = min(answer.window, WINDOW)
    whole = rewritten(selector, metric=histogram, without=LE)
    if ask(whole, window, answer.evaluated_at).problem == NATIVE:
        reason = (
            f"{histogram} is a native histogram, without buckets; to get classic buckets, set "
            "always_scrape_classic_histograms: true in the scrape configuration "
            "(scrape_classic_histograms before Prometheus 3)"
        )
        return replace(answer, problem=f"{answer.problem}; {reason}")
    edges = edges_of(ask(rewritten(selector, without=LE), window, answer.evaluated_at))
    if not edges or not name.endswith(BUCKET):
        return answer
    shown = ", ".join(edges[:MAX_SHOWN_EDGES])
    return replace(answer, problem=f"{answer.problem}; the buckets of {histogram} end at {shown}")


def edges_of(answer: SampleSet) -> list[str]:
    """Return the bucket boundaries that the time series have, in ascending order."""
    return sorted({series.labels[LE] for series in answer.series if LE in series.labels}, key=_size)


def _size(edge: str) -> float:
    try:
        return float(edge)
    except ValueError:
        return 0.0
