"""Probe: a page in a real browser must not run text as a script; showing the text is no finding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites.probes.api import Observation

if TYPE_CHECKING:
    from playwright.sync_api import Page

MARK = "kiranaProbe"
PAYLOADS = (
    f"<img src=x onerror=window.{MARK}=1>",
    f"<svg onload=window.{MARK}=1>",
    f"\"'><script>window.{MARK}=1</script>",
    f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>",
    f"<a id=probe href='javascript:window.{MARK}=1'>zq</a>",
)
SETTLE_MS = 150


@dataclass(frozen=True, slots=True)
class TextDisplay:
    """A part of a page that shows text.

    Args:
        rule: the name of the rule that is broken if a script runs in this part.
        place: the name of this part, for messages.
        show: a function that makes the page show a payload in this part.
    """

    rule: str
    place: str
    show: Callable[["Page", str], None]


def runs(page: "Page", display: TextDisplay) -> Iterator[Observation]:
    """Show one payload after the other, until the browser runs a payload as a script.

    Args:
        page: a page of the service.
        display: the part of the page that shows the payload.

    Yields:
        One observation for each payload; a payload that runs sets a mark in the page.
    """
    for payload in PAYLOADS:
        display.show(page, payload)
        page.wait_for_timeout(SETTLE_MS)
        ran = bool(page.evaluate(f"window.{MARK} === 1"))
        sentence = f"{display.place}: the script {payload!r} {'runs' if ran else 'does not run'}"
        yield Observation(display.rule, f"{display.place} {payload[:20]}", ran, sentence)
        if ran:
            return
