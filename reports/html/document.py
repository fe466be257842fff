"""Writes the whole page as one HTML file, which sends no requests to other servers."""

from pathlib import Path

from reports.html import decision_parts, ramp_parts, table_parts
from reports.html.markup import tag, text
from reports.html.page import ReleasePage

STYLE = Path(__file__).with_name("style.css")
# Even where foreign markup got into the page, a browser runs no script and asks no server.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
# The page of a server runs the server's own script, which asks this server for new versions.
LIVE_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"
LIVE_SCRIPT = "live_page.js"
SECTIONS = (
    ("ramp", "Ramp"),
    ("charts", "Green and blue"),
    ("findings", "Findings"),
    ("suites", "Suites"),
    ("load", "Load"),
    ("guide", "Guide"),
    ("sign-offs", "Sign-offs"),
    ("ledger", "Ledger"),
)


def html(page: ReleasePage, *, is_live: bool = False) -> str:
    """Write the release report as HTML.

    Args:
        page: the content of the page; its texts are escaped.
        is_live: whether ``gates serve`` serves the page; then a script shows new versions.
    """
    links = "".join(tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in SECTIONS)
    parts = [
        '<a class="skip" href="#findings">Skip to the findings</a>',
        '<div class="page">',
        decision_parts.decision_section(page),
        tag("nav", tag("ul", links), aria_label="Parts of the report"),
        "<main>",
        ramp_parts.ramp_section(page.ramp),
        ramp_parts.charts_section(page.charts),
        decision_parts.findings_section(page.findings),
        table_parts.suites_section(page.suites),
        table_parts.loads_section(page.loads),
        table_parts.guide_section(page.guide),
        table_parts.sign_offs_section(page.sign_offs),
        table_parts.ledger_section(page.ledger, page.ledger_left_out),
        "</main>",
        tag("footer", text(page.written)),
        "</div>",
    ]
    return _head(page.title, is_live=is_live) + "<body>" + "\n".join(parts) + "</body>\n</html>\n"


def _head(title: str, *, is_live: bool) -> str:
    policy = LIVE_POLICY if is_live else POLICY
    script = f'<script src="{LIVE_SCRIPT}" defer></script>\n' if is_live else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>\n{STYLE.read_text()}</style>\n"
        f"{script}</head>\n"
    )
