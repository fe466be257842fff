"""Facts about time series: which series exist, with which labels, and of which type."""

from dataclasses import dataclass
from typing import Protocol


class SeriesFacts(Protocol):
    """Answers questions about the time series that rules read."""

    def count(self, selector: str) -> int:
        """How many time series match a selector, or matched it some minutes ago."""

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        """The values of a label of a metric; empty where no time series has the label."""

    def metric_type(self, metric: str) -> str:
        """``counter``, ``gauge``, ``histogram``, ``summary``; empty where it is not known."""

    @property
    def knows_series(self) -> bool:
        """Whether ``count`` and ``label_values`` know the time series at all."""

    @property
    def scrape_interval_seconds(self) -> float:
        """The shortest scrape interval; 0 where it is not known."""

    @property
    def retention_seconds(self) -> float:
        """For how long samples are kept; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class UnknownSeries:
    """Facts about rules of a file, without a Prometheus: nothing is known of time series.

    Args:
        scrape_interval_seconds: the shortest scrape interval; 0 where it is not known.
        retention_seconds: for how long samples are kept; 0 where it is not known.
    """

    scrape_interval_seconds: float = 0.0
    retention_seconds: float = 0.0

    @property
    def knows_series(self) -> bool:
        """Never: there is no Prometheus to ask."""
        return False

    def count(self, selector: str) -> int:
        """No time series is known."""
        return 0 * len(selector)

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        """No label is known."""
        return frozenset((metric, label)[:0])

    def metric_type(self, metric: str) -> str:
        """No type is known."""
        return metric[:0]
