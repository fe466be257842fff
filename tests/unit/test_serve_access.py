"""Who may ask ``gates serve``: the owner of the token, of a certificate, or of this machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from serving import CANARY, Serving, serving
from starlette.datastructures import Headers

from gates.errors import ConfigurationError
from gates.serve.access import AccessRules, is_direct_loopback
from gates.serve.questions import Question, RecordedAnswer
from gates.serve.settings import ServeSettings, configured_token

# The same in each process of pytest-xdist, because it is in the ids of tests.
TOKEN = "token-" * 4
PATHS: tuple[tuple[str, str, object], ...] = (
    ("POST", "/v1/decisions", {"stage": "ramp-30", "target": "green"}),
    ("GET", "/v1/decisions/000000000000", None),
    ("GET", "/v1/metrics-web/green/ramp-30", None),
    ("POST", "/v1/metrics-web/green/ramp-30", {}),
    ("POST", "/v1/flagger/green/ramp-30", CANARY),
    ("POST", "/v1/flagger/green/ramp-30/rollback", CANARY),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("GET", "/", None),
    ("GET", "/live_page.js", None),
    ("GET", "/events", None),
    ("GET", "/unknown", None),
)


def never(_: Question) -> RecordedAnswer:
    """The gate in a test in which nobody may ask it."""
    raise AssertionError("the gate was asked")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded") / "out"


@pytest.fixture(scope="module")
def guarded(out: Path) -> Iterator[Serving]:
    """A server with a token and without the exception for loopback."""
    settings = ServeSettings(out=str(out), token=TOKEN, loopback_exception=False)
    with serving(settings, never) as server:
        yield server


@pytest.mark.parametrize("call", PATHS, ids=lambda call: f"{call[0]} {call[1]}")
@pytest.mark.parametrize("header", ["", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer "])
def test_without_the_token_every_path_is_refused_and_nothing_is_written(
    guarded: Serving, out: Path, call: tuple[str, str, object], header: str
) -> None:
    reply = guarded.request(*call, {"Authorization": header} if header else {})
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert list(reply.json) == ["error"]
    assert not out.exists()


def test_without_a_configured_token_nobody_is_allowed(tmp_path: Path) -> None:
    settings = ServeSettings(out=str(tmp_path / "out"), loopback_exception=False)
    with serving(settings, never) as server:
        headers = [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}]
        replies = [server.get("/metrics", header) for header in headers]
        assert [reply.status for reply in replies] == [401] * 3
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_the_token_the_request_is_answered(guarded: Serving, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert guarded.get("/metrics", headers).status == 200
    assert guarded.get("/openapi.json", headers).status == 200


def test_everybody_may_know_that_the_server_answers(guarded: Serving) -> None:
    reply = guarded.get("/healthz")
    assert (reply.status, reply.json) == (200, {"status": "ok"})
    assert guarded.get("/healthz/").status == 401
    assert guarded.request("POST", "/healthz").status == 405


def test_two_authorization_headers_are_refused() -> None:
    rules = AccessRules.of(TOKEN, loopback_exception=False, client_certificates=False)
    value = (b"authorization", f"Bearer {TOKEN}".encode())
    assert rules.allow("192.0.2.1", Headers(raw=[value]))
    assert not rules.allow("192.0.2.1", Headers(raw=[value, value]))


def test_a_token_of_other_letters_is_refused_without_an_error() -> None:
    rules = AccessRules.of(TOKEN, loopback_exception=False, client_certificates=False)
    raw = [(b"authorization", "Bearer tökén".encode("latin-1"))]
    assert not rules.allow("192.0.2.1", Headers(raw=raw))


def test_a_verified_certificate_needs_no_token_unless_a_token_is_configured() -> None:
    alone = AccessRules.of("", loopback_exception=False, client_certificates=True)
    both = AccessRules.of(TOKEN, loopback_exception=False, client_certificates=True)
    assert alone.allow("192.0.2.1", Headers())
    assert not both.allow("192.0.2.1", Headers())


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        ("127.0.0.1", {"host": "127.0.0.1:8765"}),
        ("127.9.9.9", {"host": "localhost"}),
        ("::1", {"host": "[::1]:8765"}),
        ("::ffff:127.0.0.1", {"host": "localhost:8765"}),
        ("127.0.0.1", {"host": "localhost:1", "origin": "http://localhost:1"}),
        ("127.0.0.1", {"host": "localhost:1", "sec-fetch-site": "same-origin"}),
        ("127.0.0.1", {"host": "localhost:1", "sec-fetch-site": "none"}),
    ],
)
def test_a_direct_request_of_this_machine_is_an_exception(
    client: str, headers: Mapping[str, str]
) -> None:
    assert is_direct_loopback(client, Headers(headers))


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        # Another machine.
        ("192.0.2.1", {"host": "localhost"}),
        ("::ffff:192.0.2.1", {"host": "localhost"}),
        ("", {"host": "localhost"}),
        ("testclient", {"host": "localhost"}),
        # A name of another site that leads to this machine (DNS rebinding).
        ("127.0.0.1", {"host": "evil.example"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        ("127.0.0.1", {"host": "evil.example@localhost"}),
        ("127.0.0.1", {"host": "["}),
        ("127.0.0.1", {}),
        # A proxy of this machine.
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "192.0.2.1"}),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=192.0.2.1"}),
        ("127.0.0.1", {"host": "localhost", "x-real-ip": "192.0.2.1"}),
        ("127.0.0.1", {"host": "localhost", "via": "1.1 proxy"}),
        # A page of another site in a browser of this machine.
        ("127.0.0.1", {"host": "localhost:1", "origin": "http://evil.example"}),
        ("127.0.0.1", {"host": "localhost:1", "origin": "http://localhost:2"}),
        ("127.0.0.1", {"host": "localhost:1", "origin": "null"}),
        ("127.0.0.1", {"host": "localhost:1", "sec-fetch-site": "cross-site"}),
        ("127.0.0.1", {"host": "localhost:1", "sec-fetch-site": "same-site"}),
    ],
)
def test_a_request_from_elsewhere_is_no_exception(client: str, headers: Mapping[str, str]) -> None:
    assert not is_direct_loopback(client, Headers(headers))


def test_the_exception_holds_for_a_request_on_loopback(tmp_path: Path) -> None:
    with serving(ServeSettings(out=str(tmp_path / "out"), token=TOKEN), never) as server:
        assert server.get("/metrics").status == 200
        assert server.get("/metrics", {"X-Forwarded-For": "127.0.0.1"}).status == 401
        assert server.get("/metrics", {"Host": "evil.example"}).status == 401


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "is blank"),
        ("short", "has 5 characters; expected a token of at least 16"),
        ("a token with spaces", "expected printable ASCII characters without spaces"),
        ("ein-schönes-langes-wort", "expected printable ASCII characters without spaces"),
    ],
)
def test_a_token_that_cannot_be_used_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, token: str, message: str
) -> None:
    monkeypatch.setenv("KIRANA_SERVE_TOKEN", token)
    with pytest.raises(ConfigurationError, match=message):
        configured_token()


def test_the_token_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIRANA_SERVE_TOKEN", raising=False)
    assert configured_token() == ""
    monkeypatch.setenv("KIRANA_SERVE_TOKEN", TOKEN)
    assert configured_token() == TOKEN
