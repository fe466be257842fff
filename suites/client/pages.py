"""Opens pages in a browser: the Chromium of the system, or else the Chromium of Playwright."""

import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Response, sync_playwright

from gates.model import Target
from suites.client import exemption

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MAX_ERROR = 300
FIRST_ERROR_STATUS = 400
# The time limit for one step of a page. A busy machine needed more than 6 s for a correct page.
PAGE_SECONDS = 10.0


@dataclass  # no slots: Playwright keeps its wrappers on the object
class Visit:
    """A page in the browser, and the errors that occurred on this page.

    Args:
        page: the page of Playwright.
        errors: console errors, uncaught exceptions, and responses with a status of 400 or more.
    """

    page: Page
    errors: list[str] = field(default_factory=list)

    def note_console(self, message: ConsoleMessage) -> None:
        """Record a message of the browser console if the message is an error."""
        if message.type == "error":
            self.errors.append(f"console: {message.text}"[:MAX_ERROR])

    def note_exception(self, error: Error) -> None:
        """Record an exception that no script of the page caught."""
        self.errors.append(f"exception: {error.message}"[:MAX_ERROR])

    def note_response(self, response: Response) -> None:
        """Record a response if the status is 400 or more."""
        if response.status >= FIRST_ERROR_STATUS:
            self.errors.append(f"{response.status} {response.url}"[:MAX_ERROR])


@contextmanager
def browser() -> Generator[Browser]:
    """Start a headless browser, and close the browser at the end."""
    with sync_playwright() as playwright:
        system = shutil.which("chromium")
        launched = playwright.chromium.launch(executable_path=system, args=list(FLAGS))
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def visit(opened_browser: Browser, target: Target, run_id: str) -> Generator[Visit]:
    """Open the target's frontend in a new context of the browser.

    A browser cannot choose its source address. So the browser sends the signed exemption from the
    rate limit, if the target has an exemption key.

    Args:
        opened_browser: the browser.
        target: the target with the frontend.
        run_id: the id of the run, which marks the requests as test traffic.
    """
    headers = {"X-Kirana-Synthetic": run_id}
    if "exemption_key" in target.secrets:
        headers["X-Kirana-Exemption"] = exemption(target.secrets["exemption_key"], time.time())
    context = opened_browser.new_context(extra_http_headers=headers)
    context.set_default_timeout(PAGE_SECONDS * 1000)
    try:
        opened_page = Visit(context.new_page())
        opened_page.page.on("console", opened_page.note_console)
        opened_page.page.on("pageerror", opened_page.note_exception)
        opened_page.page.on("response", opened_page.note_response)
        opened_page.page.goto(target.addresses.frontend)
        yield opened_page
    finally:
        context.close()
