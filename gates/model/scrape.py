"""The input of the live judge: scrapes, and changes of green's share of the traffic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gates.model.selector import NAME, SUM_OF, Selector

# Shares with a smaller difference are equal: the control endpoint and the ledger round shares.
SAME_SHARE = 0.005
# The largest accepted difference of a measured share from the intended share.
SHARE_TOLERANCE = 0.01


class Scrape(NamedTuple):
    """The counters of one instance at one scrape.

    The class is a tuple, because a ramp has very many scrapes.

    Args:
        at: the moment of the scrape, in seconds.
        slot: the colour of the instance.
        instance: the address of the instance.
        started: when the instance's process started, in seconds of the clock of ``at``; None where
            unknown.
        values: the values of the counters, by time series: ``name{label="value",…}``.
    """

    at: float
    slot: str
    instance: str
    started: float | None
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the target's share of the traffic.

    Args:
        at: the moment of the change, in seconds.
        share: the target's share of the traffic from this moment on, from 0 to 1.
    """

    at: float
    share: float


def is_same_share(first: float, second: float) -> bool:
    """Return whether two shares of the traffic count as equal, in spite of rounding.

    Args:
        first: a share, 0 to 1.
        second: another share, 0 to 1.
    """
    return abs(first - second) <= SAME_SHARE


def without_label(labels: Mapping[str, str], selectors: Iterable[Selector]) -> str:
    """Return a sentence if a time series has no label that shows failures, such as a status.

    Args:
        labels: the labels and the metric name of the time series; a sum of series has no name.
        selectors: the selectors of the events. If a selector of this metric has a negative matcher
            that excludes the empty value of a label, such as ``status!=""``, the time series needs
            this label.

    Returns:
        A sentence; an empty text where the time series has every such label.
    """
    metric = labels.get(NAME, "")
    named = [selector for selector in selectors if selector.matches_name(metric)]
    missing = {name for each in named for name in each.excludes_empty if not labels.get(name)}
    if not missing or not metric or SUM_OF in labels:
        return ""
    return (
        f"a time series of {metric} has no label {min(missing)!r}, so the gate cannot tell whether "
        "its events are failures; export the label on each time series"
    )
