"""What the security suite reads and writes besides the store: findings, history, audits."""

import copy
import json
import os
import re
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from worlds import ROOT, TestWorld, run

from suites.contract import document
from suites.inspection.dependencies import npm_audit, pip_audit
from suites.inspection.secrets import SECRET, history
from suites.probes import openapi
from suites.probes.api import Exchange, NotLookedAtError, Observation
from suites.probes.bounds import unknown_fields
from suites.scanner.sarif import curl, fingerprint, sarif
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


def test_the_file_that_is_shipped_accepts_made_up_values_of_tests_only() -> None:
    assert {one.rule for one in read()} == {"exposed-secret"}
    files = {one.place.split(" ")[0] for one in read()}
    assert files == {
        "suites/security/test_edge.py", "tests/test_security_tools.py",
        "tests/test_store_log.py",
    }  # fmt: skip


def test_our_own_history_has_no_open_finding() -> None:
    assert still_open(history(ROOT), read(), TODAY) == []


def test_our_own_files_have_nothing_to_accept() -> None:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], check=True,
                            capture_output=True, text=True).stdout  # fmt: skip
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(files) > 300
    texts = {str(path): path.read_text(errors="replace") for path in files}
    assert [name for name, text in texts.items() if SECRET.search(text)] == []


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
    settings.write_text("DEBUG = True\n" * 2 + f'++ api_key = "{"k3y" * 8}"\n')
    git(tmp_path, "commit", "-qam", "four")
    settings.write_text(f'PASSWORD = "{"0ther" * 8}"\n')
    git(tmp_path, "commit", "-qam", "five")
    found = [one for one in history(tmp_path) if one.found]
    lines = [re.match(r"settings.py:(\d) of commit [0-9a-f]{12} ", one.sentence) for one in found]
    assert [line and line[1] for line in lines] == ["1", "3"]
    assert len({one.place for one in found}) == 2
    assert "k3yk3y" not in found[0].sentence + found[1].sentence
    assert f"`{found[1].place}`" in found[1].sentence
    accepted = accepted_file(tmp_path, "".join(
        ENTRY.format("2026-12-01").replace('"cors"', '"exposed-secret"').replace(
            "GET health", one.place) for one in found))  # fmt: skip
    assert still_open(found, read(accepted), TODAY) == []
    assert still_open(found, read(accepted)[1:], TODAY) == found[:1]


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
    with pytest.raises(
        NotLookedAtError, match="missing; create it with:  pip-audit --strict"
    ) as no:
        list(pip_audit(path, 24))
    assert str(no.value).endswith(f"-o {path}")
    with pytest.raises(NotLookedAtError, match=f"missing; create it with:  npm .* > {path} "):
        list(npm_audit(path, 24))
    path.write_text(json.dumps(PIP))
    old = time.time() - timedelta(hours=25).total_seconds()
    os.utime(path, (old, old))
    with pytest.raises(NotLookedAtError, match=r"25\.0 h old"):
        list(pip_audit(path, 24))


def test_sarif_masks_what_it_shows_and_knows_a_finding_again() -> None:
    hidden = "hidden-signing-key"
    exchange = Exchange("POST", "http://127.0.0.1/x", '{"password": "pass word 1"}', 200, {},
                        f"key {hidden} eyJhbGciOiJI.eyJzdWIiOiJ1c.c2lnbmF0dXJl", 0.1)  # fmt: skip
    one = Observation("cors", "GET /users/usr_20261122-1-main_abc", True, f"saw {hidden}", exchange)  # noqa: FBT003
    other = Observation("cors", "GET /users/usr_20261123-9-gw1_def", True, "saw", exchange)  # noqa: FBT003
    text = json.dumps(sarif([one], (hidden,))) + curl(exchange)
    assert hidden not in text
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


NO_FINDING = {
    "pip.json": {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
    "npm.json": {**NPM, "vulnerabilities": {}},
}


def test_the_scan_of_a_clean_clone_finds_nothing_and_says_its_exit_code(
    world: TestWorld, tmp_path: Path
) -> None:
    for name, content in NO_FINDING.items():
        (tmp_path / name).write_text(json.dumps(content))
    command = ("suites.security", "--target", "green", "--targets", str(world.targets),
               "--out", str(tmp_path / "out"), "--repository", str(ROOT),
               "--pip-audit", str(tmp_path / "pip.json"),
               "--npm-audit", str(tmp_path / "npm.json"))  # fmt: skip
    chosen = {"PYTEST_ADDOPTS": "--check security.headers"}
    clean = run(*command, variables=chosen)
    assert clean.code == 0, clean.out + clean.err
    assert clean.out.rstrip().endswith("security scan: nothing found; exit code 0")
    (tmp_path / "npm.json").unlink()
    missing = run(*command, variables=chosen)
    assert missing.code == 3
    assert "npm.json is missing; create it with:  npm audit --json" in missing.out
    wrong = run(*command, "--accepted", str(tmp_path / "none.toml"), variables=chosen)
    assert (wrong.code, wrong.out) == (2, "")
