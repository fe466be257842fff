"""Finds the time series of a recording that the indicators of a policy read."""

from collections.abc import Mapping
from enum import Enum

from gates.model import BuildIndicator, EventIndicator, Indicator, ProcessIndicator
from gates.model.selector import NAME, of_colour
from gates.statistics import Selector, labels_of, metric_name, parse_selector

LE = "le"


class SeriesKind(Enum):
    """What an exported time series gives to the indicators of a policy, such as a counter."""

    COUNTER = "counter"
    BUILD = "build"
    START_TIME = "start time"
    OTHER = "other"  # no indicator reads it


class SeriesOfPolicy:
    """The time series that the indicators of a policy read.

    The kind of each time series is found once, and then stored.

    Args:
        indicators: the indicators of the policy, by name.
    """

    def __init__(self, indicators: Mapping[str, Indicator]) -> None:
        kinds = indicators.values()
        self._texts = [
            text
            for kind in kinds
            if isinstance(kind, EventIndicator)
            for text in (kind.selected, kind.total)
        ]
        self._counters = [parse_selector(text, any_colour=True) for text in self._texts]
        self._builds = [
            parse_selector(kind.selector, any_colour=True)
            for kind in kinds
            if isinstance(kind, BuildIndicator)
        ]
        self._starts = {
            metric_name(kind.start_time)
            for kind in kinds
            if isinstance(kind, ProcessIndicator) and kind.start_time
        }
        # The values of ``le`` in the recording, by the name of the metric.
        self.edges: dict[str, set[str]] = {}
        self._kinds: dict[str, SeriesKind] = {}
        self._colours: dict[tuple[str, str], bool] = {}

    def kind(self, identity: str) -> SeriesKind:
        """Return the kind of a time series: what it gives to the indicators.

        Args:
            identity: the metric name with the labels, as the instance exported them.

        Raises:
            ValueError: the text is not a metric name with labels.
        """
        kind = self._kinds.get(identity)
        if kind is None:
            kind = self._kinds[identity] = self._learn(labels_of(identity))
        return kind

    def is_of_colour(self, identity: str, name: str) -> bool:
        """Return whether a time series counts events of a colour.

        This method is needed only for the time series of an instance that counts the events of both
        colours, such as a balancer.

        Args:
            identity: the metric name with the labels, as the instance exported them.
            name: the label value of the colour.
        """
        key = (identity, name)
        if key not in self._colours:
            selectors = [parse_selector(of_colour(text, name)) for text in self._texts]
            labels = labels_of(identity)
            self._colours[key] = any(selector.matches(labels) for selector in selectors)
        return self._colours[key]

    def _learn(self, labels: Mapping[str, str]) -> SeriesKind:
        if LE in labels:
            self.edges.setdefault(labels[NAME], set()).add(labels[LE])
        if labels[NAME] in self._starts:
            return SeriesKind.START_TIME
        if _any_matches(self._counters, labels):
            return SeriesKind.COUNTER
        return SeriesKind.BUILD if _any_matches(self._builds, labels) else SeriesKind.OTHER


def _any_matches(selectors: list[Selector], labels: Mapping[str, str]) -> bool:
    return any(selector.matches(labels) for selector in selectors)
