"""The scan on services that nobody tuned it to: what it finds, and what it does not invent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clinic
import market
import odd_services
import pytest
from worlds import ROOT, Done, run

MIN_FOUND = 14
MAX_LINES = 10
SLOW = pytest.mark.slow
ACCOUNTS = {
    "clinic": ("logIn", clinic.MEMBER, clinic.SECOND, clinic.ADMIN),
    "market": ("signIn", market.BUYER, market.SECOND, market.ADMIN),
}
PASSWORDS = {"clinic": clinic.PASSWORD, "market": market.PASSWORD}


def described(folder: Path, document: Any) -> Path:
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    return path


def scan(name: str, url: str, folder: Path, *arguments: str) -> Done:
    """Scan a service with its three accounts."""
    document = {"clinic": clinic.OPENAPI, "market": market.OPENAPI}[name]
    log_in, user, second, admin = ACCOUNTS[name]
    path = described(folder, document)
    given = ("--login", log_in, "--user", user, "--user2", second, "--admin", admin)
    return run(
        "suites.scanner",
        "scan",
        "--openapi",
        str(path),
        "--url",
        url,
        *given,
        "--own-host",
        "clinic.example",
        *arguments,
        variables={"SCAN_PASSWORD": PASSWORDS[name]},
    )


def places_of(output: str) -> set[tuple[str, str]]:
    """Rule and place of each observation of a finding."""
    return {
        (finding["rule"], place)
        for finding in json.loads(output)["findings"]
        for place in finding["places"]
    }


def missed(weaknesses: Any, findings: set[tuple[str, str]]) -> list[str]:
    return [
        name
        for name, (rule, part) in weaknesses.items()
        if not any(rule_id == rule and part in place for rule_id, place in findings)
    ]


@SLOW
def test_the_weaknesses_of_the_clinic_are_found(tmp_path: Path) -> None:
    with clinic.clinic() as url:
        done = scan("clinic", url, tmp_path, "--json")
    assert done.code == 1, done.err
    not_found = missed(clinic.WEAKNESSES, places_of(done.out))
    assert len(clinic.WEAKNESSES) - len(not_found) >= MIN_FOUND, not_found


@SLOW
def test_the_weaknesses_of_the_market_are_found(tmp_path: Path) -> None:
    with market.market() as url:
        done = scan("market", url, tmp_path, "--json")
    assert done.code == 1, done.err
    not_found = missed(market.WEAKNESSES, places_of(done.out))
    assert len(market.WEAKNESSES) - len(not_found) >= MIN_FOUND, not_found


@SLOW
@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_fixed_form_has_no_finding_and_few_lines(name: str, tmp_path: Path) -> None:
    service = {"clinic": clinic.clinic, "market": market.market}[name]
    with service(()) as url:
        done = scan(name, url, tmp_path)
    assert done.code == 0, done.out + done.err
    assert "FINDING" not in done.out
    assert "could not be tested" not in done.out
    assert len(done.out.strip().splitlines()) <= MAX_LINES


@SLOW
def test_again_lines_show_their_findings_again(tmp_path: Path) -> None:
    weak = {"read of another's record", "role at registration", "stack traces"}
    with clinic.clinic(weak) as url:
        done = scan("clinic", url, tmp_path)
        lines = done.out.splitlines()
        before = [line.removeprefix("before: ") for line in lines if line.startswith("before: ")]
        again = {
            lines[number - 1].split()[1]: line.strip().removeprefix("again: ")
            for number, line in enumerate(lines)
            if line.strip().startswith("again: ") and lines[number - 1].startswith("FINDING")
        }
        read = next(
            line.strip().removeprefix("again: ")
            for line in lines
            if "again: " in line and "/v1/records/" in line and "-X GET" in line
        )
        pasted = {name: shell([*before, line]) for name, line in {**again, "read": read}.items()}
    assert PASSWORDS["clinic"] not in done.out
    assert "HTTP/1.0 200" in pasted["read"]
    assert '"diagnosis"' in pasted["read"]
    assert "HTTP/1.0 202" in pasted["mass-assignment"]
    assert "Traceback" in pasted["error-details"]


def shell(lines: list[str]) -> str:
    """What a shell prints for these lines, with the password in the environment."""
    script = "\n".join(lines)
    variables = {**os.environ, "SCAN_PASSWORD": clinic.PASSWORD}
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, env=variables, timeout=30
    )
    return done.stdout


def scan_odd(url: str, folder: Path, document: Any, *arguments: str) -> Done:
    path = described(folder, document)
    return run("suites.scanner", "scan", "--openapi", str(path), "--url", url, *arguments)


@SLOW
def test_a_service_that_repeats_its_input_gives_no_finding(tmp_path: Path) -> None:
    with odd_services.echo() as url:
        done = scan_odd(url, tmp_path, odd_services.ECHO, "--time-budget", "120")
    assert (done.code, done.err) == (0, ""), done.out
    assert "FINDING" not in done.out


@SLOW
def test_a_request_that_hangs_is_a_finding_with_its_payload(tmp_path: Path) -> None:
    with odd_services.hang(all_requests=False) as url:
        done = scan_odd(url, tmp_path, odd_services.HANG, "--timeout", "1", "--time-budget", "90")
    assert done.code == 1
    (finding,) = [line for line in done.out.splitlines() if line.startswith("FINDING")]
    assert "service-hang" in finding
    assert "addName twice gave no response to the body {'name': 'a\\x00b'};" in finding


@SLOW
def test_a_service_that_is_lost_ends_the_scan_with_a_finding(tmp_path: Path) -> None:
    started = time.monotonic()
    with odd_services.hang(all_requests=True) as url:
        done = scan_odd(url, tmp_path, odd_services.HANG, "--timeout", "1", "--time-budget", "60")
    assert done.code == 1
    assert (
        "could not be tested: the service has not answered since a request to addName" in done.out
    )
    assert "after the body {'name': 'a\\x00b'} the service does not answer any more" in done.out
    assert time.monotonic() - started < 70


@SLOW
def test_the_time_budget_ends_the_scan_with_what_it_found(tmp_path: Path) -> None:
    with clinic.clinic() as url:
        started = time.monotonic()
        done = scan("clinic", url, tmp_path, "--time-budget", "2")
        seconds = time.monotonic() - started
    assert done.code in (1, 3)
    assert "could not be tested: the time budget of 2 s is over; not tested: the parts " in done.out
    assert seconds < 30


@SLOW
def test_an_interrupted_scan_prints_and_writes_what_it_found(tmp_path: Path) -> None:
    path, sarif = described(tmp_path, clinic.OPENAPI), tmp_path / "scan.sarif"
    log_in, user, second, admin = ACCOUNTS["clinic"]
    with clinic.clinic() as url:
        command = [
            sys.executable,
            "-m",
            "suites.scanner",
            "scan",
            "--openapi",
            str(path),
            "--url",
            url,
            "--login",
            log_in,
            "--user",
            user,
            "--user2",
            second,
            "--admin",
            admin,
            "--sarif",
            str(sarif),
        ]
        environment = {**os.environ, "SCAN_PASSWORD": clinic.PASSWORD, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            deadline = time.monotonic() + 60
            while (
                not sarif.exists() or sarif.stat().st_size < 100
            ) and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    assert "could not be tested: stopped by the user; not tested: the parts " in out
    assert process.returncode == 1
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    assert "weak-token-key" in {result["ruleId"] for result in results}
    assert "FINDING" in out


@SLOW
def test_excluded_and_destructive_operations_are_left_out(tmp_path: Path) -> None:
    with clinic.clinic(()) as url:
        done = scan(
            "clinic", url, tmp_path, "--details", "--exclude", "PATCH /v1/me", "--time-budget", "6"
        )
    assert "updateMe is left out: --exclude names it" in done.out
    assert "createDatabase is left out: its name suggests that it destroys data" in done.out
    with clinic.clinic(()) as url:
        wrong = scan("clinic", url, tmp_path, "--exclude", "nothing")
    assert (wrong.code, "no operation 'nothing'" in wrong.err) == (2, True)
