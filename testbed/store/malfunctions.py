"""The log entry of a malfunction: the request and the exception, without secrets."""

import contextlib
import json
import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from starlette.requests import Request

from testbed.store.routes import Route
from testbed.store.settings import Settings

LOG = logging.getLogger("kirana")
STARS = "***"
MAX_MESSAGE = 500
# Shorter values stand in every traceback and are no secrets by themselves.
MIN_SECRET = 3
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
# The names of the fields of request bodies whose values never reach the log.
# The formatter is off here, so that each row of the table stays on one line.
SECRET_FIELDS = frozenset(
    {
        "password",
        "current",
        "new",
        "token",
        "method_token",
        "refresh_token",
        "challenge_token",
        "number",
        "expiry",
        "cvv",
        "code",
        "vpa",
    }
)


def log_malfunction(settings: Settings, route: Route, request: Request, error: Exception) -> None:
    """Write one entry: method, route, request id, exception type, message, and traceback.

    Args:
        settings: the deployment's secrets, which are masked.
        route: the operation that failed.
        request: its headers and body, whose secrets are masked.
        error: what ended the request.
    """
    secrets = {*secrets_of(settings), *secrets_in(request)}
    subject = f"500 {route.method} {route.path} request {request_id(request)}"
    LOG.error("%s", without(secrets, "\n".join([f"{subject}: {summary(error)}", *trace(error)])))


def log_failed_poll(error: Exception) -> None:
    """Write that the order events cannot be read; the caller writes it once for each outage."""
    LOG.error("order events cannot be read: %s", summary(error))


def summary(error: BaseException) -> str:
    """Type and message in a single line, whatever line breaks the message has."""
    message = str(error)[:MAX_MESSAGE].encode("unicode_escape").decode()
    return f"{type(error).__module__}.{type(error).__qualname__}: {message}"


def trace(error: BaseException) -> Iterator[str]:
    """Where the exception was raised, and the exceptions that led to it."""
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    earlier = error.__cause__ or error.__context__
    if earlier is not None:
        yield f"  after {summary(earlier)}"
        yield from trace(earlier)


def request_id(request: Request) -> str:
    """The id that the answer carries as ``X-Request-Id``."""
    return str(getattr(request.state, "request_id", "unknown"))


def secrets_of(settings: Settings) -> set[str]:
    """The deployment's own secrets."""
    password = urlsplit(settings.database_uri).password or ""
    return {settings.token_key, settings.webhook_key, settings.exemption_key, password}


def secrets_in(request: Request) -> set[str]:
    """The secrets that a request carries: its token, its exemption, and fields of its body."""
    _, _, token = request.headers.get("authorization", "").partition(" ")
    exemption = request.headers.get("x-kirana-exemption", "")
    raw: bytes = getattr(request.state, "raw", b"")
    content: object = raw.decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(raw)
    if isinstance(content, str):
        return {token, exemption, content}
    return {token, exemption, *_secret_values(content)}


def _secret_values(content: object) -> Iterator[str]:
    """The values of secret fields, at any depth."""
    if isinstance(content, list):
        for entry in content:
            yield from _secret_values(entry)
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, dict | list):
                yield from _secret_values(value)
            elif name in SECRET_FIELDS and isinstance(value, str | int):
                yield str(value)


def without(secrets: Iterable[str], text: str) -> str:
    """The text with each secret replaced; the longest first, since one may contain another."""
    long_enough = [secret for secret in secrets if len(secret) >= MIN_SECRET]
    for secret in sorted(long_enough, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", STARS, text)
    return TOKEN.sub(STARS, text)
