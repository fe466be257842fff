"""Facts about time series: which time series exist, with which labels, and of which type."""

from dataclasses import dataclass
from typing import Protocol


class SeriesFacts(Protocol):
    """The facts about time series that the analysis of rules needs."""

    def count(self, selector: str) -> int:
        """Return how many time series match a selector now, or matched it some minutes ago."""

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        """Return the values of a label of a metric; empty when no time series has the label."""

    def metric_type(self, metric: str) -> str:
        """Return the type of a metric, such as ``counter`` or ``gauge``; empty if unknown."""

    @property
    def knows_series(self) -> bool:
        """Whether ``count`` and ``label_values`` have facts; false without a Prometheus."""

    @property
    def scrape_interval_seconds(self) -> float:
        """The shortest scrape interval, in seconds; 0 if unknown."""

    @property
    def retention_seconds(self) -> float:
        """How long Prometheus stores samples, in seconds; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class UnknownSeries:
    """The facts for rules of a file when no Prometheus is given: no time series is known.

    Args:
        scrape_interval_seconds: the shortest scrape interval, in seconds; 0 if unknown.
        retention_seconds: how long Prometheus stores samples, in seconds; 0 if unknown.
    """

    scrape_interval_seconds: float = 0.0
    retention_seconds: float = 0.0

    @property
    def knows_series(self) -> bool:
        """Always false, because there is no Prometheus."""
        return False

    def count(self, selector: str) -> int:
        """Return 0, because no time series is known."""
        return 0 * len(selector)

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        """Return an empty set, because no label is known."""
        return frozenset((metric, label)[:0])

    def metric_type(self, metric: str) -> str:
        """Return an empty text, because no type is known."""
        return metric[:0]
