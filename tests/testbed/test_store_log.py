"""The store says why it answers 500, without secrets; and a burst after a quiet time is none."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from secantus.server import (  # type: ignore[import-untyped]
    DEFAULT_CLIENT_IDLE_TIMEOUT_S,
    SecantusDBServer,
)
from starlette.requests import Request
from worlds import TestWorld

from suites.client.masking import masked_body
from testbed.store import database, malfunctions
from testbed.store.releases import RELEASES
from testbed.store.routes import ROUTES
from testbed.store.settings import Settings

AT_ONCE = 8
DATABASE_IDLE_SECONDS = 1.0
PARTS = ("eyJhbGciOiJI", "eyJzdWIiOiJ1c3Ii", "c2lnbmF0dXJl")
TOKEN = ".".join(PARTS)  # nobody's
SECRETS = ("dbpassword", "tokenkey", "webhookkey", "exemptionkey", TOKEN, "swordfish", "4111111111")
SETTINGS = Settings(
    deployment="green",
    release=RELEASES["v5"],
    database_uri=f"mongodb://store:{SECRETS[0]}@127.0.0.1/kirana",
    token_key="tokenkey",  # noqa: S106 - nobody's
    webhook_key="webhookkey",
    exemption_key="exemptionkey",
    trusted_proxy="127.0.0.2",
)


def failed_request(body: object) -> Request:
    """A log-in that somebody sent with a token."""
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers})
    request.state.request_id = "req_7"
    request.state.raw = json.dumps(body).encode()
    return request


def logged(caplog: pytest.LogCaptureFixture, error: Exception, body: object) -> str:
    """What the log has of a request that ended with an exception."""
    route = next(route for route in ROUTES if route.handler == "auth:login")
    with caplog.at_level(logging.ERROR, "kirana"):
        malfunctions.log_malfunction(SETTINGS, route, failed_request(body), error)
    return caplog.records[-1].getMessage()


def raised(message: str) -> Exception:
    """An exception with a traceback and a cause."""
    error = RuntimeError(message)
    error.__cause__ = KeyError(message)
    with pytest.raises(RuntimeError):
        raise error
    return error


def test_a_malfunction_is_logged_with_its_request_and_its_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = logged(caplog, raised("balance"), {"identifier": "asha"})
    assert entry.startswith(
        "500 POST /api/auth/login request req_7: builtins.RuntimeError: balance\n"
    )
    assert "test_store_log.py" in entry
    assert "after builtins.KeyError: 'balance'" in entry


@pytest.mark.parametrize("secret", SECRETS)
def test_the_log_of_a_malfunction_has_no_secrets(
    caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    word = "swordfish"
    body = {"identifier": "asha", "password": word, "card": [{"number": 4111111111}]}
    entry = logged(caplog, raised(f"cannot use {secret}, or {secret}."), body)
    assert "cannot use ***, or ***." in entry
    assert secret not in entry


def test_a_message_adds_no_lines_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    entry = logged(caplog, RuntimeError("first\n2026-11-27 ERROR kirana: second"), {})
    assert "\n2026-11-27" not in entry


def test_a_malfunction_is_in_the_log_of_its_colour(world: TestWorld, tmp_path: Path) -> None:
    with world.fault("achievements.fails"):
        run = world.pytest(tmp_path, "--check", "gamification.achievements", "-q")
    assert run.code == 1
    assert '"code": "internal_error"' in run.out
    log = (world.folder / "logs" / "green.log").read_text()
    entry = r"ERROR kirana: 500 GET /api/gamification/achievements request req_[0-9a-f]{32}: "
    assert re.search(entry + "builtins.RuntimeError: no achievements of usr_", log)


def test_an_error_s_code_is_shown_and_other_codes_are_not() -> None:
    answer = {"error": {"code": "insufficient_points", "message": "No."}}
    assert "insufficient_points" in masked_body(answer)
    assert "123456" not in masked_body({"code": "123456"})
    assert "123456" not in masked_body({"error": {"code": "123456"}})


@pytest.fixture
def impatient_database(tmp_path: Path) -> Iterator[str]:
    """The URI of a database that closes idle connections soon."""
    server = SecantusDBServer(
        storage_path=str(tmp_path), client_idle_timeout_s=DATABASE_IDLE_SECONDS
    )
    server.start()
    yield f"mongodb://127.0.0.1:{server.address[1]}/kirana?retryWrites=false"
    server.stop()


@pytest.mark.slow  # proof-suites runs it
def test_a_burst_after_a_quiet_time_meets_no_closed_connection(
    impatient_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight writes at once take connections that the database has closed in the meantime."""
    monkeypatch.setattr(database, "MAX_IDLE_MILLISECONDS", 500)

    async def bursts() -> list[Any]:
        shop = database.connect(impatient_database, "green")
        account = {"_id": "asha"}
        await shop.leaderboards.insert_one({**account, "balance": 0})
        outcomes: list[Any] = []
        for _ in range(3):
            change = {"$inc": {"balance": 1}}
            outcomes += await asyncio.gather(
                *(shop.leaderboards.update_one(account, change) for _ in range(AT_ONCE)),
                return_exceptions=True,
            )
            await asyncio.sleep(2 * DATABASE_IDLE_SECONDS)
        await shop.client.close()
        return outcomes

    failures = [outcome for outcome in asyncio.run(bursts()) if isinstance(outcome, Exception)]
    assert failures == []


def test_idle_connections_are_closed_long_before_the_database_closes_them() -> None:
    assert database.MAX_IDLE_MILLISECONDS / 1000 <= DEFAULT_CLIENT_IDLE_TIMEOUT_S / 2
