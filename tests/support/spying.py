"""A pytest plugin that notes every credential a run sends or gets, in a file beside its output.

Used by ``observed_run``: ``-p spying`` with CREDENTIALS_FILE set.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from suites.client.masking import SECRET_KEYS
from suites.client.store import StoreClient
from suites.scanner.sending import HttpSender
from suites.testdata.ownership import Ownership

SHORTEST = 12
SEEN: set[str] = set()


def credentials_in(content: Any) -> Iterator[str]:
    """The values of secret keys, wherever they are."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in SECRET_KEYS | {"new", "current"}:
                yield from _texts(value)
            yield from credentials_in(value)
    elif isinstance(content, list):
        for part in content:
            yield from credentials_in(part)


def _texts(value: Any) -> Iterator[str]:
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and len(part) >= SHORTEST:
            yield part


def _json(raw: bytes | str | None) -> Any:
    try:
        return json.loads(raw or b"null")
    except (ValueError, UnicodeDecodeError):
        return None


@pytest.fixture(scope="session", autouse=True)
def _noting() -> Iterator[None]:
    send, exchange, init = StoreClient._send, HttpSender.exchange, Ownership.__init__

    def noted_send(self: StoreClient, request: requests.PreparedRequest, expected: str) -> Any:
        answer = send(self, request, expected)
        SEEN.update(credentials_in(_json(request.body)))
        SEEN.update(credentials_in(answer.body))
        SEEN.update(_texts(str(request.headers.get("Authorization", "")).removeprefix("Bearer ")))
        return answer

    def noted_exchange(self: HttpSender, method: str, path: str, headers: Any, body: Any) -> Any:
        answer = exchange(self, method, path, headers, body)
        SEEN.update(credentials_in(_json(answer.text)))
        return answer

    def noted_init(self: Ownership, database: Any, run_id: str) -> None:
        init(self, database, run_id)
        SEEN.add(self._password)

    StoreClient._send = noted_send  # type: ignore[method-assign]
    HttpSender.exchange = noted_exchange  # type: ignore[method-assign]
    Ownership.__init__ = noted_init  # type: ignore[method-assign]
    yield
    with Path(os.environ["CREDENTIALS_FILE"]).open("a") as file:
        file.writelines(f"{credential}\n" for credential in sorted(SEEN))
