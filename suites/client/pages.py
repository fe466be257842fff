"""The real browser: Playwright on its own Chromium, else on the system's."""

import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Response, sync_playwright

from gates.model import Target
from suites.client import exemption

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PAGE_SECONDS = 6.0


@dataclass  # Playwright keeps its wrappers on the object, so no slots
class Visit:
    """A page in the browser, and what went wrong on it.

    Args:
        page: the page.
        errors: console errors, uncaught exceptions and answers of 400 or more.
    """

    page: Page
    errors: list[str] = field(default_factory=list)

    def note_console(self, message: ConsoleMessage) -> None:
        """Keep a console error."""
        if message.type == "error":
            self.errors.append(f"console: {message.text}"[:300])

    def note_exception(self, error: Error) -> None:
        """Keep an uncaught exception."""
        self.errors.append(f"exception: {error.message}"[:300])

    def note_response(self, response: Response) -> None:
        """Keep a refused or failed request."""
        if response.status >= 400:  # noqa: PLR2004 - the first error status
            self.errors.append(f"{response.status} {response.url}"[:300])


@contextmanager
def browser() -> Generator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        system = shutil.which("chromium")
        launched = playwright.chromium.launch(executable_path=system, args=list(FLAGS))
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def visit(opened: Browser, target: Target, run_id: str) -> Generator[Visit]:
    """The target's frontend, open in a fresh context.

    A browser cannot choose its source address, so it carries the target's signed exemption from
    the rate limit, where the target has one.
    """
    headers = {"X-Kirana-Synthetic": run_id}
    if "exemption_key" in target.secrets:
        headers["X-Kirana-Exemption"] = exemption(target.secrets["exemption_key"], time.time())
    context = opened.new_context(extra_http_headers=headers)
    context.set_default_timeout(PAGE_SECONDS * 1000)
    try:
        shown = Visit(context.new_page())
        shown.page.on("console", shown.note_console)
        shown.page.on("pageerror", shown.note_exception)
        shown.page.on("response", shown.note_response)
        shown.page.goto(target.addresses.frontend)
        yield shown
    finally:
        context.close()
