"""Asks Prometheus for the bucket boundaries of the histograms that the policy reads."""

from collections.abc import Mapping
from datetime import timedelta

from gates.judging.answers import for_slot
from gates.model import EventIndicator, Indicator, Target
from gates.model.selector import metric_name, rewritten
from gates.sources import source_named
from gates.sources.missing_buckets import BUCKET, LE, edges_of

WINDOW = timedelta(minutes=5)


def edges_of_target(
    indicators: Mapping[str, Indicator], target: Target, at: float
) -> dict[str, frozenset[str]]:
    """Ask Prometheus for the bucket boundaries of those histograms that the indicators read.

    Args:
        indicators: the indicators of the policy.
        target: the target; its file names the address of Prometheus.
        at: the end of the window of five minutes that is queried, in seconds since the epoch.

    Returns:
        The values of the label ``le``, keyed by the metric. A metric without time series in the
        window is left out.
    """
    source = source_named("prometheus", target.addresses.prometheus, target.access.prometheus)
    edges: dict[str, frozenset[str]] = {}
    for indicator in indicators.values():
        if not isinstance(indicator, EventIndicator):
            continue
        name = metric_name(indicator.selected)
        if not name.endswith(BUCKET) or name in edges:
            continue
        selector = for_slot(rewritten(indicator.selected, without=LE), target)
        if known := edges_of(source.samples(selector, WINDOW, at)):
            edges[name] = frozenset(known)
    return edges
