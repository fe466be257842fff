"""The input of the live judge: scrapes, and changes of green's share of the traffic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# The control endpoint and the ledger round shares: a smaller difference is no other share.
SAME_SHARE = 0.005
# A measured weight may be this far from the intended weight.
SHARE_TOLERANCE = 0.01


class Scrape(NamedTuple):
    """The counters of one instance at one moment; a tuple, because there are many.

    Args:
        at: the moment, in seconds.
        slot: the colour of the instance.
        instance: the address of the instance.
        started: when the instance's process started, on the same clock; None where unknown.
        values: the counters, by identity: ``name{label="value",…}``.
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
        at: the moment, in seconds.
        share: the share from that moment on, from 0 to 1.
    """

    at: float
    share: float


def is_same_share(first: float, second: float) -> bool:
    """Whether two shares of the traffic count as the same share.

    Args:
        first: a share, 0 to 1.
        second: another share, 0 to 1.
    """
    return abs(first - second) <= SAME_SHARE
