"""``make proof-serve``: the live page follows a rehearsal whose release is rolled back.

A browser has the page open from the first second of the rehearsal to its end.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
from playwright.sync_api import Page
from serving import Running, started
from worlds import ROOT, environment

from gates import ledger
from gates.exitcodes import EXIT_CODES
from gates.ledger import MoveEntry
from gates.model import Outcome
from reports.terminal import WORDS
from suites.client.pages import browser

COMMAND = ("rehearse", "--fault", "requests.twentieth_fails", "--at", "20")
MAX_SECONDS = 300.0
# The server looks every second, and the browser loads the page; the machine may be busy.
MAX_LATE_SECONDS = 10.0
POLL_MILLISECONDS = 100
# The id of each entry is in the last table of the page.
SHOWN_ENTRIES = "[...document.querySelectorAll('td:last-child')].map(cell => cell.textContent)"


@contextmanager
def rehearsing(out: Path) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal, which is ended in any case; its testbed, too."""
    command = [sys.executable, "-m", "gates", *COMMAND, "--time-scale", "15", "--out", str(out)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), text=True, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # so that the rehearsal ends its testbed, too
        process.communicate(timeout=60)


def folder_of(out: Path) -> Path:
    """The folder of the rehearsal, once it is there."""
    until = time.monotonic() + MAX_SECONDS
    while time.monotonic() < until:
        if folders := list((out / "rehearsal").glob("*/")):
            return folders[0]
        time.sleep(POLL_MILLISECONDS / 1000)
    raise AssertionError("the rehearsal has no folder")


@contextmanager
def viewed(running: Running, problems: list[str]) -> Iterator[Page]:
    """Open the live page in a browser, and add each problem of the page to a list."""
    with browser() as chromium:
        page = chromium.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.goto(f"http://127.0.0.1:{running.port}/")
        page.wait_for_selector("#live:has-text('Live:')")
        yield page


def entries_not_shown(page: Page, out: Path) -> list[str]:
    """The ledger entries that the page does not show yet."""
    shown = set(page.evaluate(SHOWN_ENTRIES))
    return [entry.entry_id for entry in ledger.entries(out) if entry.entry_id not in shown]


def follow(page: Page, out: Path, process: subprocess.Popen[str]) -> tuple[list[str], float]:
    """Look at the page until the rehearsal has ended and the page shows all of it.

    Returns:
        The titles of the page in their order, and the longest time for which the page lacked an
        entry of the ledger, seconds.
    """
    titles, late = [page.title()], 0.0
    complete_at, until = time.monotonic(), time.monotonic() + MAX_SECONDS
    while time.monotonic() < until:
        has_ended = process.poll() is not None
        missing = entries_not_shown(page, out)
        if not missing:
            complete_at = time.monotonic()
        late = max(late, time.monotonic() - complete_at)
        if page.title() != titles[-1]:
            titles.append(page.title())
        if has_ended and (not missing or late > MAX_LATE_SECONDS):
            break
        page.wait_for_timeout(POLL_MILLISECONDS)
    return titles, late


@pytest.mark.slow
def test_the_live_page_shows_each_step_of_a_rehearsal(tmp_path: Path) -> None:
    problems: list[str] = []
    with rehearsing(tmp_path) as process:
        out = folder_of(tmp_path)
        with started("--out", str(out)) as running, viewed(running, problems) as page:
            titles, late = follow(page, out, process)
            text = page.inner_text("main")
    assert problems == []
    assert late <= MAX_LATE_SECONDS
    # On a machine that is too slow for the shoppers the rehearsal ends with a hold.
    outcome = {int(EXIT_CODES[known]): known for known in Outcome}[process.returncode]
    assert (titles[0], titles[1]) == ("Release report", "GO green")
    assert titles[-1] == f"{WORDS[outcome]} green"
    moves = [each.entry for each in ledger.entries(out) if isinstance(each.entry, MoveEntry)]
    assert moves
    shown = [f"green gets {100 * move.share:.0f} % for {move.stage}" for move in moves]
    assert [sentence for sentence in shown if sentence not in text] == []
