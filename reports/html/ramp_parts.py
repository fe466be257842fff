"""Draws the traffic of the newest ramp as a timeline, and lists the events of the ramp."""

from reports.html.chart_frame import Frame, box
from reports.html.markup import clock, empty, per_cent, section, table, tag, text
from reports.html.page import Charts, Ramp, RampEvent
from reports.html.ratio_chart import figure

# Signs that are closer than this part of the width are drawn in several lanes.
MIN_DISTANCE, MAX_LANES = 80.0, 3
SCALE = (0.0, 0.5, 1.0)


def ramp_section(ramp: Ramp) -> str:
    """Write the section of the page about the ramp.

    Args:
        ramp: the newest ramp; without moves, the section shows the sentence in ``ramp.problem``.
    """
    if not ramp.moves:
        return section("ramp", "Ramp", [empty(ramp.problem)])
    parts = [_timeline(ramp), _events(ramp)]
    return section("ramp", "Ramp", parts)


def charts_section(charts: Charts) -> str:
    """Write the section of the page with the charts of green and blue.

    Args:
        charts: the charts of the newest decision about a ramp step; may be empty.
    """
    if charts.problem or not charts.charts:
        problem = charts.problem or "The evidence has no events of green and no events of blue."
        return section("charts", "Green and blue", [empty(problem)])
    figures = "".join(map(figure, charts.charts))
    return section(
        "charts",
        "Green and blue",
        [tag("p", text(charts.sentence), class_="soft"), tag("div", figures, class_="charts")],
    )


def _timeline(ramp: Ramp) -> str:
    """Draw the share of each colour over the time, with a sign for each decision and rollback."""
    frame = Frame(ramp.moves[0].at, max(ramp.until, ramp.moves[0].at + 1.0), 1.0)
    ends = [*(move.at for move in ramp.moves[1:]), frame.until]
    bars = "".join(
        _bar(frame, move.at, end, move.share) for move, end in zip(ramp.moves, ends, strict=True)
    )
    steps = ", ".join(f"{clock(move.at)} {per_cent(move.share)}" for move in ramp.moves)
    signs = _signs(ramp.events, frame)
    legend = tag(
        "ul",
        '<li><span class="key green"></span>green</li>'
        '<li><span class="key blue"></span>blue</li>'
        '<li><span class="sign good">✓</span>go</li>'
        '<li><span class="sign wait">‖</span>hold</li>'
        '<li><span class="sign bad">✕</span>no-go</li>'
        '<li><span class="sign bad">↩</span>rollback</li>',
        class_="legend",
    )
    name = f"Green's share of the traffic: {steps}"
    return tag(
        "figure",
        tag("figcaption", tag("strong", "Share of the traffic, and the decision at each step"))
        + legend
        + signs
        + box(frame, name, bars, labels="", scale=SCALE),
        class_="timeline",
    )


def _bar(frame: Frame, since: float, until: float, share: float) -> str:
    """Draw the shares between two moves: green below, blue above."""
    x, width, top = frame.x(since), frame.x(until) - frame.x(since), frame.y(share)
    title = f"{clock(since)} to {clock(until)}: green {per_cent(share)}, blue {per_cent(1 - share)}"
    return (
        f"<g><title>{text(title)}</title>"
        f'<rect class="area blue" x="{x}" width="{width:.1f}" y="0" height="{top}"/>'
        f'<rect class="area green" x="{x}" width="{width:.1f}" y="{top}" height="{100 - top:.2f}"/>'
        f'</g><line class="edge" x1="{x}" x2="{x}" y1="0" y2="100"/>'
    )


def _signs(events: tuple[RampEvent, ...], frame: Frame) -> str:
    """Draw the signs of the events; signs of near moments are drawn one above the other."""
    lanes: list[float] = []
    placed: list[tuple[RampEvent, int]] = []
    for event in events:
        if not event.symbol:
            continue
        x = frame.x(event.at)
        free = [number for number, last in enumerate(lanes) if x - last >= MIN_DISTANCE]
        lane = free[0] if free else min(len(lanes), MAX_LANES - 1)
        lanes[lane : lane + 1] = [x]
        placed.append((event, lane))
    shown = "".join(_sign(frame, event, lane) for event, lane in placed)
    return f'<div class="signs" style="height:{1.6 * max(1, len(lanes)):.1f}rem">{shown}</div>'


def _sign(frame: Frame, event: RampEvent, lane: int) -> str:
    title = text(f"{clock(event.at)} {event.word}: {event.detail}", 300)
    place = f"left:{frame.x(event.at) / 10:.2f}%;bottom:{1.6 * lane + 0.15:.2f}rem"
    return (
        f'<span class="sign {event.tone.value}" style="{place}" role="img" '
        f'aria-label="{title}" title="{title}">{text(event.symbol)}</span>'
    )


def _events(ramp: Ramp) -> str:
    """Write the table of events, with one row for each event."""
    rows = (
        (
            clock(event.at),
            tag("span", text(event.word), class_=f"chip {event.tone.value}"),
            per_cent(event.share),
            per_cent(1 - event.share),
            text(event.detail, 400),
        )
        for event in ramp.events
    )
    headings = ("Time, UTC", "Event", "Green", "Blue", "Detail")
    shown = table("Events of the ramp", headings, rows)
    if ramp.left_out:
        shown = (
            empty(f"{ramp.left_out:,} older events are not shown; to see them, type: gates log")
            + shown
        )
    return shown
