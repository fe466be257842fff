"""Services that are hard to scan: one repeats its input, one hangs on a payload, one breaks."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from small_service import RefusedError, Reply, Request, SmallService, served

TEXT = {"type": "string"}
OK = {"200": {"description": "fine"}}
HANG_SECONDS = 30.0


def description(paths: Mapping[str, Any]) -> Mapping[str, Any]:
    """An OpenAPI document with these paths."""
    return {"openapi": "3.1.0", "info": {"title": "odd", "version": "1"}, "paths": paths}


def body(*names: str) -> dict[str, Any]:
    """A JSON body of texts."""
    schema = {"type": "object", "required": list(names), "properties": dict.fromkeys(names, TEXT)}
    return {"content": {"application/json": {"schema": schema}}}


ECHO = description(
    {
        "/forms": {
            "post": {
                "operationId": "checkForm",
                "requestBody": body("name", "city"),
                "responses": OK,
            }
        },
        "/words/{word}": {
            "get": {
                "operationId": "word",
                "responses": OK,
                "parameters": [{"name": "word", "in": "path", "required": True, "schema": TEXT}],
            }
        },
        "/mirror": {
            "post": {"operationId": "mirror", "requestBody": body("text"), "responses": OK}
        },
    }
)
HANG = description(
    {
        "/": {"get": {"operationId": "home", "responses": OK}},
        "/names": {
            "post": {"operationId": "addName", "requestBody": body("name"), "responses": OK}
        },
    }
)


class Echo(SmallService):
    """Refuses every form with 422 and repeats the input; the mirror repeats everything."""

    def __init__(self) -> None:
        super().__init__()
        self.route("POST", "/forms", self.check)
        self.route("GET", "/words/{word}", self.word)
        self.route("POST", "/mirror", self.mirror)

    def check(self, request: Request) -> Reply:
        """Refuse values that are no texts, with each value in the message."""
        fields = request.body if isinstance(request.body, dict) else {}
        wrong = [
            {"loc": ["body", name], "input": fields.get(name), "msg": "a text is expected"}
            for name in ("name", "city")
            if not isinstance(fields.get(name), str)
        ]
        if wrong:
            return Reply(422, {"detail": wrong, "body": request.body})
        return Reply(200, {"message": f"{fields['name']} of {fields['city']}"})

    def word(self, request: Request) -> Reply:
        """Repeat the word, in capitals as well."""
        word = request.values["word"]
        return Reply(200, {"word": word, "loud": word.upper()})

    def mirror(self, request: Request) -> Reply:
        """Repeat the body in an error message, whatever its size."""
        if not isinstance(request.body, dict) or not isinstance(request.body.get("text"), str):
            return Reply(400, f"cannot read {json.dumps(request.body)}", "text/plain")
        text = request.body["text"]
        status = 200 if len(text) < 100 else 413
        return Reply(status, {"text": text})


class Hang(SmallService):
    """Hangs on a null byte: one request, or with ``all_requests`` the whole service."""

    def __init__(self, *, all_requests: bool) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.all_requests = all_requests
        self.route("GET", "/", self.home)
        self.route("POST", "/names", self.add)

    def home(self, request: Request) -> Reply:
        """Answer, once nobody holds the service."""
        del request
        with self.lock:
            return Reply(200, {"title": "names"})

    def add(self, request: Request) -> Reply:
        """Add a name; a null byte keeps the program busy."""
        name = request.body.get("name") if isinstance(request.body, dict) else None
        if not isinstance(name, str):
            raise RefusedError(422, "a name is expected")
        if "\0" not in name:
            with self.lock:
                return Reply(200, {"name": name[:20]})
        if self.all_requests:
            with self.lock:
                time.sleep(HANG_SECONDS)
        time.sleep(HANG_SECONDS)
        return Reply(200)


@contextmanager
def echo() -> Iterator[str]:
    """A running service that repeats its input; its address."""
    with served(Echo()) as url:
        yield url


@contextmanager
def hang(*, all_requests: bool) -> Iterator[str]:
    """A running service that hangs on a null byte; its address."""
    with served(Hang(all_requests=all_requests)) as url:
        yield url
