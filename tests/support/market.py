"""A fourth service for the scan: a market with sqlite3, pages and a session cookie.

Each weakness can be planted alone; without weaknesses the service is its own fixed form.
"""

import hashlib
import html
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from clinic import ID, TEXT, operation
from small_service import PROTECTIVE_HEADERS, RefusedError, Reply, Request, SmallService, served
from small_service import trace as stack_trace

BUYER, SECOND, ADMIN = "ben", "cleo", "boss"
PASSWORD = f"another long {'pass'}word"
FOLDER = Path(__file__).parent
# Rule and part of the place of the finding that each weakness must cause.
WEAKNESSES: Mapping[str, tuple[str, str]] = {
    "query by name": ("sql-injection", "item"),
    "query of orders by state": ("sql-injection", "orders"),
    "comments as markup": ("xss-stored", "comment"),
    "search as markup": ("xss-reflected", "searchPage"),
    "any file": ("path-traversal", "picture"),
    "orders of others": ("object-access", "order"),
    "passwords of others": ("object-access", "changePassword"),
    "administrator at registration": ("mass-assignment", "signUp"),
    "requests of other sites": ("csrf", ""),
    "chosen session": ("session-fixation", ""),
    "register names known users": ("user-enumeration", "signUp"),
    "slow for known users": ("user-enumeration", "signIn"),
    "damage by a comment": ("stored-damage", "comment"),
    "errors of the database": ("error-details", ""),
    "users for everybody": ("function-access", "users"),
}
NAME = {"name": "name", "in": "path", "required": True, "schema": TEXT}


def query(name: str, *, required: bool = True) -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "required": required, "schema": TEXT}


OPENAPI: Mapping[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Market", "version": "1"},
    "components": {
        "securitySchemes": {"bearer": {"type": "apiKey", "in": "cookie", "name": "market"}}
    },
    "paths": {
        "/signup": {
            "post": operation(
                "signUp",
                {"username": TEXT, "password": TEXT},
                secured=False,
                required=("username", "password"),
            )
        },
        "/signin": {
            "post": operation(
                "signIn",
                {"username": TEXT, "password": TEXT},
                secured=False,
                required=("username", "password"),
            )
        },
        "/account": {"get": operation("account")},
        "/users": {"get": operation("users")},
        "/users/{name}/password": {
            "put": operation(
                "changePassword", {"password": TEXT}, required=("password",), parameters=(NAME,)
            )
        },
        "/items": {"get": operation("items", secured=False)},
        "/items/{name}": {"get": operation("item", secured=False, parameters=(NAME,))},
        "/orders": {
            "get": operation("orders", parameters=(query("state", required=False),)),
            "post": operation(
                "placeOrder",
                {"item": {**TEXT, "example": "lamp"}, "street": TEXT},
                required=("item", "street"),
            ),
        },
        "/orders/{id}": {"get": operation("order", parameters=(ID,))},
        "/comments": {
            "get": operation("commentsPage", secured=False),
            "post": operation(
                "comment", {"text": TEXT, "stars": {"type": "integer"}}, required=("text", "stars")
            ),
        },
        "/search": {"get": operation("searchPage", secured=False, parameters=(query("q"),))},
        "/pictures": {"get": operation("picture", secured=False, parameters=(query("file"),))},
    },
}
TABLES = """
CREATE TABLE users (name TEXT PRIMARY KEY, hash TEXT, admin INTEGER);
CREATE TABLE items (name TEXT, price INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, buyer TEXT, item TEXT, street TEXT,
                     state TEXT);
CREATE TABLE comments (text TEXT, stars TEXT);
INSERT INTO items VALUES ('lamp', 20), ('chair', 45), ('table', 80);
"""
MAX_GUESSES = 10


