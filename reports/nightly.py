"""Writes the nightly page: one self-contained HTML file, with the trends drawn as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gates.model.figures import significant

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 26
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
TEMPLATE = "nightly.html.j2"
# The top of a chart is the highest value times this factor. The bottom is zero, because a chart
# that begins at the lowest value exaggerates.
HEADROOM = 1.15
SCALE_STEPS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A row of the table of the newest night's response times.

    Args:
        operation: the measured operation.
        quantile: ``P50`` or ``P95``.
        milliseconds: the response time at this quantile.
        comparison: a text that compares the response time with the baseline.
        is_slower: whether the operation got slower at this quantile.
    """

    operation: str
    quantile: str
    milliseconds: float
    comparison: str
    is_slower: bool


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The response time of one night in a chart.

    Args:
        night: the night, such as ``2026-11-22``.
        day: the number of days since the first night of the chart.
        milliseconds: the response time.
        version: the version of the store that was measured.
    """

    night: str
    day: int
    milliseconds: float
    version: str


@dataclass(frozen=True, slots=True)
class TrendChart:
    """The response times of one operation at one quantile, night by night.

    Args:
        name: the heading of the chart.
        points: the points of the nights, oldest first.
        changes: the index of the first point after each change of the response time.
    """

    name: str
    points: tuple[TrendPoint, ...]
    changes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NightlyPage:
    """The content of the nightly page; ``html`` escapes every text.

    Args:
        title: the heading of the page.
        sentence: a sentence that tells whether the release got slower.
        is_slower: whether the release got slower.
        machine: the machine that measured.
        night: the newest night; empty where no night was measured.
        slower: a sentence for each response time that got longer.
        acknowledged: a sentence for each slowdown that a person has acknowledged.
        missing: the nights without response times.
        table: the response times of the newest night.
        charts: the trends of the response times.
    """

    title: str
    sentence: str
    is_slower: bool
    machine: str
    night: str
    slower: tuple[str, ...]
    acknowledged: tuple[str, ...]
    missing: tuple[str, ...]
    table: tuple[FigureRow, ...]
    charts: tuple[TrendChart, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point, a change or a step of the scale in a drawing.

    Args:
        x: the distance from the left, in units of the drawing; 0 for a step of the scale.
        y: the distance from the top, in units of the drawing; 0 for a change.
        text: the text at this mark.
    """

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The positions of all parts of a chart; all lengths are in units of the drawing.

    Args:
        name: the heading of the chart.
        points: the circles, one for each night.
        lines: the points of each polyline as SVG text; a missing night interrupts the line.
        scale: the steps of the vertical axis.
        changes: the vertical lines, one for each change of the response time.
        first: the first night of the chart; empty without points.
        last: the last night of the chart; empty without points.
    """

    name: str
    points: tuple[Mark, ...]
    lines: tuple[str, ...]
    scale: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def html(page: NightlyPage) -> str:
    """Write the nightly page as HTML.

    Args:
        page: the content of the page; its texts are escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    drawings = [drawing(chart) for chart in page.charts]
    return environment.get_template(TEMPLATE).render(page=page, drawings=drawings)


def drawing(chart: TrendChart) -> Drawing:
    """Compute the positions of all parts of a chart.

    Args:
        chart: the response times of the chart; a chart may have no point.
    """
    points = chart.points
    highest = HEADROOM * max((point.milliseconds for point in points), default=1.0)
    days = max((point.day for point in points), default=0) or 1
    marks = tuple(
        Mark(
            x=round(LEFT + point.day / days * PLOT_WIDTH, 1),
            y=_height(point.milliseconds / highest),
            text=f"{point.night}: {point.milliseconds:.1f} ms, version {point.version}",
        )
        for point in points
    )
    changes = tuple(
        Mark(
            marks[index].x,
            0.0,
            f"changed on {points[index].night}, version {points[index].version}",
        )
        for index in chart.changes
    )
    return Drawing(
        name=chart.name,
        points=marks,
        lines=_lines(points, marks),
        scale=tuple(
            Mark(0.0, _height(share), f"{significant(share * highest)} ms") for share in SCALE_STEPS
        ),
        changes=changes,
        first=points[0].night if points else "",
        last=points[-1].night if points else "",
    )


def _height(share: float) -> float:
    """Return how far from the top a value is drawn; the value is a share of the axis's top."""
    return round(HEIGHT - BOTTOM - share * PLOT_HEIGHT, 1)


def _lines(points: Sequence[TrendPoint], marks: Sequence[Mark]) -> tuple[str, ...]:
    """Write one polyline for each sequence of nights without a gap."""
    texts = [f"{mark.x},{mark.y}" for mark in marks]
    lines = [[text] for text in texts[:1]]
    for (before, point), text in zip(pairwise(points), texts[1:], strict=True):
        if point.day - before.day > 1:
            lines.append([])
        lines[-1].append(text)
    return tuple(" ".join(line) for line in lines)
