"""Draws the evidence of a decision at a terminal: a line of blocks for each query."""

from collections.abc import Iterable, Iterator

from gates.model import Evidence, Series
from gates.model.figures import significant

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60
MAX_QUERY = 100


def of_evidence(evidence: Evidence) -> Iterator[str]:
    """Return two lines for each query of counters: the query, and its increase over time.

    Args:
        evidence: the evidence of a decision.
    """
    for answer in evidence.samples.values():
        increases = list(_increases(answer.series))
        if increases:
            yield answer.query[:MAX_QUERY]
            yield f"  {blocks(increases)}  up to {significant(max(increases))} a second"


def _increases(several: Iterable[Series]) -> Iterator[float]:
    """Yield the increase per second of all time series together, in up to 60 intervals."""
    points: dict[float, float] = {}
    for series in several:
        for (_, before), (at, value) in zip(series.samples, series.samples[1:], strict=False):
            points[at] = points.get(at, 0.0) + max(0.0, value - before)
    if len(points) < 2 or not any(points.values()):  # noqa: PLR2004 - a line needs two points
        return
    first, last = min(points), max(points)
    width = min(WIDTH, len(points))
    sums = [0.0] * width
    for at, increase in points.items():
        sums[min(width - 1, int((at - first) / (last - first) * width))] += increase
    yield from (total * width / (last - first) for total in sums)


def blocks(values: list[float]) -> str:
    """Draw each value as a block with one of eight heights; the largest value is the highest.

    Args:
        values: the values from left to right; at least one.
    """
    highest = max(values) or 1.0
    return "".join(BLOCKS[min(7, int(max(0.0, value) / highest * 7.999))] for value in values)
