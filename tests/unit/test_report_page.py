"""The HTML of the release report: nothing from outside runs, leaves, or grows without a bound."""

import dataclasses
import re
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from reports.html import ReleasePage, html
from reports.html import page as page_module
from reports.html.markup import per_cent, text

HOSTILE = (
    "<script>document.title='ran'</script><img src=http://127.0.0.1:9/x onerror=\"ran=1\">"
    "</style></title></textarea>--><svg onload=alert(1)>\"' onmouseover=alert(1) x='"
    "\u2028\u202e\x00\x1b[2J javascript:alert(1) &lt; ]]>"
)
MOMENT = 1_700_000_000.0
NUMBERS = {
    "at": MOMENT,
    "since": MOMENT - 60,
    "until": MOMENT + 60,
    "share": 0.3,
    "ratio": 0.05,
    "bad": 3.0,
    "total": 90.0,
    "low": 0.01,
    "high": 0.1,
}


def filled(kind: Any, content: str, name: str = "") -> Any:
    """A value of a type of the page in which every text is the same."""
    if get_origin(kind) is tuple:
        return (filled(get_args(kind)[0], content),)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, vars(page_module))
        values = {field: filled(hint, content, field) for field, hint in hints.items()}
        return kind(**values)  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind is str:
        return "" if name == "problem" else content
    if kind is int:
        return 7
    return NUMBERS.get(name, 1.5)


def page_of(content: str) -> ReleasePage:
    """A page with every part, in which every text is the same; both colours have a line."""
    page: ReleasePage = filled(ReleasePage, content)
    (chart,) = page.charts.charts
    lines = (
        *chart.lines,
        *(dataclasses.replace(chart.lines[0], colour=colour) for colour in ("green", "blue")),
    )
    charts = dataclasses.replace(page.charts, charts=(dataclasses.replace(chart, lines=lines),))
    return dataclasses.replace(page, charts=charts)


def test_markup_from_outside_neither_runs_nor_leaves_the_page(
    tmp_path: Path, chromium: Browser
) -> None:
    path = tmp_path / "index.html"
    # Without the policy of the page, so that the escaping alone is tested.
    written = html(page_of(HOSTILE))
    path.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", written))
    page = chromium.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: requests.append(dialog.message))
    page.goto(path.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    assert page.evaluate("typeof ran") == "undefined"
    assert page.locator("script, img, svg[onload], textarea, [onmouseover]").count() == 0
    assert page.title() != "ran"
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert "<script>document.title='ran'</script>" in page.locator("h1").inner_text()


def test_the_policy_of_the_page_forbids_scripts_and_requests(
    tmp_path: Path, chromium: Browser
) -> None:
    path = tmp_path / "index.html"
    smuggled = "<script>document.title='ran'</script><img src=http://127.0.0.1:9/x>"
    path.write_text(html(page_of("text")).replace("</main>", smuggled + "</main>"))
    page = chromium.new_page()
    requests: list[str] = []
    page.on("requestfinished", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert page.title() == "text"
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_width_and_logs_nothing(
    tmp_path: Path, chromium: Browser, scheme: Any, width: int
) -> None:
    path = tmp_path / "index.html"
    path.write_text(html(page_of("a long name without a space " + "x" * 300)))
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(path.as_uri())
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots = page.locator(".plot svg")
    assert plots.count() == 2
    assert min(plots.evaluate_all("all => all.map(one => one.clientWidth)")) >= 250


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_accessibility_violation(
    tmp_path: Path, chromium: Browser, scheme: Any
) -> None:
    path = tmp_path / "index.html"
    path.write_text(html(page_of("text")))
    # The policy of the page would keep the scripts of axe out, too.
    page = chromium.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    page.goto(path.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    violations = Axe().run(page).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in violations] == []


def test_a_keyboard_reaches_every_part_and_each_drawing_has_a_name(
    tmp_path: Path, chromium: Browser
) -> None:
    path = tmp_path / "index.html"
    path.write_text(html(page_of("text")))
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    anchors = page.locator("nav a").evaluate_all("all => all.map(one => one.hash)")
    assert len(anchors) == 8
    assert [anchor for anchor in anchors if page.locator(anchor).count() != 1] == []
    unnamed = page.locator("[role=img]:not([aria-label]), [role=region]:not([aria-label])")
    assert unnamed.count() == 0
    assert page.locator("h1").count() == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=80))
def test_no_text_breaks_the_page(content: str) -> None:
    written = html(page_of(content))
    names = re.findall(
        r"<([a-z0-9]+)[\s>]", re.sub(r"<style>.*?</style>", "", written, flags=re.DOTALL)
    )
    assert set(names) <= ELEMENTS
    written.encode("utf-8")


ELEMENTS = {
    "html", "head", "meta", "link", "title", "body", "a", "div", "header", "p", "h1", "h2", "h3",
    "span", "dl", "dt", "dd", "ol", "ul", "li", "pre", "code", "nav", "main", "section", "figure",
    "figcaption", "strong", "svg", "g", "rect", "line", "polyline", "polygon", "details",
    "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "footer",
}  # a list of short values # fmt: skip


def test_control_characters_and_reordering_are_shown_as_replaced() -> None:
    assert text("a\x00\x1b\u202eb\u2028c\nd") == "a���b�c\nd"
    assert text("<&\"'>") == "&lt;&amp;&quot;&#x27;&gt;"
    assert text("x" * 5000).endswith("…")
    assert len(text("x" * 5000)) == 2001


def test_ratios_have_two_or_three_digits() -> None:
    assert [per_cent(ratio) for ratio in (0, 0.00123, 0.0494, 0.3, 1)] == [
        "0 %",
        "0.12 %",
        "4.9 %",
        "30 %",
        "100 %",
    ]


def test_a_line_of_one_point_is_a_dot_and_a_far_limit_is_named() -> None:
    page = page_of("text")
    (chart,) = page.charts.charts
    far = dataclasses.replace(chart.limits[0], ratio=0.9)
    quiet = [dataclasses.replace(point, bad=0.0) for point in chart.lines[1].points]
    lines = (dataclasses.replace(chart.lines[1], points=tuple(quiet)),)
    near = dataclasses.replace(chart.limits[0], ratio=0.005)
    drawn = dataclasses.replace(chart, lines=lines, limits=(near, far))
    written = html(
        dataclasses.replace(page, charts=dataclasses.replace(page.charts, charts=(drawn,)))
    )
    assert 'class="line dot green"' in written
    assert "text 90 % (above the chart)" in written
