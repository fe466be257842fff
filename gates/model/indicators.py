"""What is measured: the series that objectives refer to, defined once in a policy."""

from dataclasses import dataclass
from enum import Enum

# In a selector, it stands for the colour whose series are asked for.
SLOT = "$slot"


class Part(Enum):
    """Which events the first selector of an indicator counts."""

    BAD = "bad"
    GOOD = "good"
    EVENTS = "events"  # neither: orders, per request
    ALL = "all"  # there is no first selector: every event is counted


@dataclass(frozen=True, slots=True)
class EventIndicator:
    """Some events, out of all events; a service level indicator where they are bad or good.

    Args:
        name: the indicator's name.
        reads: the bad events (or the counted events) in words: ``requests failed``.
        good_reads: the good events in words: ``requests took under 1 s``; empty where not needed.
        selected: the selector of the bad, good or counted events; with ``$slot``.
        total: the selector of all events; with ``$slot``.
        part: which events ``selected`` counts.

    Source: Google SRE Workbook, chapter 2: an indicator is good events divided by total events.
    """

    name: str
    reads: str
    good_reads: str
    selected: str
    total: str
    part: Part


@dataclass(frozen=True, slots=True)
class WeightIndicator:
    """The traffic weights of the balancer's servers.

    Args:
        name: the indicator's name.
        selector: the weights of all servers.
        server_label: the label that names the server.
    """

    name: str
    selector: str
    server_label: str


@dataclass(frozen=True, slots=True)
class BuildIndicator:
    """The info series whose labels name the build that each instance runs."""

    name: str
    selector: str


@dataclass(frozen=True, slots=True)
class ProcessIndicator:
    """The series that show the state of each instance of a colour.

    Args:
        name: the indicator's name.
        up: whether Prometheus could scrape the instance; with ``$slot``.
        start_time: when its process started, seconds since the epoch; with ``$slot``.
    """

    name: str
    up: str
    start_time: str


Indicator = EventIndicator | WeightIndicator | BuildIndicator | ProcessIndicator
