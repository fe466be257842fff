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
from suites.inspection.history import history, hunks
from suites.inspection.secrets import secrets_in
from suites.probes import openapi
from suites.probes.api import Exchange, NotLookedAtError, Observation
from suites.probes.bounds import unknown_fields
from suites.scanner.sarif import curl, fingerprint, sarif
from suites.security.accepted import AcceptedFindingsError, read, still_open
from suites.security.surface import good_call

TODAY = date(2026, 11, 22)
FOUND = Observation("cors", "GET health", is_finding=True, sentence="an origin may read")
ENTRY = (
    '[[accepted]]\nrule = "cors"\nplace = "GET health"\nowner = "a"\nreason = "b"\nexpires = {}\n'
)


def accepted_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "accepted.toml"
    path.write_text(text)
    return path


def test_a_finding_is_accepted_until_its_day(tmp_path: Path) -> None:
    path = accepted_file(tmp_path, ENTRY.format("2026-12-01"))
    clear = Observation("cors", "GET health", is_finding=False, sentence="nothing")
    assert still_open([FOUND, clear], read(path), TODAY) == []
    for later in (date(2026, 12, 1), date(2027, 1, 1)):
        assert still_open([FOUND], read(path), later) == [FOUND]
    elsewhere = Observation("cors", "GET other", is_finding=True, sentence="an origin may read")
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


@pytest.mark.parametrize("text", ["[[accepted", "accepted = 3", "accepted = [3]", "a = '\xff'"])
def test_a_damaged_file_of_acceptances_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accepted.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(AcceptedFindingsError, match=re.escape(str(path))):
        read(path)


def test_the_shipped_file_accepts_values_of_tests_and_names_of_checks_only() -> None:
    assert {entry.rule for entry in read()} == {"exposed-secret"}
    assert {entry.place.split(" ")[0] for entry in read()} == {
        "docs/guide-coverage.md",
        "suites/consistency/test_outside.py",
        "suites/probes/__main__.py",
        "suites/probes/scan.py",
        "suites/scanner/__main__.py",
        "suites/security/conftest.py",
        "suites/security/test_authentication.py",
        "suites/security/test_edge.py",
        "tests/fault_table.py",
        "tests/lending.py",
        "tests/support/fault_table.py",
        "tests/support/fault_table_careless.py",
        "tests/support/fault_table_regressions.py",
        "tests/test_security_tools.py",
        "tests/test_store_log.py",
    }


@pytest.mark.slow  # proof-security runs it
def test_our_own_history_has_no_open_finding() -> None:
    assert still_open(history(ROOT), read(), TODAY) == []


@pytest.mark.slow  # proof-security runs it
def test_our_own_files_have_no_secret_that_is_not_accepted() -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(names) > 300
    digests = {entry.place.split(" ")[1] for entry in read()}
    lines = {name: (ROOT / name).read_text(errors="replace").split("\n") for name in names}
    secrets = [(name, secret) for name in names for secret in secrets_in(lines[name], name)]
    assert [
        (name, secret.kind, secret.position + 1)
        for name, secret in secrets
        if secret.digest not in digests
    ] == []


# Built at run time, so that our own history holds none of them.
AWS_KEY = "AKIA" + "Q7PZ" * 4
SLACK_TOKEN = "-".join(("xoxb", "2" * 12, "9" * 12, "aZ4k" * 6))
PHRASE = "correct-horse-battery-staple"
HEADING, END = (f"-----{word} RSA PRIVATE KEY-----" for word in ("BEGIN", "END"))
PRIVATE_KEY = f"{HEADING}\n{'MIIE' * 16}\n{'ab3/' * 16}\n{END}\n"
PLANTED = {
    "an AWS key": ("deploy.py", f'region, key_id = "eu", "{AWS_KEY}"\n', AWS_KEY),
    "a Slack token": ("notify.sh", f"curl -H 'Authorization: {SLACK_TOKEN}'\n", SLACK_TOKEN),
    "a password in Python": ("settings.py", f'password = "{PHRASE}"\n', PHRASE),
    "a password in an env file": (".env", f"DB_PASSWORD={PHRASE}\n", PHRASE),
    "a password in YAML": ("values.yaml", f"password: {PHRASE}\n", PHRASE),
    "a password in an address": ("a.txt", f"mongodb://store:{PHRASE}@db/kirana\n", PHRASE),
    "a private key": ("server.pem", PRIVATE_KEY, "MIIE" * 16),
    "a key of the gateway": ("pay.js", f"pay('{'rzp_' + 'live_'}{'k3Y' * 5}')\n", "k3Y" * 5),
    "a secret in a long line": ("a.js", f"{'x' * 9000};'{AWS_KEY}';{'y' * 9000}\n", AWS_KEY),
}


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True
    )