class Market(SmallService):
    """The market and its database."""

    def __init__(self, weak: Collection[str]) -> None:
        super().__init__()
        self.weak = frozenset(weak)
        self.lock = threading.Lock()
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.executescript(TABLES)
        self.sessions: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        for name in (BUYER, SECOND, ADMIN):
            self.run("INSERT INTO users VALUES (?, ?, ?)", name, hashed(PASSWORD), name == ADMIN)
            order = "INSERT INTO orders (buyer, item, street, state) VALUES (?, 'chair', ?, 'new')"
            self.run(order, name, f"{len(name)} High Street")
        for method, path, handler in (
            ("POST", "/signup", self.sign_up),
            ("POST", "/signin", self.sign_in),
            ("GET", "/account", self.account),
            ("GET", "/users", self.users),
            ("PUT", "/users/{name}/password", self.change_password),
            ("GET", "/items", self.items),
            ("GET", "/items/{name}", self.item),
            ("GET", "/orders", self.orders),
            ("POST", "/orders", self.place_order),
            ("GET", "/orders/{id}", self.order),
            ("GET", "/comments", self.comments_page),
            ("POST", "/comments", self.comment),
            ("GET", "/search", self.search_page),
            ("GET", "/pictures", self.picture),
        ):
            self.route(method, path, handler)

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; texts that are no Unicode are stored with replacements."""
        clean = [
            value.encode(errors="replace").decode() if isinstance(value, str) else value
            for value in values
        ]
        with self.lock:
            rows = self.database.execute(statement, clean).fetchall()
            self.database.commit()
        return rows

    def headers(self, request: Request) -> Mapping[str, str]:
        """The protective headers."""
        del request
        return PROTECTIVE_HEADERS

    def on_error(self, request: Request, error: Exception) -> Reply:
        """Show the error, or refuse."""
        if isinstance(error, KeyError | TypeError | AttributeError | ValueError):
            return super().on_error(request, error)
        shown = stack_trace(error) if "errors of the database" in self.weak else "internal error"
        return Reply(500, {"error": shown})

    def caller(self, request: Request) -> str:
        """The name of the user who sends a request."""
        origin = request.headers.get("origin", "")
        is_foreign = bool(origin) and not origin.startswith("http://127.0.0.1")
        if is_foreign and request.method != "GET" and "requests of other sites" not in self.weak:
            raise RefusedError(403, "a request of another site")
        cookie = SimpleCookie(request.headers.get("cookie", "")).get("market")
        name = self.sessions.get(cookie.value if cookie else "")
        if name is None:
            raise RefusedError(401, "sign in first")
        return name

    def is_admin(self, name: str) -> bool:
        return self.run("SELECT admin FROM users WHERE name = ?", name) == [(1,)]

    def sign_up(self, request: Request) -> Reply:
        name, password = fields(request, "username", "password")
        admin = "administrator at registration" in self.weak and bool(request.body.get("admin"))
        if self.run("SELECT 1 FROM users WHERE name = ?", name):
            if "register names known users" in self.weak:
                raise RefusedError(409, f"the name {name} is taken")
            return Reply(201, {"message": "check your mail"})
        self.run("INSERT INTO users VALUES (?, ?, ?)", name, hashed(password), admin)
        return Reply(201, {"message": "check your mail"})

    def sign_in(self, request: Request) -> Reply:
        name, password = fields(request, "username", "password")
        if self.failures.get(name, 0) >= MAX_GUESSES:
            raise RefusedError(429, "too many tries")
        rows = self.run("SELECT hash FROM users WHERE name = ?", name)
        is_slow = bool(rows) or "slow for known users" not in self.weak
        digest = hashed(password) if is_slow else ""
        if not rows or rows[0][0] != digest:
            self.failures[name] = self.failures.get(name, 0) + 1
            raise RefusedError(401, "wrong name or password")
        old = SimpleCookie(request.headers.get("cookie", "")).get("market")
        is_kept = old is not None and "chosen session" in self.weak
        session = old.value if old is not None and is_kept else secrets.token_hex(16)
        self.sessions[session] = name
        same_site = "None" if "requests of other sites" in self.weak else "Lax"
        cookie = f"market={session}; Path=/; Secure; HttpOnly; SameSite={same_site}"
        return Reply(200, {"welcome": name}, headers={"Set-Cookie": cookie})

    def account(self, request: Request) -> Reply:
        name = self.caller(request)
        return Reply(200, {"username": name, "admin": self.is_admin(name)})

    def users(self, request: Request) -> Reply:
        if not self.is_admin(self.caller(request)) and "users for everybody" not in self.weak:
            raise RefusedError(403, "for the administrator")
        rows = self.run("SELECT name, admin FROM users")
        return Reply(200, [{"username": name, "admin": bool(admin)} for name, admin in rows])

    def change_password(self, request: Request) -> Reply:
        caller = self.caller(request)
        (password,) = fields(request, "password")
        name = request.values["name"] if "passwords of others" in self.weak else caller
        self.run("UPDATE users SET hash = ? WHERE name = ?", hashed(password), name)
        return Reply(200, {"message": "changed"})

    def items(self, request: Request) -> Reply:
        del request
        rows = self.run("SELECT name, price FROM items")
        return Reply(200, [{"name": name, "price": price} for name, price in rows])

    def item(self, request: Request) -> Reply:
        name = request.values["name"]
        if "query by name" in self.weak:
            rows = self.run(f"SELECT name, price FROM items WHERE name = '{name}'")  # noqa: S608 - a planted weakness
        else:
            rows = self.run("SELECT name, price FROM items WHERE name = ?", name)
        if not rows:
            raise RefusedError(404, "no such item")
        return Reply(200, {"name": rows[0][0], "price": rows[0][1]})

    def orders(self, request: Request) -> Reply:
        name = self.caller(request)
        state = request.query.get("state")
        statement = "SELECT id, item, street FROM orders WHERE buyer = ?"
        if state is not None and "query of orders by state" in self.weak:
            try:
                rows = self.run(f"{statement} AND state = '{state}'", name)
            except sqlite3.Error:
                rows = []
        elif state is not None:
            rows = self.run(f"{statement} AND state = ?", name, state)
        else:
            rows = self.run(statement, name)
        return Reply(200, [dict(zip(("id", "item", "street"), row, strict=True)) for row in rows])

    def place_order(self, request: Request) -> Reply:
        name = self.caller(request)
        item, street = fields(request, "item", "street")
        statement = "INSERT INTO orders (buyer, item, street, state) VALUES (?, ?, ?, 'new')"
        self.run(f"{statement} RETURNING id", name, item, street)
        ((number,),) = self.run("SELECT max(id) FROM orders WHERE buyer = ?", name)
        return Reply(201, {"id": number, "item": item, "street": street})

    def order(self, request: Request) -> Reply:
        name = self.caller(request)
        rows = self.run(
            "SELECT id, item, street, buyer FROM orders WHERE id = ?", request.values["id"]
        )
        if not rows or (rows[0][3] != name and "orders of others" not in self.weak):
            raise RefusedError(404, "no such order")
        return Reply(200, dict(zip(("id", "item", "street", "buyer"), rows[0], strict=True)))

    def comment(self, request: Request) -> Reply:
        self.caller(request)
        (text,) = fields(request, "text")
        stars = request.body.get("stars")
        if "damage by a comment" not in self.weak and (type(stars) is not int or abs(stars) > 5):
            raise RefusedError(422, "stars are a number up to 5")
        self.run("INSERT INTO comments VALUES (?, ?)", text, str(stars))
        return Reply(201, {"message": "thank you"})

    def comments_page(self, request: Request) -> Reply:
        del request
        lines = []
        for text, stars in self.run("SELECT text, stars FROM comments"):
            shown = text if "comments as markup" in self.weak else html.escape(text)
            try:
                lines.append(f"<li>{shown}: {'*' * min(abs(int(stars)), 5)}</li>")
            except ValueError:
                return Reply(500, "<p>The page is broken.</p>", "text/html")
        return Reply(200, f"<ul>{''.join(lines)}</ul>", "text/html")

    def search_page(self, request: Request) -> Reply:
        text = request.query.get("q", "")
        shown = text if "search as markup" in self.weak else html.escape(text)
        return Reply(200, f"<h1>Results for {shown}</h1><p>none</p>", "text/html")

    def picture(self, request: Request) -> Reply:
        name = request.query.get("file", "")
        path = FOLDER / name if "any file" in self.weak else FOLDER / Path(name).name
        is_picture = path.suffix == ".png" or "any file" in self.weak
        if "\0" in name or not is_picture or not path.is_file():
            raise RefusedError(404, "no such picture")
        return Reply(200, path.read_text(errors="replace")[:4000], "text/plain")


def fields(request: Request, *names: str) -> list[str]:
    """The texts of a body."""
    values = [request.body[name] for name in names]
    if not all(isinstance(value, str) and len(value) <= 10_000 for value in values):
        raise RefusedError(422, "texts are expected")
    return values


def hashed(password: str) -> str:
    """A slow hash: about ten milliseconds."""
    clean = password.encode(errors="replace")
    return hashlib.pbkdf2_hmac("sha256", clean, b"market", 30_000).hex()


@contextmanager
def market(weak: Collection[str] = WEAKNESSES) -> Iterator[str]:
    """A running market; its address."""
    with served(Market(weak)) as url:
        yield url
