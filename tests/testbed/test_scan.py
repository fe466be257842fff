"""The scan on a service that is not the store: its eight weaknesses, and none on its twin."""

import json
import random
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jsonschema import Draft7Validator
from lending import OPENAPI, PASSWORD, USER, WEAKNESSES, library
from worlds import ROOT, Done, run

from suites.probes.rules import RULES


def scan(url: str, folder: Path, *arguments: str, password: str = PASSWORD) -> Done:
    description = folder / "openapi.json"
    description.write_text(json.dumps(OPENAPI))
    return run(
        "suites.scanner",
        "scan",
        "--openapi",
        str(description),
        "--url",
        url,
        "--login",
        "signIn",
        "--user",
        USER,
        *arguments,
        variables={"SCAN_PASSWORD": password},
    )


def test_it_finds_the_planted_weaknesses_and_says_of_every_probe_what_came_of_it(
    tmp_path: Path,
) -> None:
    with library(weak=True) as url:
        done = scan(url, tmp_path, "--json")
    assert done.code == 1, done.err
    report = json.loads(done.out)
    assert {finding["rule"] for finding in report["findings"]} == WEAKNESSES | {"csp"}
    assert set(report["probes"]) == set(RULES)
    for rule, outcome in report["probes"].items():
        is_planted = rule in WEAKNESSES | {"csp"}
        assert bool(re.match(r"\d+ findings? in \d+ tested places", outcome)) == is_planted, (
            rule,
            outcome,
        )
        assert is_planted or outcome.startswith(("no finding in ", "not applicable: ")), (
            rule,
            outcome,
        )


@pytest.mark.slow  # proof-security runs it
def test_the_earlier_name_of_the_command_is_accepted() -> None:
    names = [run(module, "scan", "--help") for module in ("suites.probes", "suites.scanner")]
    assert [(done.code, done.err) for done in names] == [(0, ""), (0, "")]
    assert names[0].out == names[1].out
    assert "python -m suites.scanner scan" in names[0].out


def test_it_finds_nothing_on_the_fixed_twin(tmp_path: Path) -> None:
    with library(weak=False) as url:
        done = scan(url, tmp_path, "--details")
    assert done.code == 0, done.out + done.err
    assert "FINDING" not in done.out
    assert "sql-injection           no finding in" in done.out


def results_of(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text())
    schema = json.loads((ROOT / "tests" / "support" / "sarif-schema-2.1.0.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(content)] == []
    sarif_results: list[dict[str, Any]] = content["runs"][0]["results"]
    return sarif_results


@pytest.mark.slow  # proof-security runs it
def test_sarif_is_valid_and_its_fingerprints_survive_a_new_run(tmp_path: Path) -> None:
    prints = []
    for name in ("one", "two"):
        with library(weak=True) as url:
            assert scan(url, tmp_path, "--sarif", str(tmp_path / name)).code == 1
        sarif_results = results_of(tmp_path / name)
        assert PASSWORD not in (tmp_path / name).read_text()
        prints.append(
            sorted(finding["partialFingerprints"]["place/v1"] for finding in sarif_results)
        )
    assert prints[0] == prints[1]
    assert len(set(prints[0])) >= len(WEAKNESSES)


@pytest.mark.slow  # proof-security runs it
def test_what_cannot_be_looked_at_is_an_error_and_no_clean_bill(tmp_path: Path) -> None:
    nobody = scan("http://127.0.0.1:1", tmp_path)
    with library(weak=False) as url:
        refused = scan(url, tmp_path, password=f"{PASSWORD}!")
        unknown = scan(url, tmp_path, "--login", "signin")
    assert (nobody.code, refused.code, unknown.code) == (3, 3, 2)
    assert "UnreachableError" in nobody.err or "Connection refused" in nobody.err
    assert "signIn answers 403" in refused.err
    assert "no operation 'signin'" in unknown.err


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        pytest.param("http://example.com", marks=pytest.mark.slow),  # proof-security runs it
        "https://10.0.0.1",
    ],
)
def test_attacks_go_to_loopback_only(tmp_path: Path, url: str) -> None:
    done = scan(url, tmp_path)
    assert done.code == 2
    assert "is not a loopback address" in done.err


def test_a_file_that_is_no_description_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("swagger: '2.0'\npaths: {}\n")
    done = run("suites.scanner", "scan", "--openapi", str(other), "--url", "http://127.0.0.1:1")
    assert done.code == 2
    assert "not an OpenAPI 3 document" in done.err


class Odd(BaseHTTPRequestHandler):
    """A safe service that answers oddly: always with one status, or differently each time."""

    statuses: ClassVar[Iterator[int]]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""

    def do_GET(self) -> None:
        content = json.dumps({"items": [1] * random.randrange(9)}).encode()
        self.send_response(next(self.statuses))
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": "frame-ancestors 'none'",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_OPTIONS = do_GET  # noqa: N815 - names of http.server


def asked_oddly(tmp_path: Path, statuses: Iterator[int], secured: bool) -> Done:
    handler = type(
        "Answering", (Odd,), {"statuses": statuses, "server_version": "odd", "sys_version": ""}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path / "odd.yaml"
    security = "[{bearer: []}]" if secured else "[]"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: odd, version: '1'}\npaths:\n  /things:\n    get:\n"
        f"      security: {security}\n      parameters:\n"
        "        - {name: since, in: query, schema: {type: string, example: 2026-01-01}}\n"
    )
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        return run("suites.scanner", "scan", "--openapi", str(path), "--url", url)
    finally:
        server.shutdown()
        server.server_close()


ODD = {
    "everything is missing": (repeat(404), False),
    "everything is closed, and nobody logs in": (repeat(401), True),
    "everything is broken": (repeat(500), False),
    "a limit is met on the way": (chain([200] * 50, repeat(429)), False),
    "the door closes on the way": (chain([200] * 40, repeat(401)), False),
}


@pytest.mark.parametrize(
    "what",
    [
        # proof-security runs the slow cases
        pytest.param(what, marks=[pytest.mark.slow] if number else [])
        for number, what in enumerate(ODD)
    ],
)
def test_a_service_that_cannot_be_looked_at_gets_no_clean_bill(tmp_path: Path, what: str) -> None:
    done = asked_oddly(tmp_path, *ODD[what])
    assert done.code != 0, done.out
    assert "could not be tested: " in done.out
    if what != "everything is broken":
        assert done.code == 3, done.out


@pytest.mark.slow  # proof-security runs it
def test_answers_that_vary_by_themselves_are_no_findings(tmp_path: Path) -> None:
    done = asked_oddly(tmp_path, repeat(200), secured=False)
    assert (done.code, done.err) == (0, ""), done.out


def test_a_token_that_is_blank_is_none(tmp_path: Path) -> None:
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(OPENAPI))
    done = run(
        "suites.scanner",
        "scan",
        "--openapi",
        str(description),
        "--url",
        "http://127.0.0.1:1",
        "--token",
        variables={"SCAN_TOKEN": ""},
    )
    assert (done.code, "SCAN_TOKEN is blank" in done.err) == (2, True)
