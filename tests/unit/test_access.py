"""How the gate logs in: headers, token, credentials, certificates, proxies and the time limit."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time

import pytest
import trustme
from worlds import ROOT

from gates.errors import ConfigurationError, RouterError
from gates.evidence import codec
from gates.model import Access, Evidence, Measured, ServedBuild, Target
from gates.policy import target_file
from gates.ramp import salvage
from gates.routers import router_named
from gates.sources.health import served_build
from gates.sources.http import get
from gates.sources.prometheus import Prometheus
from suites.client import StoreClient, UnexpectedAnswerError
from suites.contract import load
from suites.monitoring.http_json import MonitoringError
from suites.monitoring.prometheus_api import PrometheusApi

GREEN = (ROOT / "targets" / "green.toml").read_text()
# Built here, so that no text of the repository looks like a secret.
TOKEN = "long-token" + "-of-the-gate" * 2
WORD = "pass-word" + "-of-the-gate" * 2
CREDENTIALS = f"gate:{WORD}"
MATRIX = {
    "status": "success",
    "data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1.0, "5"]]}]},
}
BUILD = {"release": "v5", "version": "5.0.0", "digest": "d", "deployment": "green"}


@dataclass(slots=True)
class Wants:
    """What the fake server wants, and what it saw."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int = 401
    echo: bool = False
    location: str = ""
    paths: list[str] = field(default_factory=list)


