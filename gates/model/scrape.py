"""What a live judge is fed: scrapes, and changes of the traffic's shares."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scrape:
    """The counters of one instance at one moment.

    Args:
        at: when, seconds.
        slot: the colour it is of.
        instance: the instance.
        started: when its process started, on the same clock; None where unknown.
        values: counters by identity, ``name{label="value",…}``.
    """

    at: float
    slot: str
    instance: str
    started: float | None
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Move:
    """From this moment on the target has this share of the traffic, 0 to 1."""

    at: float
    share: float
