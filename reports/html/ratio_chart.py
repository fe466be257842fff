"""Draws the ratio of bad events of green and blue, with confidence intervals and limits."""

from itertools import pairwise

from reports.html.chart_frame import Frame, box
from reports.html.markup import clock, per_cent, table, tag, text
from reports.html.page import Line, RatioChart, RatioPoint

# The upper edge of a chart is the highest line or limit times this factor.
HEADROOM = 1.2
# A chart without a bad event still has a scale.
MIN_TOP = 0.001
# A limit that is higher than the lines by more than this factor is named, and not drawn.
MAX_LIMIT_FACTOR = 60.0
SCALE = (0.0, 0.5, 1.0)
# Limits that are closer than this part of the height share a line of text.
MIN_LABEL_DISTANCE = 9.0
COLOURS = ("green", "blue")


def figure(chart: RatioChart) -> str:
    """Draw a chart with its heading, its legend and a table of its values.

    Args:
        chart: the content of the chart, with at least one line that has a point.
    """
    frame = Frame(chart.since, max(chart.until, chart.since + 1.0), _top(chart))
    drawing = "".join(
        [
            *(_move(frame, move.at) for move in chart.moves if chart.since < move.at < chart.until),
            *(_band(frame, line) for line in chart.lines),
            *(_limit(frame, limit.ratio) for limit in chart.limits if limit.ratio <= frame.top),
            *(_line(frame, line) for line in chart.lines),
            *(_hover(frame, line) for line in chart.lines),
        ]
    )
    scale = [round(share * frame.top, 6) for share in SCALE]
    caption = tag("strong", text(_capital(chart.title))) + tag(
        "span", text(chart.objective), class_="soft"
    )
    return tag(
        "figure",
        tag("figcaption", caption)
        + _legend(chart)
        + box(frame, _name(chart), drawing, labels=_limit_labels(frame, chart), scale=scale)
        + _figures(chart),
    )


def _capital(title: str) -> str:
    return f"{title[:1].upper()}{title[1:]}"


def _name(chart: RatioChart) -> str:
    """Write the content of the chart in words, for a screen reader."""
    lines = "; ".join(f"{line.colour}: {_total(line)}" for line in chart.lines)
    limits = ", ".join(f"{limit.name} {per_cent(limit.ratio)}" for limit in chart.limits)
    return f"{chart.title}. {lines}. {f'Limits: {limits}' if limits else 'No limit'}"


def _total(line: Line) -> str:
    if not line.total:
        return "no events in the ramp"
    return f"{line.bad:,.0f} of {line.total:,.0f} ({per_cent(line.bad / line.total)})"


def _top(chart: RatioChart) -> float:
    """Return the value at the upper edge of the chart."""
    highest = max((point.ratio for line in chart.lines for point in line.points), default=0.0)
    near = [
        limit.ratio
        for limit in chart.limits
        if limit.ratio <= MAX_LIMIT_FACTOR * max(highest, MIN_TOP)
    ]
    lowest = [min(limit.ratio for limit in chart.limits)] if chart.limits else []
    return min(1.0, HEADROOM * max(highest, MIN_TOP, *near[:1], *lowest))


def _legend(chart: RatioChart) -> str:
    """Write the legend: each colour with its numbers of events in the ramp."""
    items = "".join(
        tag("li", f'<span class="key {line.colour}"></span>{line.colour}: {text(_total(line))}')
        for line in chart.lines
        if line.colour in COLOURS
    )
    hidden = [limit for limit in chart.limits if limit.ratio > _top(chart)]
    above = "".join(
        tag("li", text(f"{limit.name} {per_cent(limit.ratio)} (above the chart)"), class_="soft")
        for limit in hidden
    )
    return tag("ul", items + above, class_="legend")


def _move(frame: Frame, at: float) -> str:
    x = frame.x(at)
    return f'<line class="move" x1="{x}" x2="{x}" y1="0" y2="100"/>'


def _limit(frame: Frame, ratio: float) -> str:
    y = frame.y(ratio)
    return f'<line class="limit" x1="0" x2="1000" y1="{y}" y2="{y}"/>'


def _limit_labels(frame: Frame, chart: RatioChart) -> str:
    """Write the name of each limit beside the line of the limit."""
    shown = sorted(
        (limit for limit in chart.limits if limit.ratio <= frame.top),
        key=lambda limit: limit.ratio,
    )
    labels: dict[float, list[str]] = {}
    for limit in shown:
        y = frame.y(limit.ratio)
        near = next((known for known in labels if abs(known - y) < MIN_LABEL_DISTANCE), y)
        labels.setdefault(near, []).append(f"{limit.name} {per_cent(limit.ratio)}")
    return "".join(
        f'<span class="limit-name" style="top:{y}%">{text(", ".join(names))}</span>'
        for y, names in labels.items()
    )


def _line(frame: Frame, line: Line) -> str:
    places = [f"{frame.x(point.at)},{frame.y(point.ratio)}" for point in line.points]
    # A line of a single point is drawn as a dot.
    kind = "line" if len(places) > 1 else "line dot"
    points = " ".join(places if len(places) > 1 else places * 2)
    return f'<polyline class="{kind} {text(line.colour)}" points="{points}"/>'


def _band(frame: Frame, line: Line) -> str:
    """Draw the confidence intervals of all points of a line."""
    upper = [f"{frame.x(point.at)},{frame.y(point.high)}" for point in line.points]
    lower = [f"{frame.x(point.at)},{frame.y(point.low)}" for point in reversed(line.points)]
    return f'<polygon class="band {text(line.colour)}" points="{" ".join([*upper, *lower])}"/>'


def _hover(frame: Frame, line: Line) -> str:
    """Draw an invisible strip for each point; a pointer on the strip shows the point's values."""
    points = line.points
    lefts = [0.0, *((frame.x(a.at) + frame.x(b.at)) / 2 for a, b in pairwise(points)), 1000.0]
    half = 0 if line.colour == COLOURS[0] else 50
    return "".join(
        f'<rect class="hover" x="{left:.1f}" width="{max(0.0, right - left):.1f}" y="{half}" '
        f'height="50"><title>{text(_point(line, point))}</title></rect>'
        for point, (left, right) in zip(points, pairwise(lefts), strict=True)
    )


def _point(line: Line, point: RatioPoint) -> str:
    return (
        f"{clock(point.at)} {line.colour}: {per_cent(point.ratio)} "
        f"({point.bad:,.0f} of {point.total:,.0f})"
    )


def _figures(chart: RatioChart) -> str:
    """Write the values of the chart as a table that a reader can open."""
    rows = sorted(
        ((point, line.colour) for line in chart.lines for point in line.points),
        key=lambda row: row[0].at,
    )
    shown = table(
        f"Figures: {chart.title}",
        ("Until, UTC", "Colour", "Bad", "All", "Ratio", "95 % interval"),
        (
            (
                clock(point.at),
                text(colour),
                f"{point.bad:,.0f}",
                f"{point.total:,.0f}",
                per_cent(point.ratio),
                f"{per_cent(point.low)} to {per_cent(point.high)}",
            )
            for point, colour in rows
        ),
    )
    return tag("details", tag("summary", "Figures") + shown)
