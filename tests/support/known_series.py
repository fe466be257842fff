"""Facts about time series for tests: a written list of series instead of a Prometheus."""

import re
from dataclasses import dataclass
from pathlib import Path

from promql_parser import VectorSelector

from suites.inspection import series
from suites.monitoring.promql import expressions as promql


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """The time series of a text in Prometheus' exposition format, with its TYPE lines."""

    exposition: str
    scrape_interval_seconds: float = 15.0
    retention_seconds: float = 15 * 86_400.0
    knows_series: bool = True

    def count(self, selector: str) -> int:
        node = promql.tree(selector)
        assert isinstance(node, VectorSelector)
        return sum(_fits(node, name, dict(labels)) for name, labels in series(self.exposition))

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        all_labels = [dict(labels) for name, labels in series(self.exposition) if name == metric]
        return frozenset(labels[label] for labels in all_labels if label in labels)

    def metric_type(self, metric: str) -> str:
        match = re.search(rf"^# TYPE {re.escape(metric)} (\w+)$", self.exposition, re.MULTILINE)
        return match[1] if match else ""


def _fits(node: VectorSelector, name: str, labels: dict[str, str]) -> bool:
    if promql.metric(node) != name:
        return False
    return all(
        _holds(symbol, value, labels.get(label, ""))
        for label, symbol, value in promql.matchers(node)
    )


def _holds(symbol: str, pattern: str, value: str) -> bool:
    is_pattern = symbol.endswith("~")
    matches = re.fullmatch(pattern, value) is not None if is_pattern else value == pattern
    return matches == (symbol in ("=", "=~"))


STORE = KnownSeries((Path(__file__).parent / "monitoring_files" / "store_series.txt").read_text())
