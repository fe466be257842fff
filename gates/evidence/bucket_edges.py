"""Asks Prometheus where the buckets of the policy's histograms end."""

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
    """The boundaries of the buckets that Prometheus has of a target, keyed by metric.

    Args:
        indicators: the indicators of the policy.
        target: the target, whose Prometheus is asked.
        at: the moment, in seconds since the epoch.

    Returns:
        The values of ``le``; a metric without series is not among them.
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
