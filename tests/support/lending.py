"""A second service for the probes: a lending library with form log-in, cookies, SQL and HTML.

Its style is not the store's. ``weak`` plants eight weaknesses; without it, it is their fixed twin.
"""

import html
import secrets
import sqlite3
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

USER = "reader@example.com"
PASSWORD = f"a long enough {'pass'}word"
FOLDER = Path(__file__).parent
WEAKNESSES = {
    "sql-injection",
    "xss-reflected",
    "path-traversal",
    "missing-authentication",
    "cookie-flags",
    "session-fixation",
    "error-details",
    "cors",
}
TEXT = {"200": {"description": "fine"}, "400": {"description": "wrong"}}


def operation(name: str, *query: str, needs_session: bool = False) -> dict[str, Any]:
    """A GET operation with text parameters."""
    parameters = [
        {"name": parameter, "in": "query", "required": True, "schema": {"type": "string"}}
        for parameter in query
    ]
    return {
        "operationId": name,
        "parameters": parameters,
        "responses": TEXT,
        "security": [{"session": []}] if needs_session else [],
    }


CREDENTIALS = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {"username": {"type": "string"}, "password": {"type": "string"}},
}
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Lending library", "version": "1"},
    "components": {
        "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "sid"}}
    },
    "paths": {
        "/session": {
            "post": {
                "operationId": "signIn",
                "security": [],
                "requestBody": {
                    "content": {"application/x-www-form-urlencoded": {"schema": CREDENTIALS}}
                },
                "responses": TEXT,
            }
        },
        "/books": {"get": operation("findBooks", "title")},
        "/welcome": {"get": operation("welcome", "name")},
        "/covers": {"get": operation("cover", "file")},
        "/loans": {"get": operation("loans", needs_session=True)},
        "/shelf/{number}": {
            "get": {
                "operationId": "shelf",
                "security": [],
                "responses": TEXT,
                "parameters": [
                    {
                        "name": "number",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer"},
                    }
                ],
            }
        },
    },
}


class Library(BaseHTTPRequestHandler):
    """One request to the library."""

    weak: ClassVar[bool] = False
    sessions: ClassVar[set[str]] = set()
    server_version, sys_version = "library", ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer a GET."""
        parts = urlsplit(self.path)
        query = {
            name: values[-1]
            for name, values in parse_qs(
                parts.query, keep_blank_values=True, errors="replace"
            ).items()
        }
        pages = {
            "/books": self.books,
            "/welcome": self.welcome,
            "/covers": self.cover,
            "/loans": self.loans,
        }
        try:
            if parts.path.startswith("/shelf/"):
                self.shelf(unquote(parts.path[7:]))
            elif parts.path in pages:
                pages[parts.path](query)
            else:
                self.say(404, "<title>Nothing here</title>", "text/html; charset=utf-8")
        except Exception:  # noqa: BLE001 - what it tells of it is the point
            text = traceback.format_exc() if self.weak else "Your request cannot be read."
            self.say(400, text, "text/plain; charset=utf-8")

    def do_OPTIONS(self) -> None:
        """Answer a preflight."""
        self.say(204, "", "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        """Sign in."""
        size = int(self.headers.get("content-length", 0))
        form = parse_qs(self.rfile.read(min(size, 2_000_000)).decode(errors="replace"))
        if (form.get("username"), form.get("password")) != ([USER], [PASSWORD]):
            self.say(403, "<p>Wrong name or password.</p>", "text/html; charset=utf-8")
            return
        old = SimpleCookie(self.headers.get("cookie", "")).get("sid")
        chosen = old.value if old and self.weak else secrets.token_hex(16)
        self.sessions.add(chosen)
        flags = "; Path=/; SameSite=Lax" + ("" if self.weak else "; Secure; HttpOnly")
        self.say(
            303,
            "",
            "text/html; charset=utf-8",
            {"Location": "/", "Set-Cookie": f"sid={chosen}{flags}"},
        )

    def books(self, query: dict[str, str]) -> None:
        """Books by title, from a database."""
        shelf = sqlite3.connect(":memory:")
        shelf.execute("CREATE TABLE books (title TEXT)")
        shelf.executemany("INSERT INTO books VALUES (?)", [("Emma",), ("Dune",), ("Ulysses",)])
        if self.weak:
            try:
                rows = shelf.execute(
                    f"SELECT title FROM books WHERE title = '{query['title']}'"  # noqa: S608 - a planted weakness
                ).fetchall()
            except sqlite3.Error:
                rows = []
        else:
            wanted = query["title"].encode(errors="replace").decode()
            rows = shelf.execute("SELECT title FROM books WHERE title = ?", (wanted,)).fetchall()
        shown = "".join(f"<li>{title}</li>" for (title,) in rows)
        self.say(200, f"<ul>{shown}</ul>", "text/html; charset=utf-8")

    def welcome(self, query: dict[str, str]) -> None:
        """A page with a name in it."""
        name = query["name"] if self.weak else html.escape(query["name"])
        self.say(200, f"<p>Welcome, {name}</p>", "text/html; charset=utf-8")

    def cover(self, query: dict[str, str]) -> None:
        """A file of the covers' folder."""
        path = FOLDER / query["file"] if self.weak else FOLDER / Path(query["file"]).name
        if "\0" in query["file"] or not path.is_file() or (not self.weak and path.suffix != ".jpg"):
            self.say(404, "no cover", "text/plain; charset=utf-8")
            return
        self.say(200, path.read_text(errors="replace")[:5000], "text/plain; charset=utf-8")

    def loans(self, query: dict[str, str]) -> None:
        """What the reader has borrowed."""
        del query
        given = SimpleCookie(self.headers.get("cookie", "")).get("sid")
        if not self.weak and (given is None or given.value not in self.sessions):
            self.say(401, "sign in", "text/plain; charset=utf-8")
            return
        self.say(200, '{"loans": ["Emma"]}', "application/json")

    def shelf(self, number: str) -> None:
        """What stands on a shelf."""
        self.say(200, f'{{"shelf": {int(number)}}}', "application/json")

    def say(self, status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> None:
        """Send an answer with its headers."""
        content = text.encode(errors="replace")
        self.send_response(status)
        sent = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Strict-Transport-Security": "max-age=31536000",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
            **(headers or {}),
        }
        if self.weak and self.path.startswith("/welcome"):
            sent["Content-Security-Policy"] = (
                "frame-ancestors 'none'; script-src 'self' 'unsafe-inline'"
            )
        if self.weak and "origin" in self.headers:
            sent["Access-Control-Allow-Origin"] = self.headers["origin"]
            sent["Access-Control-Allow-Credentials"] = "true"
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def library(*, weak: bool) -> Iterator[str]:
    """A running library; its address."""
    handler = type("Running", (Library,), {"weak": weak, "sessions": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
