"""The nightly page: one self-contained HTML file, with the trends drawn as SVG."""

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
# The chart's top is this much above the highest value; its bottom is zero, since a chart that
# begins at its lowest value exaggerates.
HEADROOM = 1.15
SCALE_STEPS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A row of the table of tonight's figures.

    Args:
        operation: the measured operation.
        quantile: ``P50`` or ``P95``.
        milliseconds: the response time of the figure.
        comparison: the comparison with the baseline, in words.
        is_slower: whether it got slower.
    """

    operation: str
    quantile: str
    milliseconds: float
    comparison: str
    is_slower: bool


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A figure of one night in a chart.

    Args:
        night: the night, such as ``2026-11-22``.
        day: days since the chart's first night.
        milliseconds: the response time.
        version: the version that was measured.
    """

    night: str
    day: int
    milliseconds: float
    version: str


@dataclass(frozen=True, slots=True)
class TrendChart:
    """A chart of one operation and quantile.

    Args:
        name: the heading of the chart.
        points: oldest first.
        changes: the index of the first point after each change.
    """

    name: str
    points: tuple[TrendPoint, ...]
    changes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NightlyPage:
    """The content of the page; every text is escaped.

    Args:
        title: the heading.
        sentence: the answer: whether the release got slower.
        is_slower: whether it got slower.
        machine: the machine that measured.
        night: the newest night; empty where no night was measured.
        slower: a sentence for each figure that got slower.
        acknowledged: a sentence for each slowdown that somebody has acknowledged.
        missing: the nights without figures.
        table: tonight's figures.
        charts: the trends.
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
        text: what is shown there.
    """

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where everything of one chart is drawn, in units of the drawing.

    Args:
        name: the heading of the chart.
        points: a circle for each.
        lines: polylines, as SVG reads their points; a missing night interrupts the line.
        scale: the steps of the vertical axis.
        changes: a vertical line for each.
        first: the first night.
        last: the last night.
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
    """The page as HTML.

    Args:
        page: the content of the page; texts from outside are escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    drawings = [drawing(chart) for chart in page.charts]
    return environment.get_template(TEMPLATE).render(page=page, drawings=drawings)


def drawing(chart: TrendChart) -> Drawing:
    """Where everything of one chart is drawn.

    Args:
        chart: the figures of the chart; a chart may have no figure.
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
    """The distance from the top of a value, given as a share of the highest value."""
    return round(HEIGHT - BOTTOM - share * PLOT_HEIGHT, 1)


def _lines(points: Sequence[TrendPoint], marks: Sequence[Mark]) -> tuple[str, ...]:
    """A polyline for each stretch without a missing night."""
    texts = [f"{mark.x},{mark.y}" for mark in marks]
    lines = [[text] for text in texts[:1]]
    for (before, point), text in zip(pairwise(points), texts[1:], strict=True):
        if point.day - before.day > 1:
            lines.append([])
        lines[-1].append(text)
    return tuple(" ".join(line) for line in lines)
