"""The web application of the server: its paths, and the response to each error."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gates import __version__
from gates.errors import ConfigurationError, LedgerError, UnknownNameError
from gates.ledger import LedgerReader
from gates.serve.access import AccessControl, AccessRules
from gates.serve.decision_answers import DecisionAnswers
from gates.serve.kept_ledger import KeptLedger
from gates.serve.live_page import LivePage
from gates.serve.metrics_text import CONTENT_TYPE, metrics_of
from gates.serve.questions import Gate, Question, Questions, RecordedAnswer
from gates.serve.settings import ServeSettings

OPENAPI = Path(__file__).with_name("openapi.json")
MAX_READERS = 2
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Server:
    """The objects that handle the requests to the paths of the server.

    Args:
        questions: the object that makes the decisions for all clients.
        kept: the stored content of the ledger.
        live: the live page.
        readers: the threads that read files.
    """

    questions: Questions
    kept: KeptLedger
    live: LivePage
    readers: ThreadPoolExecutor

    @classmethod
    def of(
        cls, settings: ServeSettings, answer: Callable[[Question], RecordedAnswer] | None
    ) -> "Server":
        """Create the objects of a server.

        Args:
            settings: the settings of the server.
            answer: a function that makes one decision, in a thread; None if the gate decides.
        """
        reader = LedgerReader(settings.out_folder)
        readers = ThreadPoolExecutor(MAX_READERS, thread_name_prefix="reader")
        kept = KeptLedger(settings.out_folder, reader, readers)
        questions = Questions(answer or Gate(settings, reader).answer, settings.time_limit_seconds)
        return cls(questions, kept, LivePage(settings, kept, readers), readers)

    async def health(self, _: Request) -> Response:
        """``GET /healthz``: respond with 200 while the server runs."""
        return JSONResponse({"status": "ok"})

    async def metrics(self, _: Request) -> Response:
        """``GET /metrics``: respond with decisions and findings as metrics for Prometheus."""
        content = await self.kept.content()
        loop = asyncio.get_running_loop()
        counts = self.questions.counts
        text = await loop.run_in_executor(
            self.readers, metrics_of, content, counts, datetime.now(UTC)
        )
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document of the server, for ``GET /openapi.json``."""
        return JSONResponse(openapi_document())

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """End the threads when the server ends."""
        try:
            yield
        finally:
            self.questions.close()
            self.readers.shutdown(cancel_futures=True)

    def routes(self) -> list[Route]:
        """Return the paths of the server, each with the method that handles its requests."""
        answers = DecisionAnswers(self.questions, self.kept)
        flagger = "/v1/flagger/{target}/{stage}"
        return [
            Route("/v1/decisions", answers.decide, methods=["POST"]),
            Route("/v1/decisions/{id}", answers.kept_decision),
            Route("/v1/metrics-web/{target}/{stage}", answers.argo_metric, methods=["GET", "POST"]),
            Route(flagger, answers.flagger_gate, methods=["POST"]),
            Route(f"{flagger}/rollback", answers.flagger_rollback, methods=["POST"]),
            Route("/healthz", self.health),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/", self.live.page),
            Route("/live_page.js", self.live.script),
            Route("/events", self.live.events),
        ]


def application(
    settings: ServeSettings, answer: Callable[[Question], RecordedAnswer] | None = None
) -> Starlette:
    """Return the web application of a server.

    Args:
        settings: the settings of the server.
        answer: a function that makes one decision, in a thread; None if the gate decides.
    """
    server = Server.of(settings, answer)
    rules = AccessRules.of(
        settings.token,
        loopback_exception=settings.loopback_exception,
        client_certificates=settings.needs_client_certificate,
    )
    app = Starlette(
        routes=server.routes(),
        middleware=[Middleware(AccessControl, rules=rules)],
        exception_handlers={
            HTTPException: _http_error,
            UnknownNameError: _unknown_name,
            ConfigurationError: _gate_error,
            LedgerError: _gate_error,
            ClientDisconnect: _disconnected,
            Exception: _internal_error,
        },
        lifespan=server.lifespan,
    )
    app.state.server = server
    return app


def openapi_document() -> dict[str, object]:
    """Return the OpenAPI document of the server, with the version of the gate."""
    document: dict[str, Any] = json.loads(OPENAPI.read_text())
    document["info"]["version"] = __version__
    return document


def _error(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, headers)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # the type of Starlette's handlers is wider
        raise error
    headers = dict(error.headers) if error.headers else None
    return _error(error.status_code, error.detail, headers)


async def _unknown_name(_: Request, error: Exception) -> Response:
    return _error(404, str(error))


async def _gate_error(_: Request, error: Exception) -> Response:
    logger.warning("no decision: %s", error)
    return _error(500, f"no decision: {error}")


async def _disconnected(_: Request, __: Exception) -> Response:
    """Return a response to a client that has closed its connection; nobody reads it."""
    return _error(400, "the client closed the connection before the end of the request")


async def _internal_error(_: Request, error: Exception) -> Response:
    return _error(500, f"no decision: internal error: {type(error).__name__}")
