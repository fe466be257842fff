"""What a decision rests on, drawn in a terminal: a line of blocks for each counter."""

from collections.abc import Iterable, Iterator

from gates.model import Evidence, Series

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def of_evidence(evidence: Evidence) -> Iterator[str]:
    """A line for each answer with counters: how fast it rose, from left to right."""
    for answer in evidence.samples.values():
        rises = list(_rises(answer.series))
        if rises:
            yield f"{answer.query[:100]}"
            yield f"  {blocks(rises)}  up to {max(rises):,.3g} a second"


def _rises(series: Iterable[Series]) -> Iterator[float]:
    """The rise a second of all series together, in so many parts of the window."""
    points: dict[float, float] = {}
    for one in series:
        for (_, before), (at, value) in zip(one.samples, one.samples[1:], strict=False):
            points[at] = points.get(at, 0.0) + max(0.0, value - before)
    if len(points) < 2 or not any(points.values()):  # noqa: PLR2004 - a line needs two points
        return
    first, last = min(points), max(points)
    width = min(WIDTH, len(points))
    sums = [0.0] * width
    for at, rise in points.items():
        sums[min(width - 1, int((at - first) / (last - first) * width))] += rise
    yield from (one * width / (last - first) for one in sums)


def blocks(values: list[float]) -> str:
    """Values as blocks of eight heights."""
    top = max(values) or 1.0
    return "".join(BLOCKS[min(7, int(max(0.0, one) / top * 7.999))] for one in values)
