"""Overrides: two people let a release go on in spite of a failure, and nothing else does."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from in_process import gates
from jsonschema import Draft202012Validator
from judging import NOW, RAMP, evidence
from proving import Place
from signing import STAGE, command, newest_sign_off, sign, signing, status
from worlds import ROOT, Done

from gates import ledger
from gates.judging.decide import worst_outcome
from gates.judging.not_counted.overrides import overridden, refusal_of
from gates.ledger import SignOffEntry
from gates.model import (
    CoveredFinding,
    Finding,
    Measured,
    Outcome,
    Person,
    SignOff,
    SignOffKind,
    SignOffRecord,
    Stage,
    TriggerObjective,
    Verdict,
)
from gates.policy import policy_file

SCHEMA = json.loads((ROOT / "gates" / "schemas" / "decision.schema.json").read_text())
POLICY = policy_file.load(ROOT / "policies" / "release.toml")
OVERRIDE = ("--override", "--expires", "4h")
LOGIN = "smoke: smoke.login"


def fail(place: Place, run_id: str = "r2", **outcomes: str) -> Done:
    """A run in which a smoke check failed, and the decision about it."""
    failed = outcomes or {"smoke.login": "failed"}
    place.keep_run(place.run_of(run_id, **failed), run_id)
    return place.ask(STAGE)


def override(place: Place, by: str, *options: str, item: str = "smoke") -> Done:
    return sign(place, *OVERRIDE, *options, item=item, by=by)


def overridden_place(place: Place) -> None:
    """A failure that two people have overridden; the item of the stage is signed."""
    sign(place)
    assert fail(place).code == 1
    for name in ("Asha Rao", "Ben Okoro"):
        done = override(place, name)
        assert done.code == 0, done.err


def test_two_people_override_a_failure_which_stays_visible(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        overridden_place(place)
        answer = place.ask(STAGE)
        shown = json.loads(gates(*place.command(STAGE), "--json").out)
        explained = gates("explain", shown["id"], "--out", str(place.out))
        state = status(place)["smoke"]
    assert answer.code == 0, answer.out
    assert "FAIL, OVERRIDDEN smoke: smoke.login failed in run r2" in answer.out
    assert ": 18 findings pass; OVERRIDDEN: smoke, signed by " in answer.out
    assert "by Asha Rao (unverified, name typed), ledger entry" in answer.out
    Draft202012Validator(SCHEMA).validate(shown)
    (finding,) = [finding for finding in shown["findings"] if finding["override"]]
    assert (finding["verdict"], finding["subjects"]) == ("fail", ["smoke.login"])
    assert {name[:3] for name in finding["override"]["people"]} == {"Ash", "Ben"}
    assert finding["override"]["reasons"] == ["seen", "seen"]
    assert "FAIL, OVERRIDDEN smoke" in explained.out
    assert "the decision is the same" in explained.out
    assert (state["state"], state["command"]) == ("overridden", "")


def test_the_first_person_reads_that_another_must_sign(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        fail(place)
        first, second = override(place, "Asha Rao"), override(place, "Ben Okoro")
    assert "fail: smoke: smoke.login" in first.out
    assert "open: the override needs the sign-off of 1 more person" in first.out
    assert "the override is in force: gates check people --target green" in second.out


def one_person(place: Place) -> None:
    fail(place)
    override(place, "Asha Rao")


def one_person_twice(place: Place) -> None:
    one_person(place)
    override(place, "asha  rao")


def one_of_two_revoked(place: Place) -> None:
    overridden_place(place)
    command(place, "revoke", newest_sign_off(place), "--by", "Ben Okoro", "--note", "too early")


def another_check_fails_later(place: Place) -> None:
    overridden_place(place)
    fail(place, "r3", **{"smoke.order": "failed"})


def one_more_check_fails_later(place: Place) -> None:
    overridden_place(place)
    fail(place, "r3", **{"smoke.login": "failed", "smoke.order": "failed"})


def unsure_when_signed(place: Place) -> None:
    sign(place)
    fail(place, **{"smoke.login": "skipped"})
    for name in ("Asha Rao", "Ben Okoro"):
        assert override(place, name).code == 0
    assert place.ask(STAGE).code == 0
    fail(place, "r3")


def changed(place: Place, change: Callable[[SignOff], SignOff]) -> None:
    """Both overrides with another content, in a new ledger that is properly chained."""
    overridden_place(place)
    entries = [entry.entry for entry in ledger.entries(place.out)]
    (place.out / "ledger.jsonl").unlink()
    for entry in entries:
        is_override = isinstance(entry, SignOffEntry) and entry.sign_off.covers
        ledger.append(
            place.out,
            replace(entry, sign_off=change(entry.sign_off))
            if is_override and isinstance(entry, SignOffEntry)
            else entry,
        )


def expired(place: Place) -> None:
    changed(place, lambda signed: replace(signed, expires_at=signed.at))


def of_last_week(place: Place) -> None:
    """Its expiry is later than the limit of an override allows."""
    changed(place, lambda signed: replace(signed, at=signed.at - timedelta(days=5)))


def of_another_release(place: Place) -> None:
    changed(
        place, lambda signed: replace(signed, build=replace(signed.build, digest="sha256:" + "0"))
    )


def of_another_stage(place: Place) -> None:
    changed(place, lambda signed: replace(signed, stage="green-ready"))


def of_an_item(place: Place) -> None:
    changed(place, lambda signed: replace(signed, kind=SignOffKind.ITEM))


def for_the_served_build(place: Place) -> None:
    """The served build is wrong, and both overrides claim to be about it."""
    cover = (CoveredFinding("served-build", Verdict.FAIL),)
    changed(place, lambda signed: replace(signed, item="served-build", covers=cover))
    place.keep_run(place.run_of("r4"), "r4")
    place.health["version"] = "5.9.9"


STILL_NO_GO: dict[str, tuple[Callable[[Place], None], str]] = {
    "one person": (one_person, "1 of 2 people have signed an override"),
    "one person twice": (one_person_twice, "1 of 2 people have signed an override"),
    "one of two revoked": (one_of_two_revoked, "was revoked by Ben Okoro: too early"),
    "another check": (another_check_fails_later, "is for other findings"),
    "one more check": (one_more_check_fails_later, "smoke.order failed in run r3"),
    "unsure when signed": (unsure_when_signed, "is for other findings"),
    "expired": (expired, "expired at"),
    "of last week": (of_last_week, "is older than 72 h"),
    "of another release": (of_another_release, "is for another release"),
    "of another stage": (of_another_stage, "smoke.login failed in run r2"),
    "of an item": (of_an_item, "smoke.login failed in run r2"),
    "for the served build": (for_the_served_build, "the expected build is v5 5.0.0"),
}


@pytest.mark.parametrize("name", STILL_NO_GO)
def test_a_worthless_override_is_a_no_go(tmp_path: Path, name: str) -> None:
    make, sentence = STILL_NO_GO[name]
    with signing(tmp_path) as place:
        make(place)
        answer = place.ask(STAGE)
    assert answer.code == 1, answer.out
    assert sentence in answer.out


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "the served build": (("served-build", *OVERRIDE), "the evidence is about the judged release"),
    "an item": (
        ("team-informed", *OVERRIDE),
        "people sign the item of this objective; sign the item without --override",
    ),
    "too long": (("smoke", "--override", "--expires", "73h"), "at most 72h (an override)"),
    "no expiry": (("smoke", "--override"), "--override needs --expires TIME"),
    "unknown": (("smok", *OVERRIDE), "no item 'smok'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_override_is_refused_and_not_written(tmp_path: Path, name: str) -> None:
    (item, *options), message = REFUSED[name]
    with signing(tmp_path) as place:
        fail(place)
        before = len(ledger.entries(place.out))
        done = sign(place, *options, item=item)
        after = len(ledger.entries(place.out))
    assert (done.code, after) == (2, before), done.err
    assert message in done.err


def test_what_has_not_failed_cannot_be_overridden(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        without = override(place, "Asha Rao")
        place.ask(STAGE)
        passing = override(place, "Asha Rao")
    assert (without.code, passing.code) == (2, 2)
    assert "the ledger has no decision about stage people of v5 5.0.0" in without.err
    assert "smoke has no failure in decision" in passing.err


def test_a_rollback_trigger_of_the_policy_cannot_be_overridden(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        assert place.ask("ramp-10").code != 0
        ramp = policy_file.stage_named(POLICY, "ramp-10", "here")
        triggers = [
            objective.name
            for objective in ramp.objectives
            if isinstance(objective, TriggerObjective)
        ]
        answers = [sign(place, *OVERRIDE, item=name, stage="ramp-10") for name in triggers]
    assert triggers
    assert [answer.code for answer in answers] == [2] * len(triggers)
    assert all(
        "cannot be overridden: the objective is a rollback trigger" in answer.err
        for answer in answers
    )


def test_every_objective_that_can_roll_back_is_refused() -> None:
    objectives = {
        objective.name: objective for stage in POLICY.stages for objective in stage.objectives
    }
    refused = {name for name, objective in objectives.items() if refusal_of(objective)}
    assert refused >= {"served-build", "live-build", "errors-against-blue"}
    assert not refused & {"smoke", "traffic-share", "availability"}


def test_an_objective_whose_stated_breach_is_a_rollback_is_refused() -> None:
    stated: Any = SimpleNamespace(name="data-corruption", breach=Outcome.ROLLBACK)
    assert refusal_of(stated) == "a failure of the objective can lead to a rollback"
    stated.breach = Outcome.NO_GO
    assert refusal_of(stated) == ""


def record_of(item: str, person: str, covers: tuple[CoveredFinding, ...]) -> SignOffRecord:
    signed = SignOff(
        SignOffKind.OVERRIDE,
        "green",
        RAMP.name,
        item,
        "s",
        Person(person),
        "note",
        NOW,
        NOW + timedelta(hours=1),
        evidence().target.expected,
        covers,
    )
    return SignOffRecord(person, signed, is_verified=True)


def finding(objective: str, **changes: Any) -> Finding:
    return replace(
        Finding(objective, "3", Measured.OK, Verdict.FAIL, "bad", "curl x", ()), **changes
    )


def judged(objective: str, *findings: Finding, stage: Stage = RAMP) -> list[Finding]:
    """The findings after two people have signed an override that covers each of them."""
    names = [finding.objective for finding in findings]
    covers = tuple(CoveredFinding(name, Verdict.FAIL) for name in names)
    records = tuple(record_of(objective, person, covers) for person in ("a", "b"))
    return overridden(findings, stage, replace(evidence(), sign_offs=records), NOW)


def test_a_finding_whose_failure_is_a_rollback_is_never_overridden() -> None:
    plain = judged("cache-hits", finding("cache-hits"))
    rollback = judged("cache-hits", finding("cache-hits", breach=Outcome.ROLLBACK))
    assert plain[0].override is not None
    assert rollback[0].override is None
    assert worst_outcome(rollback)[0] is Outcome.ROLLBACK


def test_an_override_of_one_objective_leaves_the_others() -> None:
    findings = judged("cache-hits", finding("cache-hits"), finding("error-ratio"))
    assert [finding.override is None for finding in findings] == [False, True]
    outcome, reason = worst_outcome(findings)
    assert outcome is Outcome.NO_GO
    assert "OVERRIDDEN: cache-hits" in reason


def test_overridden_findings_alone_are_no_go_to_go_on() -> None:
    findings = judged("cache-hits", finding("cache-hits"))
    assert worst_outcome(findings)[0] is Outcome.HOLD


def test_the_status_shows_a_failure_and_the_first_signature(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        fail(place)
        failed = status(place)["smoke"]
        override(place, "Asha Rao")
        first = status(place)["smoke"]
    assert (failed["state"], first["state"]) == ("failed", "failed")
    assert failed["command"] == "gates check people --target green"
    assert first["detail"].startswith("1 of 2 people have signed an override: smoke.login failed")


def test_the_status_follows_the_release_the_policy_and_the_time(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        nothing = status(place)["smoke"]
        sign(place)
        place.ask(STAGE)
        verified = status(place)["smoke"]
        text = place.policy.read_text()
        place.policy.write_text(f"{text}\n# another policy\n")
        of_another_policy = status(place)["smoke"]
        place.policy.write_text(text)
        path = place.folder / "targets" / "green.toml"
        path.write_text(path.read_text().replace('version = "5.0.0"', 'version = "5.0.1"'))
        of_another_build = status(place)["smoke"]
    assert (nothing["state"], nothing["detail"]) == (
        "open",
        "the ledger has no decision about this stage",
    )
    assert verified["state"] == "verified"
    assert of_another_policy["detail"] == "the newest decision was made with another policy"
    assert of_another_build["detail"].startswith("the newest decision is about another build")


def test_an_old_pass_of_checks_has_expired(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        place.ask(STAGE)
        (record,) = ledger.entries(place.out)
        assert isinstance(record.entry, ledger.DecisionEntry)
        document = record.entry.document
        old = replace(document.decision, at=datetime.now(UTC) - timedelta(days=3))
        (place.out / "ledger.jsonl").unlink()
        ledger.append(place.out, ledger.DecisionEntry(replace(document, decision=old)))
        states = status(place)
    assert states["smoke"]["state"] == "expired"
    assert states["served-build"]["state"] == "verified"
    assert "3.0 d ago" in states["served-build"]["detail"]
