"""The nightly page: one self-contained HTML file, with the trends drawn as SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 26
TEMPLATE = "nightly.html.j2"
# What a chart's lowest value is drawn at; a chart that begins at its lowest value exaggerates.
HEADROOM = 1.15


def html(content: Mapping[str, Any]) -> str:
    """The page.

    Args:
        content: title, sentence, table, charts and so on, as ``nightly`` gives them; every text
            in it is escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    charts = [chart(one) for one in content["charts"]]
    return environment.get_template(TEMPLATE).render(**{**content, "charts": charts})


def chart(content: Mapping[str, Any]) -> dict[str, Any]:
    """Where everything of one chart is drawn.

    Args:
        content: ``name``, ``points`` (night, day, milliseconds, version) and ``changes``, the
            indices of the first point after each change.
    """
    points = content["points"]
    highest = HEADROOM * max((one["milliseconds"] for one in points), default=1.0)
    days = max((one["day"] for one in points), default=0) or 1
    drawn = [
        {
            "x": round(LEFT + one["day"] / days * (WIDTH - LEFT - RIGHT), 1),
            "y": round(HEIGHT - BOTTOM - one["milliseconds"] / highest
                       * (HEIGHT - TOP - BOTTOM), 1),
            "text": f"{one['night']}: {one['milliseconds']:.1f} ms, version {one['version']}",
            "day": one["day"],
        }
        for one in points
    ]  # fmt: skip
    return {
        "name": content["name"],
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "floor": HEIGHT - BOTTOM,
        "points": drawn,
        "lines": _lines(drawn),
        "scale": [
            {"y": round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1),
             "text": f"{share * highest:.3g} ms"}
            for share in (0.0, 0.5, 1.0)
        ],
        "first": points[0]["night"] if points else "",
        "last": points[-1]["night"] if points else "",
        "changes": [
            {"x": drawn[index]["x"], "text": f"changed on {points[index]['night']}, version "
                                             f"{points[index]['version']}"}
            for index in content["changes"]
        ],
    }  # fmt: skip


def _lines(drawn: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stretches without a missing night, as points of a polyline."""
    lines: list[list[str]] = []
    before = None
    for one in drawn:
        if before is None or one["day"] - before > 1:
            lines.append([])
        lines[-1].append(f"{one['x']},{one['y']}")
        before = one["day"]
    return [" ".join(line) for line in lines]