@contextmanager
def server(wants: Wants, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A fake of Prometheus, health and balancer control that wants headers."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            wants.paths.append(self.path)
            if any(self.headers.get(name) != value for name, value in wants.headers.items()):
                headers = "; ".join(f"{name}: {value}" for name, value in self.headers.items())
                error = {"status": "error", "error": f"no: {headers}" if wants.echo else "no"}
                self.say(wants.status, error)
            elif "/query" in self.path:
                self.say(200, MATRIX)
            else:
                self.say(200, {"blue": 0.9, "green": 0.1} if "/config" in self.path else BUILD)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def say(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            if wants.location:
                self.send_header("Location", wants.location)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        if context:
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
            listening.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        scheme = "https" if context else "http"
        try:
            yield f"{scheme}://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def target_of(folder: Path, url: str, *tables: str) -> Target:
    """Green with all its addresses at the fake, and with tables of ``[access]``."""
    text = GREEN
    for address in ("http://127.0.0.1:9090", "http://127.0.0.1:8080", "http://127.0.0.1:5001"):
        text = text.replace(f'= "{address}', f'= "{url}')
    (folder / "green.toml").write_text("\n".join((text, *tables)))
    return target_file.load("green", folder)


def tables(*lines: str) -> tuple[str, ...]:
    """The same lines as the table of each part."""
    return tuple(
        "\n".join((f"[access.{part}]", *lines))
        for part in ("api", "health", "prometheus", "balancer_control")
    )


TENANT_AND_TOKEN = tables('headers = { "X-Scope-OrgID" = "shop" }', 'token = "KIRANA_TEST_TOKEN"')
BASIC = tables('credentials = "KIRANA_TEST_LOGIN"')
SECRET_HEADER = tables('secret_headers = { "X-Api-Key" = "KIRANA_TEST_KEY" }')


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIRANA_TEST_TOKEN", f"{TOKEN}\n")
    monkeypatch.setenv("KIRANA_TEST_LOGIN", CREDENTIALS)
    monkeypatch.setenv("KIRANA_TEST_KEY", TOKEN)


LOGINS = {
    "a tenant and a token": (
        TENANT_AND_TOKEN,
        {"X-Scope-OrgID": "shop", "Authorization": f"Bearer {TOKEN}"},
    ),
    "basic credentials": (
        BASIC,
        {"Authorization": f"Basic {Access(1, credentials=CREDENTIALS).basic}"},
    ),
    "a secret header": (SECRET_HEADER, {"X-Api-Key": TOKEN}),
}


@pytest.mark.parametrize("name", LOGINS)
def test_every_part_logs_in(tmp_path: Path, name: str) -> None:
    lines, headers = LOGINS[name]
    with server(Wants(headers)) as url:
        target = target_of(tmp_path, url, *lines)
        answer = Prometheus(url, target.access.prometheus).samples(
            "up", timedelta(seconds=60), time()
        )
        assert (answer.measured, answer.problem) == (Measured.OK, "")
        assert served_build(target).measured is Measured.OK
        router = router_named("config", url, target.access.balancer_control)
        assert router.shares() == {"blue": 0.9, "green": 0.1}
        rows = PrometheusApi(url, target.access.prometheus).api.value("/api/v1/query")
        assert rows == MATRIX


@pytest.mark.parametrize("name", LOGINS)
def test_a_client_of_the_store_logs_in(tmp_path: Path, name: str) -> None:
    lines, headers = LOGINS[name]
    with server(Wants(headers)) as url:
        client = StoreClient(target_of(tmp_path, url, *lines), load(), "run", "")
        status = client.other_method("GET", "health", {})
        client.close()
    assert status == 200


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_key_and_the_file(tmp_path: Path, status: int) -> None:
    with server(Wants({"X-Scope-OrgID": "shop"}, status)) as url:
        target = target_of(tmp_path, url)
        answer = Prometheus(url, target.access.prometheus).samples(
            "up", timedelta(seconds=60), time()
        )
        served = served_build(target)
        with pytest.raises(RouterError) as refused:
            router_named("config", url, target.access.balancer_control).shares()
    expected = f"status {status}: the server wants a log-in or a tenant; set "
    keys = "token, credentials, headers or secret_headers"
    file = tmp_path / "green.toml"
    assert answer.problem == f"{expected}{file}: access.prometheus.{keys}"
    assert served.problem == f"{expected}{file}: access.health.{keys}"
    assert f"{expected}{file}: access.balancer_control.{keys}" in str(refused.value)


def test_a_wrong_log_in_names_the_variable_and_no_secret(tmp_path: Path) -> None:
    with server(Wants({"Authorization": "Bearer x"}, echo=True)) as url:
        target = target_of(tmp_path, url, *TENANT_AND_TOKEN)
        got = get(url, target.access.prometheus, max_bytes=10_000)
        assert "access.prometheus.token (variable KIRANA_TEST_TOKEN)" in got.problem
        assert TOKEN not in f"{got}{target!r}{target.access!r}"
        with pytest.raises(MonitoringError) as refused:
            PrometheusApi(url, target.access.prometheus).types()
    assert '-H "Authorization: Bearer $KIRANA_TEST_TOKEN"' in str(refused.value)
    assert "-H 'X-Scope-OrgID: shop'" in str(refused.value)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("status", [400, 500])
def test_a_secret_that_an_error_repeats_is_hidden(tmp_path: Path, status: int) -> None:
    with server(Wants({"never": "sent"}, status, echo=True)) as url:
        for lines in (TENANT_AND_TOKEN, BASIC, SECRET_HEADER):
            target = target_of(tmp_path, url, *lines)
            source = Prometheus(url, target.access.prometheus)
            problem = source.samples("up", timedelta(seconds=60), time()).problem
            assert "***" in problem
            assert not any(secret in problem for secret in target.access.prometheus.secrets)
            assert set(target.access.prometheus.secrets) <= set(target.secrets.values())


def test_a_redirect_to_a_log_in_names_the_keys(tmp_path: Path) -> None:
    with server(Wants({"a": "b"}, 302, location="/login?token=x")) as url:
        target = target_of(tmp_path, url)
        got = get(url, target.access.prometheus, max_bytes=1000)
    assert "the response leads to '/login', and redirects are not followed" in got.problem
    assert "access.prometheus.token, credentials" in got.problem


def test_without_the_variable_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KIRANA_TEST_TOKEN")
    wants = Wants()
    with server(wants) as url:
        target = target_of(tmp_path, url, *TENANT_AND_TOKEN)
        got = get(url, target.access.prometheus, max_bytes=1000)
        client = StoreClient(target, load(), "run", "")
        with pytest.raises(UnexpectedAnswerError, match="KIRANA_TEST_TOKEN is not set"):
            client.ask("health")
        client.close()
    assert wants.paths == []
    assert got.problem.startswith("the environment variable KIRANA_TEST_TOKEN is not set; ")
    assert got.problem.endswith("green.toml: access.prometheus.token names")
    assert target.unset.count("KIRANA_TEST_TOKEN") == 1


def test_the_curl_line_of_a_check_names_variables_and_files(tmp_path: Path) -> None:
    with server(Wants({"never": "sent"})) as url:
        client = StoreClient(target_of(tmp_path, url, *BASIC), load(), "run", "")
        with pytest.raises(UnexpectedAnswerError) as refused:
            client.ask("health")
        client.close()
    assert 'curl -u "$KIRANA_TEST_LOGIN" -i -X GET' in str(refused.value)
    assert WORD not in str(refused.value)


WRONG = {
    "a token in the file": (('token = "eyJhbGciOi"',), "the name of an environment variable"),
    "two log-ins": (('token = "KIRANA_A"', 'credentials = "KIRANA_B"'), "a token or credentials"),
    "a secret header in the file": (
        ('headers = { Authorization = "Bearer x" }',),
        "name its environment variable in secret_",
    ),
    "a header with a line break": (('headers = { A = "b\\nc" }',), "printable ASCII"),
    "a name that is no header": (('headers = { "A b" = "c" }',), "expected the name of a header"),
    "a header of the client": (('headers = { Host = "c" }',), "expected the name of a header"),
    "a CA without TLS": (('ca_file = "ca.pem"',), "needs an https:// address in addresses."),
    "an unknown proxy": (('proxy = "http://p"',), "expected one of none, system"),
    "an unknown key": (('pin = "KIRANA_A"',), "unknown key"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_refused(tmp_path: Path, name: str) -> None:
    lines, message = WRONG[name]
    with pytest.raises(ConfigurationError, match=message) as refused:
        target_of(tmp_path, "http://127.0.0.1:1", "\n".join(("[access.prometheus]", *lines)))
    assert "green.toml: access.prometheus" in str(refused.value)


def test_credentials_are_a_user_and_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIRANA_TEST_LOGIN", WORD)
    with pytest.raises(ConfigurationError, match="USER:PASSWORD") as refused:
        target_of(tmp_path, "http://127.0.0.1:1", *BASIC)
    assert WORD not in str(refused.value)


def test_the_deadline_of_a_query_is_the_targets(tmp_path: Path) -> None:
    lines = ("[access.prometheus]\nquery_deadline_seconds = 33",)
    assert target_of(tmp_path, "http://h", *lines).access.prometheus.deadline_seconds == 33
    assert target_of(tmp_path, "http://h").access.prometheus.deadline_seconds == 10


class Authority:
    """A CA with certificates of a server and of a client."""

    def __init__(self, folder: Path, name: str = "127.0.0.1") -> None:
        authority = trustme.CA()
        self.ca, self.client = folder / "ca.pem", folder / "client.pem"
        authority.cert_pem.write_to_path(self.ca)
        authority.issue_cert("gate").private_key_and_cert_chain_pem.write_to_path(self.client)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        self.strict = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.strict)
        authority.configure_trust(self.strict)
        self.strict.verify_mode = ssl.CERT_REQUIRED


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def problem_of(target: Target, url: str) -> str:
    return get(url, target.access.prometheus, max_bytes=10_000).problem


def test_an_own_ca_and_a_client_certificate_are_used(tmp_path: Path, authority: Authority) -> None:
    certificates = (f'ca_file = "{authority.ca}"', f'certificate_file = "{authority.client}"')
    with server(Wants(), authority.strict) as url:
        target = target_of(tmp_path, url, *tables(*certificates))
        assert problem_of(target, url) == ""
        assert served_build(target).problem == ""
        client = StoreClient(target, load(), "run", "")
        assert client.other_method("GET", "health", {}) == 200
        client.close()
        curl = PrometheusApi(url, target.access.prometheus).curl("up")
    assert f"--cacert {authority.ca} --cert {authority.client}" in curl


def test_tls_errors_name_the_key(tmp_path: Path, authority: Authority) -> None:
    place = f"{tmp_path / 'green.toml'}: access.prometheus"
    with server(Wants(), authority.strict) as url:
        no_ca = problem_of(target_of(tmp_path, url), url)
        lines = tables(f'ca_file = "{authority.ca}"')
        no_certificate = problem_of(target_of(tmp_path, url, *lines), url)
        client = StoreClient(target_of(tmp_path, url), load(), "run", "")
        with pytest.raises(UnexpectedAnswerError, match=r"access\.api\.ca_file"):
            client.ask("health")
        client.close()
    assert no_ca.startswith("TLS: the server's certificate is not accepted")
    assert no_ca.endswith(f"set {place}.ca_file to the file of the server's CA")
    assert f"set {place}.certificate_file and key_file" in no_certificate


def test_http_to_a_server_with_tls_names_the_address(tmp_path: Path, authority: Authority) -> None:
    with server(Wants(), authority.context) as url:
        plain = url.replace("https", "http")
        problem = problem_of(target_of(tmp_path, plain), plain)
    assert f"addresses.prometheus in {tmp_path / 'green.toml'} must begin with https://" in problem
    with server(Wants()) as url:
        secure = url.replace("http", "https")
        problem = problem_of(target_of(tmp_path, secure), secure)
    assert f"addresses.prometheus in {tmp_path / 'green.toml'} must begin with http://" in problem


def test_a_certificate_of_another_name_names_the_address(tmp_path: Path) -> None:
    other = Authority(tmp_path, "other.localhost")
    with server(Wants(), other.context) as url:
        target = target_of(tmp_path, url, *tables(f'ca_file = "{other.ca}"'))
        assert "use a host name of the certificate in addresses." in problem_of(target, url)


@pytest.mark.parametrize(
    ("key", "content"), [("ca_file", None), ("ca_file", "x"), ("certificate_file", "x")]
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, key: str, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.pem").write_text(content)
    url = "https://127.0.0.1:1"
    problem = problem_of(target_of(tmp_path, url, *tables(f'{key} = "x.pem"')), url)
    assert f"access.prometheus.{key}: {tmp_path / 'x.pem'}" in problem


def test_proxies_of_the_system_are_used_where_the_target_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants = Wants()
    url = "http://store.invalid:8000/api/v1/query"
    with server(wants) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        target = target_of(tmp_path, "http://h", *tables('proxy = "system"'))
        assert problem_of(target, url) == ""
        assert wants.paths == [url]
        direct = target_of(tmp_path, "http://h")
        assert problem_of(direct, url) != ""
        assert wants.paths == [url]


def test_a_proxy_is_never_used_for_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Wants({"never": "sent"})
    with server(proxy) as proxy_url, server(Wants()) as url:
        monkeypatch.setenv("http_proxy", proxy_url)
        monkeypatch.delenv("no_proxy", raising=False)
        target = target_of(tmp_path, url, *tables('proxy = "system"'))
        assert problem_of(target, url) == ""
        client = StoreClient(target, load(), "run", "")
        assert client.other_method("GET", "health", {}) == 200
        client.close()
    assert proxy.paths == []


def test_no_secret_is_in_the_evidence_that_the_ledger_keeps(tmp_path: Path) -> None:
    target = target_of(tmp_path, "http://h", *TENANT_AND_TOKEN)
    nobody = ServedBuild(Measured.NO_DATA, 0, None, "", "", "")
    evidence = Evidence(target=target, served=nobody, runs=(), samples={})
    kept = json.dumps(codec.to_json(evidence))
    assert "green" in kept
    assert TOKEN not in kept


def test_a_rollback_logs_in_with_a_file_that_has_mistakes(tmp_path: Path) -> None:
    lines = (*TENANT_AND_TOKEN[2:], "[access.health]\nunknown = 1")
    path = tmp_path / "green.toml"
    path.write_text("\n".join((GREEN.replace("[expected]", "[unexpected]"), *lines)))
    read = salvage.read(path)
    assert read.access.balancer_control.token == TOKEN
    assert read.access.health.token == ""
    assert any("access.health.unknown: unknown key" in problem for problem in read.problems)


def test_no_log_in_goes_to_another_server(tmp_path: Path) -> None:
    target = target_of(tmp_path, "http://127.0.0.1:7001", *TENANT_AND_TOKEN)
    assert target.access_of("http://127.0.0.1:7001/-/healthy").token == TOKEN
    assert target.access_of("http://127.0.0.1:7002/-/healthy").token == ""
