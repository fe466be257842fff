"""The command ``gates serve``: where it listens, how it ends, TLS, and what it needs."""

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from in_process import gates
from proving import passing
from serving import started
from worlds import ROOT, environment

from gates.serve.server import warnings_of
from gates.serve.settings import ServeSettings, TlsFiles

TOKEN = "token-" * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: int) -> None:
    with passing(tmp_path) as place:
        options = ("--out", str(place.out), "--targets", str(place.folder / "targets"))
        with (
            started(*options) as running,
            running.connected() as connection,
            running.connected() as event_connection,
        ):
            connection.request("GET", "/v1/metrics-web/green/ramp-30")
            assert b'"go":true' in connection.getresponse().read()
            event_connection.request("GET", "/events")
            events = event_connection.getresponse()
            assert events.readline() == b"retry: 2000\n"
            running.process.send_signal(number)
            _, err = running.process.communicate(timeout=20)
            assert events.read().endswith(b"\n\n")
    assert running.process.returncode == 0, err
    assert re.match(
        r"serve: decision go about stage ramp-30 of target green, ledger entry [0-9a-f]{12}, "
        r"[\d.]+ s\n",
        err,
    )
    assert "Traceback" not in err


def request(port: int, context: ssl.SSLContext, **headers: str) -> int:
    """The status of a request over TLS; 0 where the server refuses the connection."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    try:
        connection.request("GET", "/metrics", headers=headers)
        return connection.getresponse().status
    except (ssl.SSLError, ConnectionError):
        return 0
    finally:
        connection.close()


def test_with_a_client_authority_only_its_certificates_are_accepted(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    files = {"--certificate": "server.pem", "--key": "server.pem", "--client-ca": "ca.pem"}
    options = [part for name, file in files.items() for part in (name, str(tmp_path / file))]
    anonymous, known, unknown = (ssl.create_default_context() for _ in range(3))
    for context in (anonymous, known, unknown):
        authority.configure_trust(context)
    authority.issue_cert("pipeline.example").configure_cert(known)
    stranger.issue_cert("pipeline.example").configure_cert(unknown)
    with started(*options, "--no-loopback-exception", "--out", str(tmp_path / "out")) as running:
        statuses = [request(running.port, context) for context in (known, anonymous, unknown)]
    assert statuses == [200, 0, 0]


def test_the_token_of_the_environment_is_asked_for(tmp_path: Path) -> None:
    options = ("--no-loopback-exception", "--out", str(tmp_path / "out"))
    with started(*options, KIRANA_SERVE_TOKEN=TOKEN) as running:
        statuses = []
        for header in ({}, {"Authorization": f"Bearer {TOKEN}"}):
            with running.connected() as connection:
                connection.request("GET", "/metrics", headers=header)
                statuses.append(connection.getresponse().status)
    assert statuses == [401, 200]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path, module: str) -> None:
    (tmp_path / f"{module}.py").write_text(f'raise ModuleNotFoundError(name="{module}")')
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "gates", "serve", "--out", str(tmp_path)],
        cwd=tmp_path,
        text=True,
        env={**environment(), "PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"gates: {module} is not installed; run: pip install 'kirana-gates[serve]'\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--listen", "8765"), "expected an IP address and a port"),
        (("--listen", "example.org:80"), "expected an IP address and a port"),
        (("--listen", "127.0.0.1:65536"), "expected an IP address and a port"),
        (("--listen", "192.0.2.1:0"), "--listen: cannot listen on 192.0.2.1, port 0"),
        (("--policy", "none.toml"), "none.toml"),
        (("--certificate", "cert.pem"), "TLS needs --certificate FILE and --key FILE"),
        (("--client-ca", "ca.pem"), "TLS needs --certificate FILE and --key FILE"),
        (("--certificate", "none.pem", "--key", "none.pem"), "none.pem: the file does not exist"),
        (("--certificate", "Makefile", "--key", "Makefile"), "cannot use the TLS files"),
        (("--time-limit", "0"), "--time-limit"),
        (("--time-limit", "11m"), "--time-limit"),
    ],
)
def test_a_mistake_in_the_command_line_is_exit_2(options: tuple[str, ...], message: str) -> None:
    done = gates("serve", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_token_that_is_too_short_is_exit_2() -> None:
    done = gates("serve", variables={"KIRANA_SERVE_TOKEN": "short"})
    assert (done.code, done.out) == (2, "")
    assert "expected a token of at least 16" in done.err


@pytest.mark.parametrize(
    ("settings", "host", "warnings"),
    [
        (ServeSettings(), "127.0.0.1", []),
        (ServeSettings(token=TOKEN), "127.0.0.1", []),
        (ServeSettings(), "0.0.0.0", ["other machines have no access"]),  # noqa: S104 - the case
        (ServeSettings(loopback_exception=False), "127.0.0.1", ["no client has access"]),
        (ServeSettings(token=TOKEN), "::", ["the token is sent without encryption"]),
        (ServeSettings(token=TOKEN, tls=TlsFiles("c", "k")), "::", []),
        (ServeSettings(loopback_exception=False, tls=TlsFiles("c", "k", "a")), "::", []),
    ],
)
def test_who_cannot_ask_or_what_is_not_encrypted_is_a_warning(
    settings: ServeSettings, host: str, warnings: list[str]
) -> None:
    sentences = warnings_of(settings, host)
    assert [sentence.partition(":")[0] for sentence in sentences] == warnings
