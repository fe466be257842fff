"""The input of the live judge: scrapes, and changes of green's share of the traffic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
