"""The live page in a real browser: it shows new decisions, and keeps what the reader has open."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from format_documents import document, finding
from playwright.sync_api import Browser, Page
from serving import serving
from test_report_page import HOSTILE

from gates import ledger
from gates.ledger import DecisionEntry
from gates.model import Outcome, Verdict
from gates.serve import live_page
from gates.serve.settings import ServeSettings

pytestmark = pytest.mark.slow  # proof-serve runs it
OPEN = "details.finding[open] .objective"
LOADED = re.compile(r"Live: this page shows each new decision\. Loaded at \d\d:\d\d:\d\d UTC\.")
FOCUSED = "document.activeElement.querySelector('.objective')?.textContent"


def decide(out: Path, outcome: Outcome, reason: str) -> None:
    """Write a decision about green with three findings to the ledger."""
    verdicts = {"errors": Verdict.FAIL, "latency": Verdict.PASS, "restarts": Verdict.PASS}
    findings = [
        replace(finding(verdict, reason), objective=name) for name, verdict in verdicts.items()
    ]
    content = document(*findings, outcome=outcome, text=reason)
    decision = replace(content.decision, target="green", stage="ramp-30", at=datetime.now(UTC))
    ledger.append(out, DecisionEntry(replace(content, decision=decision)))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    decide(folder, Outcome.HOLD, "more events needed")
    return folder


@pytest.fixture
def page(out: Path, chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The live page; a message on the console, or a request to elsewhere, fails the test."""
    monkeypatch.setattr(live_page, "POLL_SECONDS", 0.05)
    with serving(ServeSettings(out=str(out))) as server:
        address = f"http://127.0.0.1:{server.port}/"
        context = chromium.new_context(viewport={"width": 400, "height": 800})
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(address) else problems.append(request.url)
            ),
        )
        page.goto(address)
        page.wait_for_selector("#live:has-text('Live:')")
        yield page
        page.close()
        assert problems == []


def test_the_page_shows_a_new_decision_and_keeps_what_is_open(page: Page, out: Path) -> None:
    page.click("details.finding:has-text('restarts') > summary")
    page.focus("details.finding:has-text('restarts') > summary")
    assert page.locator(OPEN).all_inner_texts() == ["errors", "restarts"]
    page.evaluate("window.scrollTo(0, 150)")
    decide(out, Outcome.ROLLBACK, "60 of 6,000 requests failed")
    page.wait_for_selector("h1:has-text('The release failed at ramp-30')")
    assert page.locator(OPEN).all_inner_texts() == ["errors", "restarts"]
    assert page.evaluate(FOCUSED) == "restarts"
    assert page.evaluate("window.scrollY") == 150
    assert page.title().startswith("ROLLBACK")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400


def test_the_page_says_when_its_newest_state_was_loaded(page: Page, out: Path) -> None:
    before = page.inner_text("#live")
    page.wait_for_timeout(1100)
    decide(out, Outcome.HOLD, "still more events needed")
    page.wait_for_function("text => document.querySelector('#live').innerText !== text", arg=before)
    after = page.inner_text("#live")
    assert LOADED.fullmatch(before)
    assert LOADED.fullmatch(after)
    assert page.inner_text("#live [role=status]") == "Live: this page shows each new decision."


def test_markup_in_a_new_decision_does_not_run(page: Page, out: Path) -> None:
    decide(out, Outcome.NO_GO, HOSTILE)
    page.wait_for_selector("h1:has-text('must not go on')")
    assert page.evaluate("[typeof ran, document.querySelectorAll('script').length]") == [
        "undefined",
        1,
    ]
    assert page.locator("main img, main svg[onload]").count() == 0


def test_axe_finds_no_violation_on_the_live_page(out: Path, chromium: Browser) -> None:
    with serving(ServeSettings(out=str(out))) as server:
        # The policy of the page would keep the scripts of axe out, too.
        context = chromium.new_context(bypass_csp=True)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("#live:has-text('Live:')")
        assert Axe().run(page).response["violations"] == []


def test_a_lost_connection_is_shown(out: Path, chromium: Browser) -> None:
    page = chromium.new_page()
    with serving(ServeSettings(out=str(out))) as server:
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("#live:has-text('Live:')")
    page.wait_for_selector("#live:has-text('No connection to the gate')")
