"""What all charts of the page have in common: the drawing stretches, its labels do not.

A drawing has a width of 1,000 and a height of 100 units and fills its box. Labels and signs lie
above it as text, placed in percent, so that they can be read at every width of the page.
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
        since: the left edge, seconds since the epoch.
        until: the right edge; after the left edge.
        top: the value at the upper edge; the lower edge is 0.
    """

    since: float
    until: float
    top: float

    def x(self, at: float) -> float:
        """The distance of a moment from the left edge, 0 to 1,000."""
        share = (at - self.since) / (self.until - self.since)
        return round(WIDTH * min(1.0, max(0.0, share)), 1)

    def y(self, value: float) -> float:
        """The distance of a value from the upper edge, 0 to 100."""
        return round(HEIGHT * (1.0 - min(1.0, max(0.0, value / self.top))), 2)


def box(frame: Frame, name: str, drawing: str, *, labels: str, scale: Iterable[float]) -> str:
    """A chart with its axes.

    Args:
        frame: the scales.
        name: the name of the chart for a screen reader.
        drawing: markup inside the SVG.
        labels: markup above the drawing.
        scale: the values that have a line and a label, in percent of the vertical axis.
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
    """The labels of the horizontal axis."""
    moments = [frame.since + share * (frame.until - frame.since) for share in SHARES_OF_TIME]
    shown = "".join(tag("span", clock(moment)) for moment in moments)
    return f'<div class="times" aria-hidden="true">{shown}</div>'
