"""Probe: reads a Prometheus text exposition into series."""

import re

LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?\Z")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]


def series(text: str) -> dict[tuple[str, Labels], float]:
    """The value of each series by name and sorted labels; comments are passed over.

    Source: Prometheus exposition formats, text format 0.0.4.
    """
    found = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            labels = tuple(sorted(LABEL.findall(match["labels"] or "")))
            found[(match["name"], labels)] = float(match["value"])
    return found


def total(text: str, name: str, **labels: str) -> float | None:
    """The sum of a metric's series that have these labels; None when there is none."""
    wanted = set(labels.items())
    values = [
        value for (one, own), value in series(text).items() if one == name and wanted <= set(own)
    ]
    return sum(values) if values else None
