"""Probe: whether text runs as a script, in a real browser; being echoed does not count."""

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
class Shown:
    """A place where text is shown, and how to get it there."""

    rule: str
    place: str
    show: Callable[["Page", str], None]


def runs(page: "Page", shown: Shown) -> Iterator[Observation]:
    """Show each payload; what ran has set a mark in the page.

    Args:
        page: a page of the service.
        shown: where and how the text gets into it.
    """
    for payload in PAYLOADS:
        shown.show(page, payload)
        page.wait_for_timeout(SETTLE_MS)
        ran = bool(page.evaluate(f"window.{MARK} === 1"))
        said = f"{shown.place}: {payload!r} {'runs' if ran else 'does not run'}"
        yield Observation(shown.rule, f"{shown.place} {payload[:20]}", ran, said)
        if ran:
            return
