"""What the security suite reads and writes besides the store: findings, history, audits."""

import copy
import json
import os
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from suites.contract import document
from suites.probes import openapi
from suites.probes.api import Exchange, NotLookedAtError, Observation
from suites.probes.bounds import unknown_fields
from suites.probes.dependencies import npm_audit, pip_audit
from suites.probes.sarif import curl, fingerprint, sarif
from suites.probes.secrets import history
from suites.security.accepted import AcceptedFindingsError, read, still_open
from suites.security.surface import good_call

TODAY = date(2026, 11, 22)
FOUND = Observation("cors", "GET health", found=True, sentence="an origin may read")
ENTRY = (
    '[[accepted]]\nrule = "cors"\nplace = "GET health"\nowner = "a"\nreason = "b"\nexpires = {}\n'
)


def accepted_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "accepted.toml"
    path.write_text(text)
    return path


def test_a_finding_is_accepted_until_its_day(tmp_path: Path) -> None:
    path = accepted_file(tmp_path, ENTRY.format("2026-12-01"))
    clear = Observation("cors", "GET health", found=False, sentence="nothing")
    assert still_open([FOUND, clear], read(path), TODAY) == []
    for later in (date(2026, 12, 1), date(2027, 1, 1)):
        assert still_open([FOUND], read(path), later) == [FOUND]
    elsewhere = Observation("cors", "GET other", found=True, sentence="an origin may read")
    assert still_open([elsewhere], read(path), TODAY) == [elsewhere]


@pytest.mark.parametrize(
    "text",
    [
        ENTRY.format('"2026-12-01"'),
        ENTRY.format("2026-12-01T00:00:00Z"),
        ENTRY.format("2026-12-01").replace('owner = "a"', 'owner = " "'),
        ENTRY.format("2026-12-01").replace('rule = "cors"', 'rule = "crs"'),
        ENTRY.format("2026-12-01").replace('reason = "b"\n', ""),
        ENTRY.format("2026-12-01") + "forever = true\n",
    ],
)
def test_an_acceptance_that_lacks_something_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AcceptedFindingsError, match="entry 1"):
        read(accepted_file(tmp_path, text))


def test_the_file_that_is_shipped_accepts_nothing() -> None:
    assert read() == ()


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True,
                   capture_output=True)  # fmt: skip


def test_a_secret_that_was_taken_out_again_is_still_in_the_history(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    settings = tmp_path / "settings.py"
    settings.write_text("DEBUG = False\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    assert [one.found for one in history(tmp_path)] == [False]
    settings.write_text(f'api_key = "{"k3y" * 8}"\n')
    git(tmp_path, "commit", "-qam", "two")
    settings.write_text("DEBUG = False\n")
    git(tmp_path, "commit", "-qam", "three")
    found = [one for one in history(tmp_path) if one.found]
    assert [one.place for one in found] == ["settings.py in history"]
    assert "k3yk3y" not in found[0].sentence


def test_what_is_no_repository_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NotLookedAtError, match="no history"):
        list(history(tmp_path))


PIP = {"dependencies": [{"name": "a", "version": "1", "vulns": []},
                        {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}]}  # fmt: skip
NPM = {"auditReportVersion": 2, "vulnerabilities": {"c": {"severity": "high"}},
       "metadata": {"dependencies": {"total": 9}}}  # fmt: skip


def test_audits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(PIP))
    assert [(one.place, one.found) for one in pip_audit(path, 24)] == [
        ("pip a", False), ("pip b", True)]  # fmt: skip
    path.write_text(json.dumps(NPM))
    assert [(one.place, one.found) for one in npm_audit(path, 24)] == [
        ("npm c", True), ("npm", False)]  # fmt: skip


NO_AUDIT = {
    "no JSON": "{",
    "a list": "[]",
    "nothing audited": '{"dependencies": []}',
    "one skipped": '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}',
    "version 1": '{"auditReportVersion": 1, "advisories": {}}',
    "no total": '{"auditReportVersion": 2, "vulnerabilities": {}}',
}


@pytest.mark.parametrize("what", NO_AUDIT)
def test_an_audit_that_audited_nothing_is_not_looked_at(tmp_path: Path, what: str) -> None:
    path = tmp_path / "audit.json"
    path.write_text(NO_AUDIT[what])
    for reader in (pip_audit, npm_audit):
        with pytest.raises(NotLookedAtError):
            list(reader(path, 24))


def test_an_audit_that_is_missing_or_old_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    with pytest.raises(NotLookedAtError, match="FileNotFoundError"):
        list(pip_audit(path, 24))
    path.write_text(json.dumps(PIP))
    old = time.time() - timedelta(hours=25).total_seconds()
    os.utime(path, (old, old))
    with pytest.raises(NotLookedAtError, match=r"25\.0 h old"):
        list(pip_audit(path, 24))


def test_sarif_masks_what_it_shows_and_knows_a_finding_again() -> None:
    secret = "hidden-signing-key"  # noqa: S105 - it is none
    exchange = Exchange("POST", "http://127.0.0.1/x", '{"password": "pass word 1"}', 200, {},
                        f"key {secret} eyJhbGciOiJI.eyJzdWIiOiJ1c.c2lnbmF0dXJl", 0.1)  # fmt: skip
    one = Observation("cors", "GET /users/usr_20261122-1-main_abc", True, f"saw {secret}", exchange)  # noqa: FBT003
    other = Observation("cors", "GET /users/usr_20261123-9-gw1_def", True, "saw", exchange)  # noqa: FBT003
    text = json.dumps(sarif([one], (secret,))) + curl(exchange)
    assert secret not in text
    assert "pass word 1" not in text
    assert "eyJzdWIiOiJ1c" not in text
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(FOUND)


def test_a_new_operation_of_the_contract_is_probed_without_touching_the_suite() -> None:
    contract = copy.deepcopy(document())
    body = {"application/json": {"schema": {
        "type": "object", "additionalProperties": False, "required": ["order_id", "stars"],
        "properties": {"order_id": {"type": "string"}, "stars": {"type": "integer", "maximum": 5}},
    }}}  # fmt: skip
    review = {"operationId": "review", "requestBody": {"content": body}, "responses": {"201": {}}}
    contract["paths"]["/api/reviews"] = {"post": review}
    found = next(one for one in openapi.endpoints(contract) if one.name == "review")
    call = good_call(found, {"order_id": "ord_1"})
    assert (found.secured, call.body) == (True, {"order_id": "ord_1", "stars": 1})
    assert [place.name for place in openapi.places(found, call)] == ["order_id", "stars"]
    assert [name for name, _ in unknown_fields(found, call)] == ["unknown_field"]
    assert len(openapi.endpoints(contract)) == len(openapi.endpoints(document())) + 1
