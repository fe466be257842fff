"""Probe: whether a page runs text as a script, in a real browser; an echo is no finding."""

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
    """A place where a page shows text.

    Args:
        rule: the weakness that a script in this place shows.
        place: the place, for messages.
        show: makes the page show a payload in this place.
    """

    rule: str
    place: str
    show: Callable[["Page", str], None]


def runs(page: "Page", display: TextDisplay) -> Iterator[Observation]:
    """Show each payload until one has run; a payload that runs sets a mark in the page.

    Args:
        page: a page of the service.
        display: the place where the page shows the payload.
    """
    for payload in PAYLOADS:
        display.show(page, payload)
        page.wait_for_timeout(SETTLE_MS)
        ran = bool(page.evaluate(f"window.{MARK} === 1"))
        sentence = f"{display.place}: {payload!r} {'runs' if ran else 'does not run'}"
        yield Observation(display.rule, f"{display.place} {payload[:20]}", ran, sentence)
        if ran:
            return
