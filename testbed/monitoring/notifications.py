"""The receivers of notifications: a webhook endpoint and a mail server, and what they received.

``POST /hook/RECEIVER`` keeps a webhook, SMTP keeps a mail for each recipient, and
``GET /received?since=SECONDS`` lists both. Only the newest notifications are kept.
"""

import argparse
import asyncio
import json
import re
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_BODY = 256 * 1024
MAX_KEPT = 500
MAX_KEPT_BYTES = 8 * 1024 * 1024
READ_SECONDS = 5
RECEIVER = re.compile(r"[a-z][a-z-]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification that arrived.

    Args:
        kind: ``webhook`` or ``mail``.
        receiver: the last part of the webhook's path, or the local part of the mail's recipient.
        time: when it arrived, in seconds since the epoch.
        body: the webhook's JSON text, or the mail's subject and text.
    """

    kind: str
    receiver: str
    time: float
    body: str


class Inbox:
    """The newest notifications, bounded in number and in size."""

    def __init__(self) -> None:
        self._kept: deque[Notification] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, kind: str, receiver: str, body: str) -> None:
        """Keep a notification, and forget the oldest where there are too many."""
        with self._lock:
            self._kept.append(Notification(kind, receiver, time.time(), body))
            self._size += len(body)
            while len(self._kept) > MAX_KEPT or self._size > MAX_KEPT_BYTES:
                self._size -= len(self._kept.popleft().body)

    def since(self, moment: float) -> list[Notification]:
        """The notifications that arrived at a moment or later, in seconds since the epoch."""
        with self._lock:
            return [notification for notification in self._kept if notification.time >= moment]


class MailHandler:
    """Keeps each mail, once for each recipient."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Keep a mail."""
        del server, session
        text = text_of(envelope.content if isinstance(envelope.content, bytes) else b"")
        for recipient in envelope.rcpt_tos:
            self._inbox.add("mail", recipient.partition("@")[0], text)
        return "250 kept"


def text_of(content: bytes) -> str:
    """The subject and the text parts of a mail."""
    mail = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n\n".join([f"Subject: {mail['subject']}", *parts])


class WebhookHandler(BaseHTTPRequestHandler):
    """One request to the webhook endpoint."""

    server: "WebhookServer"
    timeout = READ_SECONDS

    def do_GET(self) -> None:
        """``/received`` and ``/health``."""
        parts = urlsplit(self.path)
        if parts.path == "/health":
            self._answer(200, {"status": "ok"})
            return
        if parts.path != "/received":
            self._answer(404, {"error": "there are /received, /health and /hook/RECEIVER"})
            return
        try:
            moment = float(parse_qs(parts.query).get("since", ["0"])[-1])
        except ValueError:
            self._answer(400, {"error": "since is a number of seconds since the epoch"})
            return
        received = self.server.inbox.since(moment)
        self._answer(200, {"received": [asdict(notification) for notification in received]})

    def do_POST(self) -> None:
        """``/hook/RECEIVER``."""
        receiver = self.path.removeprefix("/hook/")
        size = self.headers.get("content-length", "")
        if not self.path.startswith("/hook/") or not RECEIVER.match(receiver):
            self._answer(404, {"error": "a webhook is posted to /hook/RECEIVER"})
        elif not size.isdigit() or int(size) > MAX_BODY:
            self._answer(413, {"error": f"a webhook has a length of at most {MAX_BODY} bytes"})
        else:
            body = self.rfile.read(int(size)).decode(errors="replace")
            self.server.inbox.add("webhook", receiver, body)
            self._answer(200, {"status": "kept"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing: every notification is kept."""


class WebhookServer(ThreadingHTTPServer):
    """The webhook endpoint of an inbox."""

    daemon_threads = True

    def __init__(self, port: int, inbox: Inbox) -> None:
        super().__init__(("127.0.0.1", port), WebhookHandler)
        self.inbox = inbox


async def receive_mail(port: int, inbox: Inbox) -> asyncio.Server:
    """Start the mail server on loopback."""

    def connection() -> SMTP:
        return SMTP(
            MailHandler(inbox),
            data_size_limit=MAX_BODY,
            hostname="localhost",
            ident="Kirana testbed",
            timeout=READ_SECONDS,
        )

    return await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)


async def serve(port: int, mail: int) -> None:
    """Receive webhooks and mail until the process ends."""
    inbox = Inbox()
    webhooks = WebhookServer(port, inbox)
    threading.Thread(target=webhooks.serve_forever, daemon=True).start()
    async with await receive_mail(mail, inbox) as server:
        await server.serve_forever()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m testbed.monitoring.notifications")
    parser.add_argument("--port", type=int, required=True, help="of the webhook endpoint")
    parser.add_argument("--mail", type=int, required=True, help="the port of the mail server")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.mail))


if __name__ == "__main__":
    main()