def repository_with(folder: Path, name: str, text: str) -> Path:
    """A git repository whose first commit has nothing, and whose second adds a file."""
    git(folder, "init", "-q", "-b", "main")
    (folder / "README").write_text("nothing here\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "second")
    return folder


def findings_of(folder: Path) -> list[Observation]:
    return [observation for observation in history(folder) if observation.is_finding]


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("later", ["kept", "deleted", "renamed"])
def test_a_planted_secret_is_found_whatever_becomes_of_its_file(
    tmp_path: Path, what: str, later: str
) -> None:
    name, text, value = PLANTED[what]
    folder = repository_with(tmp_path, name, text)
    if later == "deleted":
        git(folder, "rm", "-q", name)
    if later == "renamed":
        git(folder, "mv", name, "moved.txt")
    if later != "kept":
        git(folder, "commit", "-qm", "third")
    findings = findings_of(folder)
    assert {observation.place.split(" ")[0] for observation in findings} == {name}
    assert [
        observation for observation in findings if value in observation.sentence + observation.place
    ] == []


def test_a_file_without_secrets_gives_no_finding(tmp_path: Path) -> None:
    text = 'password = os.environ["DB_PASSWORD"]\ntoken = "<token>"\nsecret: ${SECRET}\n'
    assert findings_of(repository_with(tmp_path, "settings.yaml", text)) == []


def test_a_secret_that_only_a_merge_added_is_found(tmp_path: Path) -> None:
    folder = repository_with(tmp_path, "settings.py", "DEBUG = False\n")
    git(folder, "checkout", "-qb", "other", "HEAD~1")
    (folder / "other.py").write_text("A = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "other")
    git(folder, "merge", "--no-commit", "--no-ff", "main")
    (folder / "settings.py").write_text(f'DEBUG = False\npassword = "{PHRASE}"\n')
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "merge")
    assert [finding.place.split(" ")[0] for finding in findings_of(folder)] == ["settings.py"]


def test_attributes_and_settings_of_the_repository_hide_nothing(tmp_path: Path) -> None:
    folder = repository_with(tmp_path, ".gitattributes", "*.py -diff\n")
    for setting in ("diff.noprefix=true", "color.ui=always", "log.showSignature=true"):
        git(folder, "config", *setting.split("="))
    (folder / "päss wörter.py").write_text(f'password = "{PHRASE}"\n')
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "third")
    assert [finding.place.rpartition(" ")[0] for finding in findings_of(folder)] == [
        "päss wörter.py"
    ]


def test_two_private_keys_of_a_file_are_two_places(tmp_path: Path) -> None:
    folder = repository_with(tmp_path, "server.pem", PRIVATE_KEY)
    (folder / "server.pem").write_text(PRIVATE_KEY.replace("ab3/", "cd4/"))
    git(folder, "commit", "-qam", "third")
    assert len({finding.place for finding in findings_of(folder)}) == 2


def test_a_history_that_is_too_large_or_takes_too_long_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository_with(tmp_path, "settings.py", "DEBUG = False\n")
    for name in ("MAX_LOG_BYTES", "MAX_SECONDS"):
        with monkeypatch.context() as patched:
            patched.setattr(f"suites.inspection.history.{name}", -1)
            with pytest.raises(NotLookedAtError, match="history"):
                list(history(folder))


def test_a_secret_that_was_removed_again_is_still_in_the_history(tmp_path: Path) -> None:
    folder = repository_with(tmp_path, "settings.py", "DEBUG = False\n")
    settings = folder / "settings.py"
    assert [observation.is_finding for observation in history(folder)] == [False]
    versions = (
        f'api_key = "{"k3y" * 8}"\n',
        "DEBUG = False\n",
        "DEBUG = True\n" * 2 + f'++ api_key = "{"k3y" * 8}"\n',
        f'PASSWORD = "{"0ther" * 8}"\n',
    )
    for text in versions:
        settings.write_text(text)
        git(folder, "commit", "-qam", "next")
    findings = findings_of(folder)
    lines = [
        re.match(r"settings.py:(\d) of commit [0-9a-f]{12} ", finding.sentence)
        for finding in findings
    ]
    assert [line and line[1] for line in lines] == ["1", "3"]
    assert len({finding.place for finding in findings}) == 2
    assert "k3yk3y" not in findings[0].sentence + findings[1].sentence
    assert f"`{findings[1].place}`" in findings[1].sentence
    accepted = accepted_file(
        tmp_path,
        "".join(
            ENTRY.format("2026-12-01")
            .replace('"cors"', '"exposed-secret"')
            .replace("GET health", finding.place)
            for finding in findings
        ),
    )
    assert still_open(findings, read(accepted), TODAY) == []
    assert still_open(findings, read(accepted)[1:], TODAY) == findings[:1]


