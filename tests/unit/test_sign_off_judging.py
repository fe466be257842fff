"""Who is the same person, what the status table looks like, and what signatures protect."""

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from judging import GREEN, NOW, evidence
from signing import STAGE, command, sign, signing
from worlds import ROOT

from gates import ledger
from gates.errors import ConfigurationError
from gates.evidence import codec
from gates.judging.decide import worst_outcome
from gates.judging.sign_off import StageSignOffs, conclude, has_mixed_scripts, person_key
from gates.ledger import SignOffEntry
from gates.model import (
    Evidence,
    Finding,
    Measured,
    Outcome,
    Override,
    Person,
    SignOff,
    SignOffKind,
    SignOffObjective,
    SignOffRecord,
    Verdict,
)
from gates.signing import identity, signature
from gates.signing.status import age_text

SCHEMA = json.loads((ROOT / "gates" / "schemas" / "status.schema.json").read_text())
ITEM = SignOffObjective("team-trained", "12", "The team is trained.", "r", timedelta(hours=48))
SIGN_OFF = SignOff(
    SignOffKind.ITEM,
    "green",
    STAGE,
    ITEM.name,
    ITEM.item,
    Person("Asha Rao"),
    "seen",
    NOW - timedelta(hours=1),
    NOW + timedelta(hours=1),
    GREEN.expected,
)
RECORD = SignOffRecord("abcabcabcabc", SIGN_OFF, is_verified=False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Asha Rao", "asha rao"),
        ("Asha Rao", " ASHA\tRAO "),
        ("Asha Rao", "asha-rao"),
        ("José", "JOSÉ"),
        ("Straße", "STRASSE"),
        ("A. Rao", "A Rao"),
    ],
)
def test_case_blanks_and_punctuation_do_not_distinguish_people(first: str, second: str) -> None:
    assert person_key(first) == person_key(second)


@pytest.mark.parametrize(
    ("first", "second"), [("Asha Rao", "Asha Roa"), ("कमल", "कमला"), ("a1", "a2")]
)
def test_different_names_are_different_people(first: str, second: str) -> None:
    assert person_key(first) != person_key(second)


def verdict_of(record: SignOffRecord, **changes: object) -> tuple[Verdict, Measured]:
    changed = replace(record, sign_off=replace(record.sign_off, **changes))  # type: ignore[arg-type]
    finding = conclude(ITEM, StageSignOffs(STAGE, GREEN, (changed,)), NOW)
    return finding.verdict, finding.measured


def test_a_sign_off_counts_until_its_end_and_not_at_its_end() -> None:
    assert verdict_of(RECORD) == (Verdict.PASS, Measured.OK)
    microsecond = timedelta(microseconds=1)
    assert verdict_of(RECORD, expires_at=NOW + microsecond)[0] is Verdict.PASS
    assert verdict_of(RECORD, expires_at=NOW) == (Verdict.INCONCLUSIVE, Measured.STALE)
    far = NOW + timedelta(days=900)
    oldest = NOW - ITEM.max_age
    assert verdict_of(RECORD, at=oldest, expires_at=far)[0] is Verdict.PASS
    older = verdict_of(RECORD, at=oldest - microsecond, expires_at=far)
    assert older == (Verdict.INCONCLUSIVE, Measured.STALE)


def test_a_sign_off_at_the_ends_of_time_raises_no_error() -> None:
    first, last = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    for at in (first, last):
        for expires_at in (first, last):
            assert verdict_of(RECORD, at=at, expires_at=expires_at)[0] is Verdict.INCONCLUSIVE


BUILDS = st.sampled_from(["release", "version", "digest"]).flatmap(
    lambda part: st.text(max_size=9).map(lambda text: replace(GREEN.expected, **{part: text}))
)
CHANGES: dict[str, st.SearchStrategy[object]] = {
    "kind": st.just(SignOffKind.OVERRIDE),
    "target": st.text(max_size=9),
    "stage": st.text(max_size=9),
    "item": st.text(max_size=9),
    "statement": st.text(max_size=9),
    "build": BUILDS,
    "at": st.timedeltas(timedelta(seconds=6), timedelta(days=900)).map(lambda later: NOW + later),
    "expires_at": st.timedeltas(timedelta(), timedelta(days=900)).map(lambda age: NOW - age),
    "person": st.text(" .-_", max_size=9).map(Person),
}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_no_change_of_a_sign_off_still_passes(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(CHANGES)))
    assert verdict_of(RECORD, **{field: data.draw(CHANGES[field])})[0] is Verdict.INCONCLUSIVE


def test_the_finding_names_the_people_and_the_end() -> None:
    finding = conclude(ITEM, StageSignOffs(STAGE, GREEN, (RECORD,)), NOW)
    assert finding.sentence == (
        "signed by Asha Rao (unverified, name typed), valid until 2026-11-22 13:00 UTC: "
        "The team is trained"
    )
    assert finding.next_step == ""
    (measurement,) = finding.measurements
    assert (measurement.source, measurement.samples, measurement.age_seconds) == ("ledger", 1, 3600)


def test_many_sign_offs_that_do_not_count_are_counted() -> None:
    old = replace(RECORD, sign_off=replace(SIGN_OFF, expires_at=NOW))
    finding = conclude(ITEM, StageSignOffs(STAGE, GREEN, (old,) * 5), NOW)
    assert finding.sentence.count("expired at 2026-11-22 12:00 UTC") == 3
    assert finding.sentence.endswith("2 more sign-offs do not count")


def test_kept_evidence_has_the_sign_offs() -> None:
    whole = replace(evidence(), sign_offs=(RECORD,))
    kept = json.loads(json.dumps(codec.to_json(whole)))
    assert codec.from_json(Evidence, kept).sign_offs == (RECORD,)


