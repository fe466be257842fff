"""A third service for the scan: a clinic with tokens, members and administrators.

Each weakness can be planted alone; without weaknesses the service is its own fixed form.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from small_service import PROTECTIVE_HEADERS, RefusedError, Reply, Request, SmallService, served
from small_service import trace as stack_trace

if TYPE_CHECKING:
    from collections.abc import Callable

MEMBER, SECOND, ADMIN = "mira@example.com", "noor@example.com", "root@example.com"
PASSWORD = f"a long enough {'pass'}word"
# Rule and part of the place of the finding that each weakness must cause.
WEAKNESSES: Mapping[str, tuple[str, str]] = {
    "read of another's record": ("object-access", "getRecord"),
    "change of another's record": ("object-access", "updateRecord"),
    "statistics for everybody": ("function-access", "statistics"),
    "role at registration": ("mass-assignment", "register"),
    "role by patch": ("privilege-change", "updateMe"),
    "log-in names unknown users": ("user-enumeration", "logIn"),
    "reset names unknown users": ("user-enumeration", "resetPassword"),
    "weak key": ("weak-token-key", ""),
    "hash in the profile": ("exposed-secret", "getMember"),
    "fetch of any address": ("ssrf", "importRecords"),
    "no limit of guesses": ("password-guessing", "logIn"),
    "look-alike origins": ("cors", ""),
    "operators in the search": ("nosql-injection", "searchRecords"),
    "slow pattern": ("slow-pattern", "checkAddress"),
    "stack traces": ("error-details", ""),
}
TEXT = {"type": "string"}
OK = {"200": {"description": "fine"}}
ID = {"name": "id", "in": "path", "required": True, "schema": TEXT}


def operation(
    name: str,
    fields: Mapping[str, Any] | None = None,
    *,
    secured: bool = True,
    required: Collection[str] = (),
    parameters: Collection[Any] = (),
) -> dict[str, Any]:
    """One operation of the OpenAPI document."""
    content: dict[str, Any] = {"operationId": name, "responses": OK, "parameters": [*parameters]}
    if fields:
        schema = {"type": "object", "properties": fields, "required": [*required]}
        content["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return {**content, "security": [{"bearer": []}] if secured else []}


EMAIL = {"type": "string", "format": "email"}
RECORD = {"title": TEXT, "diagnosis": TEXT}
OPENAPI: Mapping[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Clinic", "version": "2"},
    "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/v1/members": {
            "post": operation(
                "register",
                {"email": EMAIL, "password": TEXT, "name": TEXT},
                secured=False,
                required=("email", "password", "name"),
            ),
            "get": operation("listMembers"),
        },
        "/v1/login": {
            "post": operation(
                "logIn",
                {"email": EMAIL, "password": TEXT},
                secured=False,
                required=("email", "password"),
            )
        },
        "/v1/reset": {
            "post": operation("resetPassword", {"email": EMAIL}, secured=False, required=("email",))
        },
        "/v1/me": {"get": operation("me"), "patch": operation("updateMe", {"name": TEXT})},
        "/v1/members/{id}": {"get": operation("getMember", parameters=(ID,))},
        "/v1/records": {
            "get": operation("listRecords"),
            "post": operation("addRecord", RECORD, required=("title", "diagnosis")),
        },
        "/v1/records/{id}": {
            "get": operation("getRecord", parameters=(ID,)),
            "put": operation(
                "updateRecord", RECORD, required=("title", "diagnosis"), parameters=(ID,)
            ),
            "delete": operation("deleteRecord", parameters=(ID,)),
        },
        "/v1/records/search": {
            "post": operation("searchRecords", {"title": TEXT}, required=("title",))
        },
        "/v1/records/import": {
            "post": operation(
                "importRecords", {"url": {"type": "string", "format": "uri"}}, required=("url",)
            )
        },
        "/v1/address": {
            "post": operation(
                "checkAddress", {"address": EMAIL}, secured=False, required=("address",)
            )
        },
        "/v1/admin/statistics": {"get": operation("statistics")},
        "/v1/createdb": {"get": operation("createDatabase", secured=False)},
    },
}
SLOW_ADDRESS = re.compile(r"^([0-9a-z]+)+@([0-9a-z]+\.)+[a-z]{2,9}$")
ADDRESS = re.compile(r"^[0-9a-z._]{1,40}@[0-9a-z.]{1,60}\Z")
MAX_GUESSES = 8


class Clinic(SmallService):
    """The clinic and its data in memory."""

    def __init__(self, weak: Collection[str]) -> None:
        super().__init__()
        self.weak = frozenset(weak)
        self.key = "sunshine" if "weak key" in self.weak else secrets.token_hex(32)
        self.members: dict[str, dict[str, Any]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, int] = {}
        self.reset()
        for method, path, handler in (
            ("POST", "/v1/members", self.register),
            ("GET", "/v1/members", self.list_members),
            ("POST", "/v1/login", self.log_in),
            ("POST", "/v1/reset", self.reset_password),
            ("GET", "/v1/me", self.me),
            ("PATCH", "/v1/me", self.update_me),
            ("GET", "/v1/members/{id}", self.member),
            ("GET", "/v1/records", self.list_records),
            ("POST", "/v1/records", self.add_record),
            ("POST", "/v1/records/search", self.search),
            ("POST", "/v1/records/import", self.fetch),
            ("GET", "/v1/records/{id}", self.record),
            ("PUT", "/v1/records/{id}", self.change),
            ("DELETE", "/v1/records/{id}", self.delete),
            ("POST", "/v1/address", self.check_address),
            ("GET", "/v1/admin/statistics", self.statistics),
            ("GET", "/v1/createdb", self.create_database),
        ):
            self.route(method, path, handler)

    def reset(self) -> None:
        """Begin with three members and two records."""
        self.members.clear()
        self.records.clear()
        for email, role in ((MEMBER, "member"), (SECOND, "member"), (ADMIN, "admin")):
            self.add_member(email, PASSWORD, email.partition("@")[0], role)
        for email in (MEMBER, SECOND):
            self.store(email, f"visit of {email}", "a cold")

    def add_member(self, email: str, password: str, name: str, role: str) -> dict[str, Any]:
        salt = secrets.token_hex(8)
        member = {
            "id": secrets.token_hex(6),
            "email": email,
            "name": name,
            "role": role,
            "salt": salt,
            "password_hash": hashed(password, salt),
        }
        self.members[email] = member
        return member

    def store(self, owner: str, title: str, diagnosis: str) -> dict[str, Any]:
        record = {
            "id": secrets.token_hex(6),
            "owner": owner,
            "title": title,
            "diagnosis": diagnosis,
        }
        self.records[str(record["id"])] = record
        return record

    def headers(self, request: Request) -> Mapping[str, str]:
        """The protective headers, and permission for the origins of the clinic."""
        origin = request.headers.get("origin", "")
        host = origin.partition("://")[2]
        is_own = host == "clinic.example"
        if "look-alike origins" in self.weak:
            is_own = host.endswith("clinic.example")
        if not is_own:
            return PROTECTIVE_HEADERS
        return {
            **PROTECTIVE_HEADERS,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
        }

    def on_error(self, request: Request, error: Exception) -> Reply:
        """Show the stack trace, or refuse."""
        if "stack traces" in self.weak:
            return Reply(500, {"error": stack_trace(error)})
        return super().on_error(request, error)

    def caller(self, request: Request) -> dict[str, Any]:
        """The member who sends a request."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            head, claims, signature = token.split(".")
            genuine = hmac.compare_digest(signature, self.signature(f"{head}.{claims}"))
            content = json.loads(base64.urlsafe_b64decode(claims + "=="))
            member = self.members[content["sub"]]
            is_valid = genuine and content["exp"] >= time.time()
        except (ValueError, KeyError, TypeError):
            is_valid = False
        if not is_valid:
            raise RefusedError(401, "log in first")
        return member

    def signature(self, text: str) -> str:
        return encoded(hmac.new(self.key.encode(), text.encode(), hashlib.sha256).digest())

    def register(self, request: Request) -> Reply:
        email, password, name = texts(request.body, "email", "password", "name")
        if not ADDRESS.match(email):
            raise RefusedError(400, "this is no address")
        role = "member"
        if "role at registration" in self.weak:
            role = str(request.body.get("role", role))
        if email not in self.members:
            self.add_member(email, password, name, role)
        return Reply(202, {"message": "we sent a message to this address"})

    def log_in(self, request: Request) -> Reply:
        email, password = texts(request.body, "email", "password")
        member = self.members.get(email)
        if "no limit of guesses" not in self.weak and self.failures.get(email, 0) >= MAX_GUESSES:
            return Reply(429, {"error": "too many tries"}, headers={"Retry-After": "600"})
        stored = member or dict.fromkeys(("salt", "password_hash"), "none")
        if hashed(password, stored["salt"]) != stored["password_hash"] or member is None:
            self.failures[email] = self.failures.get(email, 0) + 1
            if "log-in names unknown users" in self.weak:
                raise RefusedError(401, "wrong password" if member else "no such member")
            raise RefusedError(401, "wrong address or password")
        claims = {"sub": email, "role": member["role"], "exp": int(time.time()) + 3600}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
        text = ".".join(parts)
        return Reply(200, {"token": f"{text}.{self.signature(text)}"})

    def reset_password(self, request: Request) -> Reply:
        (email,) = texts(request.body, "email")
        if "reset names unknown users" in self.weak and email not in self.members:
            raise RefusedError(404, "no such member")
        return Reply(202, {"message": "we sent a message to this address"})

    def me(self, request: Request) -> Reply:
        return Reply(200, public(self.caller(request)))

    def update_me(self, request: Request) -> Reply:
        member = self.caller(request)
        if not isinstance(request.body, dict):
            raise RefusedError(422, "an object is expected")
        allowed = {"name", "role"} if "role by patch" in self.weak else {"name"}
        changes = {name: str(value) for name, value in request.body.items() if name in allowed}
        member.update(changes)
        return Reply(200, public(member))

    def list_members(self, request: Request) -> Reply:
        if self.caller(request)["role"] != "admin":
            raise RefusedError(403, "for administrators")
        return Reply(200, [public(member) for member in self.members.values()])

    def member(self, request: Request) -> Reply:
        caller = self.caller(request)
        wanted = request.values["id"]
        member = next((member for member in self.members.values() if member["id"] == wanted), None)
        if member is None or (member is not caller and caller["role"] != "admin"):
            raise RefusedError(404, "no such member")
        return Reply(200, member if "hash in the profile" in self.weak else public(member))

    def list_records(self, request: Request) -> Reply:
        email = self.caller(request)["email"]
        own = [record for record in self.records.values() if record["owner"] == email]
        return Reply(200, {"records": own})

    def add_record(self, request: Request) -> Reply:
        email = self.caller(request)["email"]
        return Reply(201, self.store(email, *texts(request.body, "title", "diagnosis")))

    def own(self, request: Request, *, is_open: bool) -> dict[str, Any]:
        caller = self.caller(request)
        record = self.records.get(request.values["id"])
        if record is None or (record["owner"] != caller["email"] and not is_open):
            raise RefusedError(404, "no such record")
        return record

    def record(self, request: Request) -> Reply:
        return Reply(200, self.own(request, is_open="read of another's record" in self.weak))

    def change(self, request: Request) -> Reply:
        record = self.own(request, is_open="change of another's record" in self.weak)
        title, diagnosis = texts(request.body, "title", "diagnosis")
        record.update(title=title, diagnosis=diagnosis)
        return Reply(200, record)

    def delete(self, request: Request) -> Reply:
        del self.records[self.own(request, is_open=False)["id"]]
        return Reply(204)

    def search(self, request: Request) -> Reply:
        email = self.caller(request)["email"]
        wanted = request.body.get("title") if isinstance(request.body, dict) else None
        if "operators in the search" not in self.weak:
            (wanted,) = texts(request.body, "title")
        own = [record for record in self.records.values() if record["owner"] == email]
        return Reply(200, [record for record in own if matches(record["title"], wanted)])

    def fetch(self, request: Request) -> Reply:
        self.caller(request)
        (url,) = texts(request.body, "url")
        if "fetch of any address" not in self.weak:
            if not url.startswith("https://records.example/"):
                raise RefusedError(422, "records come from records.example")
            return Reply(202, {"message": "queued"})
        if not url.startswith(("http://", "https://")):
            raise RefusedError(422, "no address")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - the weakness
                return Reply(200, {"bytes": len(answer.read(100_000))})
        except (OSError, ValueError):
            raise RefusedError(422, "this address does not answer") from None

    def check_address(self, request: Request) -> Reply:
        (address,) = texts(request.body, "address")
        pattern = SLOW_ADDRESS if "slow pattern" in self.weak else ADDRESS
        return Reply(200, {"valid": bool(pattern.match(address))})

    def statistics(self, request: Request) -> Reply:
        caller = self.caller(request)
        if caller["role"] != "admin" and "statistics for everybody" not in self.weak:
            raise RefusedError(403, "for administrators")
        return Reply(200, {"members": len(self.members), "records": len(self.records)})

    def create_database(self, request: Request) -> Reply:
        del request
        self.reset()
        return Reply(200, {"message": "the database is new"})


def public(member: Mapping[str, Any]) -> dict[str, Any]:
    """A member without password hash and salt."""
    return {name: member[name] for name in ("id", "email", "name", "role")}


def hashed(password: str, salt: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(errors="replace"), salt.encode(), 500)
    return f"pbkdf2_sha256$500${salt}${digest.hex()}"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def texts(body: Any, *names: str) -> list[str]:
    """The texts of a body; a body without them fails, as careless code does."""
    values = [body[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise RefusedError(422, "texts are expected")
    return values


def matches(text: str, wanted: Any) -> bool:
    """Compare as a document database does: a value, or an object of operators."""
    if not isinstance(wanted, dict):
        return bool(text == wanted)
    operators: dict[str, Callable[[Any], bool]] = {
        "$ne": lambda value: text != value,
        "$gt": lambda value: text > value,
        "$lt": lambda value: text < value,
        "$in": lambda value: text in value,
        "$eq": lambda value: text == value,
        "$regex": lambda value: re.search(value, text) is not None,
    }
    return all(operators[name](value) for name, value in wanted.items())


@contextmanager
def clinic(weak: Collection[str] = WEAKNESSES) -> Iterator[str]:
    """A running clinic; its address."""
    with served(Clinic(weak)) as url:
        yield url
