"""Probe: reads a Prometheus text exposition into time series."""

import re

LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?\Z")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]


def series(text: str) -> dict[tuple[str, Labels], float]:
    """The value of each time series, keyed by name and sorted labels; comments are ignored.

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
    """The sum of a metric's time series with these labels; None if no time series has them."""
    wanted_labels = set(labels.items())
    values = [
        value
        for (series_name, series_labels), value in series(text).items()
        if series_name == name and wanted_labels <= set(series_labels)
    ]
    return sum(values) if values else None
