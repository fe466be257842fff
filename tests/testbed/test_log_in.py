"""The gate logs in to a real Prometheus: basic authentication, TLS and client certificates."""

import json
from datetime import timedelta
from pathlib import Path
from time import time

import pytest
from in_process import gates
from secured_prometheus import USER, Certificates, kept_texts, prometheus, web_config
from worlds import ROOT

from gates.model import Access, Measured
from gates.policy import target_file
from gates.sources.prometheus import Prometheus

pytestmark = pytest.mark.slow

GREEN = (ROOT / "targets" / "green.toml").read_text()
WORD = "pass" + "word" * 2
VARIABLE = "KIRANA_TEST_LOGIN"
LOGIN = f'credentials = "{VARIABLE}"'
HEAD = "[access.prometheus]"


def test_each_missing_part_of_the_log_in_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Prometheus, four target files: each message names the key that the next file has."""
    files = Certificates.write(tmp_path)
    credentials = f"{USER}:{WORD}"
    whole = Access(
        5.0,
        credentials=credentials,
        ca_file=files.ca,
        certificate_file=files.client,
        key_file=files.client_key,
    )
    ca, client = f'ca_file = "{files.ca}"', f'certificate_file = "{files.client}"'
    client += f'\nkey_file = "{files.client_key}"'
    own = [{"job_name": "own", "static_configs": []}]
    web = web_config(files, WORD, with_client=True)
    with prometheus(tmp_path / "prometheus", web, own, whole) as url:

        def problem(*lines: str) -> str:
            path = tmp_path / "green.toml"
            path.write_text("\n".join((GREEN.replace("http://127.0.0.1:9090", url), *lines)))
            target = target_file.load("green", tmp_path)
            source = Prometheus(url, target.access.prometheus)
            answer = source.samples("up", timedelta(seconds=60), time())
            assert answer.measured is not Measured.OK
            return answer.problem

        place = f"{tmp_path / 'green.toml'}: access.prometheus"
        assert f"set {place}.ca_file" in problem(HEAD)
        assert f"set {place}.certificate_file and key_file" in problem(HEAD, ca)
        assert f"set {place}.token, credentials" in problem(HEAD, ca, client)
        unset = problem(HEAD, ca, client, LOGIN)
        assert f"{VARIABLE} is not set; set the variable that {place}.credentials names" in unset
        monkeypatch.setenv(VARIABLE, credentials + "x")
        assert f"correct {place}.credentials (variable {VARIABLE})" in problem(
            HEAD, ca, client, LOGIN
        )
        monkeypatch.setenv(VARIABLE, credentials)
        assert problem(HEAD, ca, client, LOGIN) == "no series matches"
        done = gates(
            "check",
            "ramp-10",
            "--target",
            "green",
            "--targets",
            str(tmp_path),
            "--out",
            str(tmp_path / "out"),
            "--json",
        )
    assert done.code == 3
    assert json.loads(done.out)["decision"] == "hold"
    texts = [done.out, done.err, *kept_texts(tmp_path / "out")]
    assert len(texts) > 3
    assert [text for text in texts if any(secret in text for secret in whole.secrets)] == []