KEY = secrets.token_hex(16)


def test_a_signature_is_of_the_whole_entry_and_of_one_key() -> None:
    entry = signature.signed(SignOffEntry(SIGN_OFF), KEY)
    assert signature.is_valid(entry, KEY)
    assert not signature.is_valid(entry, KEY + "x")
    assert not signature.is_valid(entry, "")
    assert not signature.is_valid(SignOffEntry(SIGN_OFF), KEY)
    changed = replace(entry, sign_off=replace(SIGN_OFF, note="not seen"))
    assert not signature.is_valid(changed, KEY)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text())
def test_no_text_is_a_signature(text: str) -> None:
    assert not signature.is_valid(SignOffEntry(SIGN_OFF, text), KEY)


def test_the_status_document_is_valid_by_its_schema(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        sign(place)
        place.ask(STAGE)
        content = json.loads(command(place, "status", "--json").out)
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(content)
    assert content["counts"]["signed"] == 1
    assert sum(content["counts"].values()) == sum(
        len(stage["objectives"]) for stage in content["stages"]
    )


def test_the_table_fits_a_terminal_and_has_every_stage(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        sign(place, "--expires", "1h", by="A person with a name that is long")
        place.ask(STAGE)
        place.ask("ramp-10")
        done = command(place, "status", variables={"NO_COLOR": "1"})
        stages = [
            stage["stage"] for stage in json.loads(command(place, "status", "--json").out)["stages"]
        ]
        single = command(place, "status", "--stage", "ramp-20")
    lines = done.out.splitlines()
    assert done.code == 0
    assert [line for line in lines if len(line) > 100 or "\x1b" in line] == []
    assert [stage for stage in stages if not any(line.startswith(stage) for line in lines)] == []
    assert "  open        23 objectives  the ledger has no decision about this stage" in lines
    assert single.out.count("the ledger has no decision about this stage") == 23
    assert "1 signed" in lines[-2]


def test_a_long_command_of_the_table_is_a_command(tmp_path: Path) -> None:
    name = "a-very-long-name-of-an-item-that-nobody-could-remember-or-type"
    with signing(tmp_path) as place:
        place.policy.write_text(place.policy.read_text().replace("team-informed", name))
        lines = command(place, "status", "--stage", STAGE).out.splitlines()
    begin = next(number for number, line in enumerate(lines) if "gates sign" in line)
    assert lines[begin].endswith(" \\")
    assert max(map(len, lines)) <= 100
    whole = " ".join(line.strip(" \\") for line in lines[begin : begin + 2])
    assert whole.endswith(f"gates sign {name} --stage people --target green --by NAME --note TEXT")


def test_the_status_warns_of_a_damaged_ledger(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        place.ask(STAGE)
        sign(place)
        path = place.out / "ledger.jsonl"
        path.write_text(path.read_text().replace("name typed", "x").replace("seen", "sean"))
        done = command(place, "status", "--stage", STAGE)
    assert (done.code, "WARNING: the ledger" in done.out) == (0, True)


@pytest.mark.parametrize(("prefix", "code"), [("ffffffffffff", 2), ("", 2), (" ", 2)])
def test_an_unknown_sign_off_cannot_be_revoked(tmp_path: Path, prefix: str, code: int) -> None:
    with signing(tmp_path) as place:
        sign(place)
        done = command(place, "revoke", prefix, "--by", "Ben", "--note", "wrong")
        assert (done.code, "no sign-off" in done.err) == (code, True), done.err
        assert place.ask(STAGE).code == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2.0 h"),
        (172800, "2.0 d"),
    ],
)
def test_an_age_is_written_in_its_unit(seconds: int, text: str) -> None:
    assert age_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("mark", ["\u034f", "\u3164", "\ufe0f", "\uffa0", "\u180b", "\U000e0101"])
def test_an_invisible_letter_makes_no_other_person(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert person_key(f"Asha{mark} Rao") == person_key("Asha Rao")
    assert person_key(mark) == ""
    for variable in ("GITHUB_ACTIONS", "GITLAB_CI", "CI_JOB_ID", identity.SIGNER):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigurationError, match="one alphabet"):
        identity.person_of(f"Asha{mark} Rao")


@pytest.mark.parametrize("name", ["\u0410sha Rao", "Asha R\u0430o", "\u0391sha Rao"])
def test_a_name_of_letters_that_look_the_same_is_no_other_person(name: str) -> None:
    with pytest.raises(ConfigurationError, match="one alphabet"):
        identity.person_of(name)
    assert has_mixed_scripts(name)
    assert not has_mixed_scripts("\u0410\u0448\u0430 \u0420\u0430\u043e")
    assert not has_mixed_scripts("Asha Rao")


def test_a_decision_of_the_future_is_no_status(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        assert place.ask(STAGE).code == 3
        (record,) = ledger.entries(place.out)
        assert isinstance(record.entry, ledger.DecisionEntry)
        document = record.entry.document
        later = replace(document.decision, at=document.decision.at + timedelta(hours=1))
        ledger.append(place.out, ledger.DecisionEntry(replace(document, decision=later)))
        done = command(place, "status", "--stage", STAGE)
    assert "the newest decision has a time in the future" in done.out
    assert "verified    " not in done.out


def test_a_stage_in_which_every_finding_is_overridden_says_so() -> None:
    override = Override(("a", "b"), ("x", "y"), NOW, ("1", "2"))
    finding = Finding("smoke", "3", Measured.OK, Verdict.FAIL, "failed", "", (), override=override)
    outcome, reason = worst_outcome([finding])
    assert outcome is Outcome.HOLD
    assert reason.startswith("every finding of the stage is overridden")
    assert worst_outcome([])[1].startswith("the stage has no objective")
