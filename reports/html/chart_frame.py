"""Draws the axes of all charts; a drawing stretches with the page, and its labels do not.

A drawing fills its box; it is 1,000 units wide and 100 units high. Labels and signs are text above
the drawing. Their positions are in percent, so that a reader can read them at every page width.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gates.model.figures import significant
from reports.html.markup import clock, tag, text

WIDTH, HEIGHT = 1000.0, 100.0
SHARES_OF_TIME = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """The scales of a chart.

    Args:
        since: the moment at the left edge, seconds since the epoch.
        until: the moment at the right edge, seconds since the epoch; later than ``since``.
        top: the value at the upper edge; the lower edge is 0.
    """

    since: float
    until: float
    top: float

    def x(self, at: float) -> float:
        """Return the distance of a moment from the left edge, 0 to 1,000."""
        share = (at - self.since) / (self.until - self.since)
        return round(WIDTH * min(1.0, max(0.0, share)), 1)

    def y(self, value: float) -> float:
        """Return the distance of a value from the upper edge, 0 to 100."""
        return round(HEIGHT * (1.0 - min(1.0, max(0.0, value / self.top))), 2)


def box(frame: Frame, name: str, drawing: str, *, labels: str, scale: Iterable[float]) -> str:
    """Write the markup of a chart with its axes.

    Args:
        frame: the scales of the chart.
        name: the name of the chart for a screen reader.
        drawing: the markup of the lines and areas, inside the SVG.
        labels: the markup of the labels above the drawing.
        scale: the values of the vertical axis that have a line and a label.
    """
    values = list(scale)
    lines = "".join(
        f'<line class="axis" x1="0" x2="1000" y1="{frame.y(value)}" y2="{frame.y(value)}"/>'
        for value in values
    )
    steps = "".join(
        f'<span class="step" style="top:{frame.y(value)}%">{significant(100 * value)} %</span>'
        for value in values
    )
    svg = (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(name)}">{lines}{drawing}</svg>'
    )
    return tag("div", steps + svg + labels, class_="plot") + _times(frame)


def _times(frame: Frame) -> str:
    """Write the labels of the horizontal axis: three moments."""
    moments = [frame.since + share * (frame.until - frame.since) for share in SHARES_OF_TIME]
    shown = "".join(tag("span", clock(moment)) for moment in moments)
    return f'<div class="times" aria-hidden="true">{shown}</div>'
