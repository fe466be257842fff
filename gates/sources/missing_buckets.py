"""Says why Prometheus has no series of a histogram's bucket: a native histogram, or other edges."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gates.model import Measured, SampleSet
from gates.model.selector import metric_name, rewritten

BUCKET, COUNT, LE = "_bucket", "_count", "le"
# The problem of an answer whose series have native histograms in place of values.
NATIVE = "the series are native histograms"
WINDOW = timedelta(minutes=2)
MAX_SHOWN_EDGES = 20
Ask = Callable[[str, timedelta, float], SampleSet]


def with_reason(answer: SampleSet, selector: str, ask: Ask) -> SampleSet:
    """The answer, whose problem says why no series of a histogram matches.

    Args:
        answer: an answer to a selector.
        selector: the selector.
        ask: a function that reads the raw samples of a selector in the window before a moment.

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
            f"{histogram} is a native histogram, without buckets; set "
            "always_scrape_classic_histograms: true in the scrape configuration "
            "(scrape_classic_histograms before Prometheus 3), which keeps the classic buckets"
        )
        return replace(answer, problem=f"{answer.problem}; {reason}")
    edges = edges_of(ask(rewritten(selector, without=LE), window, answer.evaluated_at))
    if not edges or not name.endswith(BUCKET):
        return answer
    shown = ", ".join(edges[:MAX_SHOWN_EDGES])
    return replace(answer, problem=f"{answer.problem}; the buckets of {histogram} end at {shown}")


def edges_of(answer: SampleSet) -> list[str]:
    """The boundaries of the buckets in an answer, in ascending order."""
    return sorted({series.labels[LE] for series in answer.series if LE in series.labels}, key=_size)


def _size(edge: str) -> float:
    try:
        return float(edge)
    except ValueError:
        return 0.0
