"""Parse the metrics page of a service (Prometheus text format) into time series."""

import re

LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?\Z")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]


def series(text: str) -> dict[tuple[str, Labels], float]:
    """Return the value of each time series in a metrics page; comments are ignored.

    Args:
        text: the metrics page, in the text format of Prometheus.

    Returns:
        The values, keyed by the metric's name and the sorted labels.

    Source: Prometheus exposition formats, text format 0.0.4.
    """
    values = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            labels = tuple(sorted(LABEL.findall(match["labels"] or "")))
            values[(match["name"], labels)] = float(match["value"])
    return values


def total(text: str, name: str, **labels: str) -> float | None:
    """Return the sum of a metric's time series with these labels; None without such time series.

    Args:
        text: the metrics page, in the text format of Prometheus.
        name: the name of the metric.
        labels: labels that a time series must have; it may have further labels.
    """
    wanted_labels = set(labels.items())
    values = [
        value
        for (series_name, series_labels), value in series(text).items()
        if series_name == name and wanted_labels <= set(series_labels)
    ]
    return sum(values) if values else None
