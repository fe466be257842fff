"""Sign-offs that must not count: the gate refuses them or shows them, and never says GO."""

import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import gates
from proving import Place
from signing import STAGE, TRAINED, command, newest_sign_off, sign, signing, status

from gates import ledger
from gates.ledger import SignOffEntry

KEY = {"KIRANA_SIGNING_KEY": secrets.token_hex(16)}
LATER = "2099-01-02T00:00:00+00:00"
OTHER_KEY = {"KIRANA_SIGNING_KEY": secrets.token_hex(16)}


def test_a_signed_item_lets_the_release_go_on(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        before = place.ask(STAGE)
        signed = sign(place)
        after = place.ask(STAGE)
    assert (before.code, signed.code, after.code) == (3, 0, 0), signed.err + after.out
    assert f"0 of 1 people have signed: {TRAINED[:-1]}" in before.out
    expected = "gates sign team-informed --stage people --target green --by NAME --note TEXT"
    assert expected in before.out
    assert re.match(r"ledger entry [0-9a-f]{12}: Asha Rao \(unverified, name typed\)", signed.out)
    assert "no sign-off of stage people is open" in signed.out


def test_the_sign_offs_are_evidence_that_is_judged_again(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        sign(place)
        decision = place.ask(STAGE)
        entry = re.findall(r"ledger entry ([0-9a-f]{12})", decision.out)[-1]
        command(place, "revoke", newest_sign_off(place), "--by", "Ben", "--note", "wrong")
        explained = gates("explain", entry, "--out", str(place.out))
    assert explained.code == 0, explained.err
    assert "signed by Asha Rao (unverified, name typed)" in explained.out
    assert "judged again from its evidence, the decision is the same" in explained.out


def expected_digest(place: Place) -> str:
    return place.target.expected.digest


def of_another_release(place: Place) -> None:
    sign(place)
    path = place.folder / "targets" / "green.toml"
    digest = expected_digest(place)
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    path.write_text(path.read_text().replace(digest, other))
    place.health["digest"] = other
    place.prepare_again()


def of_another_version(place: Place) -> None:
    sign(place)
    path = place.folder / "targets" / "green.toml"
    path.write_text(path.read_text().replace('version = "5.0.0"', 'version = "5.0.1"'))
    place.health["version"] = "5.0.1"
    place.prepare_again()


def of_another_stage(place: Place) -> None:
    text = place.policy.read_text()
    place.policy.write_text(
        text.replace('"served-build", "plan', '"served-build", "team-informed", "plan')
    )
    assert sign(place, stage="two-people").code == 0


def of_another_statement(place: Place) -> None:
    sign(place)
    place.policy.write_text(place.policy.read_text().replace(TRAINED, "The team has slept."))


def revoked(place: Place) -> None:
    sign(place)
    done = command(place, "revoke", newest_sign_off(place), "--by", "Ben", "--note", "not trained")
    assert done.code == 0, done.err


def copied_after_its_revocation(place: Place) -> None:
    revoked(place)
    copies = [
        entry.entry for entry in ledger.entries(place.out) if isinstance(entry.entry, SignOffEntry)
    ]
    ledger.append(place.out, copies[0])


def changed(place: Place, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the entry of a sign-off again with another content, properly chained."""
    sign(place)
    path = place.out / "ledger.jsonl"
    content = json.loads(path.read_text().splitlines()[-1])["entry"]
    path.unlink()
    change(content)
    entry = ledger.decode(content)
    assert isinstance(entry, SignOffEntry)
    ledger.append(place.out, entry)


def of_the_future(place: Place) -> None:
    times = {"at": "2099-01-01T00:00:00+00:00", "expires_at": LATER}
    changed(place, lambda content: content.update(times))


def of_the_past(place: Place) -> None:
    times = {"at": "2020-01-01T00:00:00+00:00", "expires_at": LATER}
    changed(place, lambda content: content.update(times))


def expired(place: Place) -> None:
    changed(place, lambda content: content.update(expires_at="2020-01-01T00:00:00+00:00"))


def of_nobody(place: Place) -> None:
    changed(place, lambda content: content.update(by=" . "))


def edited_in_the_ledger(place: Place) -> None:
    place.ask("green-ready")
    sign(place, "--expires", "1s")
    path = place.out / "ledger.jsonl"
    text = path.read_text()
    edited = re.sub(r'"expires_at": "\d{4}', '"expires_at": "2099', text)
    assert edited != text
    path.write_text(edited)


def revocation_edited(place: Place) -> None:
    revoked(place)
    path = place.out / "ledger.jsonl"
    path.write_text(path.read_text().replace("not trained", "not awake"))


def revocation_deleted(place: Place) -> None:
    revoked(place)
    place.ask("green-ready")
    path = place.out / "ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"kind": "revocation"' not in line]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))


def revocation_cut(place: Place) -> None:
    revoked(place)
    path = place.out / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-20])


def revocation_cut_and_moved_aside(place: Place) -> None:
    revocation_cut(place)
    place.ask("green-ready")


def revocation_of_another_form(place: Place) -> None:
    sign(place)
    ledger.append(place.out, ledger.OtherEntry({"kind": "revocation", "revoked": "?"}))


# What the decision says of each; none of them counts.
WORTHLESS: dict[str, tuple[Callable[[Place], None], str]] = {
    "of another release": (of_another_release, "is for another release: v5 5.0.0"),
    "of another version": (of_another_version, "is for another release: v5 5.0.0"),
    "of another stage": (of_another_stage, "0 of 1 people have signed"),
    "of another statement": (of_another_statement, "is for another statement"),
    "revoked": (revoked, "was revoked by Ben: not trained"),
    "copied after its revocation": (copied_after_its_revocation, "was revoked by Ben"),
    "of the future": (of_the_future, "has a time in the future"),
    "of the past": (of_the_past, "is older than 48 h"),
    "expired": (expired, "expired at 2020-01-01 00:00 UTC"),
    "of nobody": (of_nobody, "a name without letters and digits"),
    "edited in the ledger": (edited_in_the_ledger, "is damaged: line 2 was changed"),
    "revocation edited": (revocation_edited, "is before a damaged line of the ledger"),
    "revocation deleted": (revocation_deleted, "is before a damaged line of the ledger"),
    "revocation cut": (revocation_cut, "is before a damaged line of the ledger"),
    "revocation cut and moved aside": (
        revocation_cut_and_moved_aside,
        "is before a damaged line",
    ),
    "revocation of another form": (revocation_of_another_form, "is before a damaged line"),
}


@pytest.mark.parametrize("name", WORTHLESS)
def test_a_worthless_sign_off_is_a_hold(tmp_path: Path, name: str) -> None:
    make, sentence = WORTHLESS[name]
    with signing(tmp_path) as place:
        make(place)
        answer = place.ask(STAGE)
    assert answer.code == 3, answer.out
    assert sentence in answer.out


@pytest.mark.parametrize("name", ["revocation edited", "revocation cut and moved aside"])
def test_after_damage_of_the_ledger_people_sign_again(tmp_path: Path, name: str) -> None:
    with signing(tmp_path) as place:
        WORTHLESS[name][0](place)
        assert sign(place).code == 0
        assert place.ask(STAGE).code == 0


@pytest.mark.parametrize("name", ["Asha Rao", "asha rao", "ASHA  RAO", "asha-rao", "Asha\u00a0Rao"])
def test_the_same_person_twice_is_one_person(tmp_path: Path, name: str) -> None:
    with signing(tmp_path) as place:
        sign(place, item="plan-reviewed", stage="two-people")
        again = sign(place, item="plan-reviewed", stage="two-people", by=name)
        answer = place.ask("two-people")
    assert answer.code == 3, answer.out
    if again.code == 0:
        assert "1 of 2 people have signed" in again.out
        assert "a second sign-off of the same person does not count" in answer.out


def test_two_different_people_are_two(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        sign(place, item="plan-reviewed", stage="two-people")
        assert place.ask("two-people").code == 3
        sign(place, item="plan-reviewed", stage="two-people", by="Ben Okoro")
        answer = place.ask("two-people")
    assert answer.code == 0, answer.out


def test_with_a_key_an_unsigned_sign_off_does_not_count(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        sign(place)
        place.variables = KEY
        answer = place.ask(STAGE)
        sign(place, variables=KEY)
        signed_answer = place.ask(STAGE)
        place.variables = OTHER_KEY
        other_answer = place.ask(STAGE)
    assert (answer.code, signed_answer.code, other_answer.code) == (3, 0, 3), answer.out
    assert "has no signature, or was not signed with KIRANA_SIGNING_KEY" in answer.out
    assert "was not signed with KIRANA_SIGNING_KEY" in other_answer.out


@pytest.mark.parametrize("field", ["by", "note", "stage", "item", "expires_at", "digest", "signed"])
def test_with_a_key_a_changed_sign_off_does_not_count(tmp_path: Path, field: str) -> None:
    values = {"expires_at": "2099-01-01T00:00:00+00:00", "signed": "override"}
    with signing(tmp_path) as place:
        sign(place, variables=KEY)
        content = dict(json.loads((place.out / "ledger.jsonl").read_text())["entry"])
        (place.out / "ledger.jsonl").unlink()
        entry = ledger.decode({**content, field: values.get(field, content[field] + "x")})
        assert isinstance(entry, SignOffEntry)
        ledger.append(place.out, entry)
        place.variables = KEY
        answer = place.ask(STAGE)
    assert answer.code == 3, answer.out


@pytest.mark.parametrize("command_name", ["check", "sign", "status"])
def test_a_blank_key_is_a_mistake(tmp_path: Path, command_name: str) -> None:
    blank = {"KIRANA_SIGNING_KEY": " "}
    with signing(tmp_path) as place:
        place.variables = blank
        answers = {
            "check": lambda: place.ask(STAGE),
            "sign": lambda: sign(place, variables=blank),
            "status": lambda: command(place, "status", variables=blank),
        }
        answer = answers[command_name]()
    assert (answer.code, "KIRANA_SIGNING_KEY is blank" in answer.err) == (2, True)


REFUSED = {
    "unknown stage": (("--stage", "poeple"), "Did you mean people?"),
    "unknown item": (("team-inform",), "Did you mean team-informed?"),
    "an item of a machine": (("smoke",), "because a machine verifies it"),
    "empty note": (("--note", "  "), "--note: expected a reason"),
    "a note of two lines": (("--note", "a\nb"), "--note: expected a reason"),
    "no name": (("--by", ""), "--by: expected the name of the person"),
    "a name without a letter": (("--by", "..."), "--by: expected the name of the person"),
    "a name with an escape": (("--by", "A\x1b[2J"), "--by: expected the name of the person"),
    "a name with a state": (("--by", "Asha (verified)"), "without parentheses"),
    "too long": (("--expires", "49h"), "--expires: expected at most 48h"),
    "an override without an expiry": (("smoke", "--override"), "--override needs --expires"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_sign_off_is_refused_and_not_written(tmp_path: Path, name: str) -> None:
    changes, message = REFUSED[name]
    options = {"--stage": STAGE, "--by": "Asha Rao", "--note": "seen"}
    options |= dict(zip(changes[::2], changes[1::2], strict=False)) if changes[0][0] == "-" else {}
    item = "team-informed" if changes[0][0] == "-" else changes[0]
    more = changes[1:] if changes[0][0] != "-" else ()
    if "--expires" in options:
        more = ("--expires", options.pop("--expires"))
    arguments = [part for option in options.items() for part in option]
    with signing(tmp_path) as place:
        done = command(place, "sign", item, *arguments, *more)
        assert (done.code, done.out) == (2, ""), done.err
        assert message in done.err
        assert not (place.out / "ledger.jsonl").exists()


def test_production_without_an_accepted_policy_is_refused(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        path = place.folder / "targets" / "green.toml"
        path.write_text(path.read_text() + f'\n[policy]\naccepted = ["sha256:{"0" * 64}"]\n')
        done = sign(place)
        assert (done.code, "does not accept the policy" in done.err) == (2, True), done.err
        assert not (place.out / "ledger.jsonl").exists()


def test_a_sign_off_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with signing(tmp_path / "place") as place:
        places = ("--targets", str(place.folder / "targets"), "--policy", str(place.policy))
        done = gates(
            "sign",
            "team-informed",
            "--stage",
            STAGE,
            "--by",
            "Asha Rao",
            "--note",
            "seen",
            *places,
            "--out",
            str(tmp_path / "file"),
        )
    assert (done.code, done.out) == (70, ""), done.err
    assert "cannot be written" in done.err


GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "asha-rao", "GITHUB_RUN_ID": "77"}
GITLAB = {"GITLAB_CI": "true", "CI_JOB_ID": "12", "GITLAB_USER_LOGIN": "ben"}


@pytest.mark.parametrize(
    ("variables", "by", "shown"),
    [
        (GITHUB, (), "asha-rao (unverified, GitHub Actions run 77)"),
        (GITHUB, ("--by", "Asha Rao"), "asha-rao (unverified, GitHub Actions run 77)"),
        ({**GITHUB, **KEY}, (), "asha-rao (verified, GitHub Actions run 77)"),
        (GITLAB, (), "ben (unverified, GitLab CI run 12)"),
        ({"KIRANA_SIGNER": "Cara"}, (), "Cara (unverified, KIRANA_SIGNER)"),
        (KEY, ("--by", "Asha Rao"), "Asha Rao (verified, name typed)"),
    ],
)
def test_the_pipeline_names_the_person(
    tmp_path: Path, variables: dict[str, str], by: tuple[str, ...], shown: str
) -> None:
    arguments = ("sign", "team-informed", "--stage", STAGE, "--note", "seen", *by)
    with signing(tmp_path) as place:
        done = command(place, *arguments, variables=variables)
        place.variables = {name: value for name, value in variables.items() if name in KEY}
        answer = place.ask(STAGE)
    assert (done.code, answer.code) == (0, 0), done.err
    assert shown in done.out
    assert f"signed by {shown}" in answer.out


@pytest.mark.parametrize(
    ("variables", "by", "message"),
    [
        (GITHUB, ("--by", "Ben"), "expected 'asha-rao', the person whom GitHub Actions run 77"),
        ({**GITHUB, "GITHUB_TRIGGERING_ACTOR": "ben"}, (), "start a new run"),
        ({**GITHUB, **GITLAB}, (), "GitHub Actions run 77 names 'asha-rao', but GitLab CI run 12"),
        ({**GITHUB, "KIRANA_SIGNER": "Cara"}, (), "but KIRANA_SIGNER names 'Cara'"),
        ({"GITHUB_ACTIONS": "true"}, ("--by", "Ben"), "GITHUB_ACTOR: expected the name"),
        ({"KIRANA_SIGNER": " "}, ("--by", "Ben"), "KIRANA_SIGNER: expected the name"),
        ({}, (), "--by: expected the name of the person"),
    ],
)
def test_a_person_that_is_not_certain_is_refused(
    tmp_path: Path, variables: dict[str, str], by: tuple[str, ...], message: str
) -> None:
    arguments = ("sign", "team-informed", "--stage", STAGE, "--note", "seen", *by)
    with signing(tmp_path) as place:
        done = command(place, *arguments, variables=variables)
        assert (done.code, done.out) == (2, ""), done.out
        assert message in done.err
        assert not (place.out / "ledger.jsonl").exists()


def test_the_log_shows_who_signed_and_who_revoked(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        revoked(place)
        done = gates("log", "--out", str(place.out))
    assert "sign-off of team-informed for people of v5 5.0.0" in done.out
    assert "by Asha Rao until" in done.out
    assert "revocation of" in done.out
    assert "by Ben: not trained" in done.out


def test_the_status_says_what_is_signed_and_expired(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        before = status(place)["team-informed"]
        sign(place)
        signed = status(place)["team-informed"]
        place.out.joinpath("ledger.jsonl").unlink()
        expired(place)
        after = status(place)["team-informed"]
    assert (before["state"], signed["state"], after["state"]) == ("open", "signed", "expired")
    assert before["command"].startswith("gates sign team-informed --stage people")
    assert signed["command"] == ""
