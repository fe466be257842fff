"""The indicators of a policy: the time series that the objectives of the policy measure."""

from dataclasses import dataclass
from enum import Enum

# This text in a selector stands for the colour whose time series are queried.
SLOT = "$slot"
# The units of bucket boundaries, in seconds.
UNITS = {"seconds": 1.0, "milliseconds": 0.001}


class Part(Enum):
    """The kind of events that the selector ``selected`` of an indicator counts."""

    BAD = "bad"
    GOOD = "good"
    EVENTS = "events"  # neither: orders, per request
    ALL = "all"  # there is no first selector: every event is counted


@dataclass(frozen=True, slots=True)
class EventIndicator:
    """Some events out of all events, such as failed requests out of all requests.

    Where these events are bad or good events, this is a service level indicator.

    Args:
        name: the indicator's name.
        reads: the bad events (or the counted events) in words: ``requests failed``.
        good_reads: the good events in words: ``requests took under 1 s``; empty where not needed.
        selected: the selector of the bad, good or counted events; ``$slot`` stands for the colour.
        total: the selector of all events; ``$slot`` stands for the colour.
        part: which events ``selected`` counts.
        labels: the labels in which the series of one instance may differ: the labels that the
            policy declares, and all labels in the selectors that read the same metrics.
        unit: the unit of the bucket boundaries, ``seconds`` or ``milliseconds``; empty where
            neither the policy nor the metric's name states it.

    Source: Google SRE Workbook, chapter 2: an indicator is good events divided by total events.
    """

    name: str
    reads: str
    good_reads: str
    selected: str
    total: str
    part: Part
    labels: frozenset[str] = frozenset()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class WeightIndicator:
    """The traffic weights of the balancer's servers.

    Args:
        name: the indicator's name.
        selector: the selector of the traffic weights of all servers.
        server_label: the label that names the server.
    """

    name: str
    selector: str
    server_label: str


@dataclass(frozen=True, slots=True)
class BuildIndicator:
    """The info series whose labels name the build that each instance runs.

    Args:
        name: the indicator's name.
        selector: the selector of the info series; ``$slot`` stands for the colour.
        release_label: the label of the release; empty where the series has no such label.
        version_label: the label of the version; empty where the series has no such label.
        digest_label: the label of the digest; empty where the series has no such label.
        deployment_label: the label in which each instance names its deployment, where it has one.
    """

    name: str
    selector: str
    release_label: str = "release"
    version_label: str = "version"
    digest_label: str = "digest"
    deployment_label: str = "deployment"


@dataclass(frozen=True, slots=True)
class ProcessIndicator:
    """The time series that show the state of each instance of a colour.

    Args:
        name: the indicator's name.
        up: the selector of ``up``, or of an info series that each instance exports.
        start_time: the selector of the start time of the instance's process, in seconds since the
            epoch; empty where the system has no such series. Then the fall of a counter is the sign
            of a restart.
        of_both_colours: whether the same processes count the events of both colours, as a balancer
            does; then ``up`` and ``start_time`` are without ``$slot``.
        instance_label: the label that names the instance.
    """

    name: str
    up: str
    start_time: str
    of_both_colours: bool = False
    instance_label: str = "instance"

    @property
    def presence(self) -> str:
        """The selector of a series with a sample at each scrape: start time, else ``up``."""
        return self.start_time or self.up

    @property
    def fall_is_restart(self) -> bool:
        """Whether the fall of a counter is the only sign of a restart."""
        return not self.start_time


Indicator = EventIndicator | WeightIndicator | BuildIndicator | ProcessIndicator