def test_lines_of_a_hunk_are_known_by_its_counts() -> None:
    log = [
        "commit 0123456789abcdef",
        "--- a/x",
        "+++ b/x",
        "@@ -1,2 +1,3 @@",
        "-old",
        "+++ b/y",
        "+@@ -1 +1 @@",
        " same",
        "@@ -5 +6 @@",
        "--- no heading",
        "+new",
        "\\ No newline at end of file",
        "@@ -9 +9,0 @@",
        "-gone",
        "+++ b/z",
        "@@ -0,0 +1 @@",
        "+commit ffff",
    ]
    assert [(hunk.file, hunk.number, hunk.lines, hunk.added) for hunk in hunks(log)] == [
        ("x", 1, ("++ b/y", "@@ -1 +1 @@", "same"), (True, True, False)),
        ("x", 6, ("new",), (True,)),
        ("z", 1, ("commit ffff",), (True,)),
    ]
    assert {hunk.commit for hunk in hunks(log)} == {"0123456789ab"}


def test_a_folder_without_history_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NotLookedAtError, match="no history: fatal: not a git repository"):
        list(history(tmp_path))
    git(tmp_path, "init", "-q")
    with pytest.raises(NotLookedAtError, match="no history"):
        list(history(tmp_path))


PIP = {
    "dependencies": [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]},
    ]
}
NPM = {
    "auditReportVersion": 2,
    "vulnerabilities": {"c": {"severity": "high"}},
    "metadata": {"dependencies": {"total": 9}},
}


def test_audits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(PIP))
    assert [(observation.place, observation.is_finding) for observation in pip_audit(path, 24)] == [
        ("pip a", False),
        ("pip b", True),
    ]
    path.write_text(json.dumps(NPM))
    assert [(observation.place, observation.is_finding) for observation in npm_audit(path, 24)] == [
        ("npm c", True),
        ("npm", False),
    ]


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
    typed = "pass word 1"
    exchange = Exchange(
        "POST",
        "http://127.0.0.1/x",
        f'{{"password": "{typed}"}}',
        200,
        {},
        f"key {hidden} eyJhbGciOiJI.eyJzdWIiOiJ1c.c2lnbmF0dXJl",
        0.1,
    )
    observation = Observation(
        "cors", "GET /users/usr_20261122-1-main_abc", True, f"saw {hidden}", exchange
    )
    other = Observation("cors", "GET /users/usr_20261123-9-gw1_def", True, "saw", exchange)
    text = json.dumps(sarif([observation], (hidden,))) + curl(exchange)
    assert hidden not in text
    assert typed not in text
    assert "eyJzdWIiOiJ1c" not in text
    assert fingerprint(observation) == fingerprint(other)
    assert fingerprint(observation) != fingerprint(FOUND)


def test_a_new_operation_of_the_contract_is_probed_without_touching_the_suite() -> None:
    contract = copy.deepcopy(document())
    body = {
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["order_id", "stars"],
                "properties": {
                    "order_id": {"type": "string"},
                    "stars": {"type": "integer", "maximum": 5},
                },
            }
        }
    }
    operation = {
        "operationId": "review",
        "requestBody": {"content": body},
        "responses": {"201": {}},
    }
    contract["paths"]["/api/reviews"] = {"post": operation}
    added = next(endpoint for endpoint in openapi.endpoints(contract) if endpoint.name == "review")
    call = good_call(added, {"order_id": "ord_1"})
    assert (added.secured, call.body) == (True, {"order_id": "ord_1", "stars": 1})
    assert [place.name for place in openapi.places(added, call)] == ["order_id", "stars"]
    assert [name for name, _ in unknown_fields(added, call)] == ["unknown_field"]
    assert len(openapi.endpoints(contract)) == len(openapi.endpoints(document())) + 1


NO_FINDING = {
    "pip.json": {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
    "npm.json": {**NPM, "vulnerabilities": {}},
}


@pytest.mark.slow  # proof-security runs it
def test_the_scan_of_a_clean_clone_finds_nothing_and_says_its_exit_code(
    world: TestWorld, tmp_path: Path
) -> None:
    for name, content in NO_FINDING.items():
        (tmp_path / name).write_text(json.dumps(content))
    command = (
        "suites.security",
        "--target",
        "green",
        "--targets",
        str(world.targets),
        "--out",
        str(tmp_path / "out"),
        "--repository",
        str(ROOT),
        "--pip-audit",
        str(tmp_path / "pip.json"),
        "--npm-audit",
        str(tmp_path / "npm.json"),
    )
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


def test_the_scan_refuses_a_policy_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    done = run("suites.security", "--target", "green", "--policy", str(path))
    assert (done.code, done.out) == (2, "")
    assert f"security scan: {path}" in done.err
