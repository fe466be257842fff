"""Serves the release report as a live page, and sends an event for each new version."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from gates.collector import FOLDER as COLLECTED
from gates.evidence import load_record, suite_record
from gates.ledger import LedgerContent
from gates.release_report import ReportPlaces, page_of
from gates.serve.kept_ledger import FileState, KeptLedger, file_states
from gates.serve.settings import ServeSettings
from reports.html import LIVE_POLICY, LIVE_SCRIPT, html

SCRIPT = Path(__file__).with_name(LIVE_SCRIPT)
# Changes are looked for so often, and the page is written again at least so often, seconds.
POLL_SECONDS = 1.0
MAX_AGE_SECONDS = 30.0
# Without a new version, a comment keeps the connection open.
SILENCE_SECONDS = 15.0
MAX_VIEWERS = 100
VERSION_DIGITS = 16
# The folders of runs, and their records, to which a run adds its results.
RECORDS = ("*", f"*/{suite_record.FILE}", f"*/{load_record.FILE}")
logger = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": f"{LIVE_POLICY}; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class PageVersion:
    """A version of the page.

    Args:
        markup: the HTML of the page.
        version: a hash of the HTML, which names this version.
        sources: the states of the files from which the page was written.
        at: the time at which the page was written, in seconds of the monotonic clock.
    """

    markup: str
    version: str
    sources: tuple[FileState, ...]
    at: float


@dataclass(slots=True)
class LivePage:
    """The newest version of the live page, which all viewers share.

    Args:
        settings: the settings of the server.
        kept: the stored content of the ledger.
        threads: the threads that read files and write the page.
        is_closing: whether the server is about to end; then the event streams end.
    """

    settings: ServeSettings
    kept: KeptLedger
    threads: ThreadPoolExecutor
    is_closing: bool = False
    _viewers: int = 0
    _page: PageVersion | None = None
    _looked_at: float = float("-inf")
    _problem: str = ""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def page(self, _: Request) -> Response:
        """``GET /``: respond with the newest version of the page."""
        page = await self._present()
        return HTMLResponse(page.markup, headers=HEADERS)

    async def script(self, _: Request) -> Response:
        """``GET /live_page.js``: respond with the script that shows new versions of the page."""
        return Response(SCRIPT.read_text(), media_type="text/javascript", headers=HEADERS)

    async def events(self, _: Request) -> Response:
        """``GET /events``: send the name of each new version of the page as a server-sent event.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        if self._viewers >= MAX_VIEWERS:
            raise HTTPException(
                503,
                f"at most {MAX_VIEWERS} viewers can be connected; try again later",
                {"Retry-After": "30"},
            )
        return StreamingResponse(self._versions(), media_type="text/event-stream", headers=HEADERS)

    async def _versions(self) -> AsyncIterator[str]:
        self._viewers += 1
        try:
            sent, sent_at = "", time.monotonic()
            yield "retry: 2000\n\n"
            while not self.is_closing:
                event = await self._event()
                if event != sent:
                    yield event
                    sent, sent_at = event, time.monotonic()
                elif time.monotonic() - sent_at > SILENCE_SECONDS:
                    yield ": no change\n\n"
                    sent_at = time.monotonic()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self._viewers -= 1

    async def _event(self) -> str:
        """Return the event ``page``, or the event ``problem`` if no page could be written."""
        try:
            version = (await self._present()).version
        except HTTPException:
            return "event: problem\ndata: the page could not be written\n\n"
        return f"event: page\ndata: {version}\n\n"

    async def _present(self) -> PageVersion:
        """The present page; while a request writes the page, the other requests wait.

        Raises:
            HTTPException: the page could not be written (500).
        """
        async with self._lock:
            if time.monotonic() - self._looked_at >= POLL_SECONDS:
                await self._look()
            if self._page is None or self._problem:
                raise HTTPException(500, self._problem)
            return self._page

    async def _look(self) -> None:
        """Write the page again if needed, and store the problem if this fails."""
        try:
            self._page, problem = await self._newest(), ""
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the server goes on
            problem = f"the page could not be written: {type(error).__name__}: {error}"
        if problem and problem != self._problem:
            logger.warning(problem)
        self._problem, self._looked_at = problem, time.monotonic()

    async def _newest(self) -> PageVersion:
        """Return the page; write it again if a source has changed, or if it is over 30 s old."""
        page, now = self._page, time.monotonic()
        loop = asyncio.get_running_loop()
        # A source that changes from here on is in the page, and the page is written again.
        sources = await loop.run_in_executor(self.threads, self._source_states)
        if page is not None and page.sources == sources and now - page.at <= MAX_AGE_SECONDS:
            return page
        content = await self.kept.content()
        return await loop.run_in_executor(self.threads, self._written, content, sources)

    def _written(self, content: LedgerContent, sources: tuple[FileState, ...]) -> PageVersion:
        at = time.monotonic()
        source = self._places.read(content, self.settings.page_target)
        markup = html(page_of(source), is_live=True)
        version = hashlib.sha256(markup.encode(errors="replace")).hexdigest()[:VERSION_DIGITS]
        return PageVersion(markup, version, sources, at)

    @property
    def _places(self) -> ReportPlaces:
        settings = self.settings
        return ReportPlaces(
            settings.out_folder,
            settings.runs_folder,
            settings.policy_path,
            settings.targets_folder,
        )

    def _source_states(self) -> tuple[FileState, ...]:
        """The states of the files and folders from which the page is written."""
        places = self._places
        folders = (places.runs, places.out / COLLECTED)
        return file_states(
            (
                places.policy,
                *places.targets.glob("*.toml"),
                *places.out.glob("ledger*.jsonl"),
                *(path for folder in folders for name in RECORDS for path in folder.glob(name)),
            )
        )
