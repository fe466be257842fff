"""Ledger entries: each kind is read as it was written, and no content makes the decoder fail."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.decision_document import DecisionDocument
from gates.ledger import (
    DecisionEntry,
    LedgerEntry,
    LedgerRecord,
    MoveEntry,
    OtherEntry,
    RampEndEntry,
    RampEnding,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
    RecoveryEntry,
    RevocationEntry,
    RollbackEntry,
    SignOffEntry,
    WitnessRecord,
    decode,
    encode,
)
from gates.model import (
    Build,
    CoveredFinding,
    Decision,
    Identity,
    JudgedRun,
    Outcome,
    Person,
    PolicyFile,
    SignOff,
    SignOffKind,
    Verdict,
)
from reports import terminal

AT = 1_800_000_000.5
WITNESS = WitnessRecord("agrees: w", "not seen: r", agreed_moves=3, last_share=0.3)
DECISION = Decision(
    Outcome.HOLD,
    "why",
    "ramp-10",
    "green",
    "v5",
    datetime(2026, 11, 27, tzinfo=UTC),
    (),
    time_scale=15.0,
    policy=PolicyFile("p.toml", "d" * 64, installed=True),
    warnings=("w",),
)
RUN = JudgedRun(
    "checks",
    "r1",
    7,
    "e" * 64,
    True,
    datetime(2026, 11, 26, tzinfo=UTC),
    "v5",
    frozenset({"smoke.login"}),
    frozenset(),
)
PERSON = Person("Asha Rao", Identity.PIPELINE, "GitHub Actions run 77")
MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIGN_OFF = SignOff(
    SignOffKind.ITEM,
    "green",
    "ramp-10",
    "team-trained",
    "The team is trained.",
    PERSON,
    "seen",
    MOMENT,
    datetime(2026, 11, 29, 12, tzinfo=UTC),
    Build("v5", "5.0.0", "sha256:ab"),
)
OVERRIDE = replace(
    SIGN_OFF,
    kind=SignOffKind.OVERRIDE,
    person=Person("Ben"),
    decision="abcabcabcabc",
    covers=(CoveredFinding("smoke: smoke.login", Verdict.FAIL),),
)
ENTRIES: dict[str, LedgerEntry] = {
    "decision": DecisionEntry(DecisionDocument(DECISION, "d" * 64, "0.1.0", "f" * 64, (RUN,))),
    "move": MoveEntry("green", "ramp-10", 0.1, AT, 1.0),
    "start": RampStartEntry("green", 1.0, AT, 10),
    "resumption": RampResumptionEntry("green", 1.0, AT, "ramp-20"),
    "rollback of a ramp": RampRollbackEntry("green", 1.0, AT, "60 of 6,000"),
    "end": RampEndEntry("green", 15.0, AT, RampEnding.HELD, "", WITNESS),
    "end without a witness": RampEndEntry("green", 1.0, AT, RampEnding.LEFT, "orphaned"),
    "rollback": RollbackEntry(
        "green",
        1.0,
        AT,
        verified=True,
        proof="verified",
        moved=True,
        seconds=3.25,
        lines=("a", "b"),
        witness=WitnessRecord("w", "r"),
    ),
    "sign-off": SignOffEntry(SIGN_OFF, "ab"),
    "override": SignOffEntry(OVERRIDE),
    "revocation": RevocationEntry("green", "abcabcabcabc", PERSON, "too early", MOMENT, "ab"),
    "recovery": RecoveryEntry(17, "a" * 64),
    "other": OtherEntry({"kind": "a later kind", "target": "green", "n": [1, None]}),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_read_as_it_was_written(name: str) -> None:
    assert decode(encode(ENTRIES[name])) == ENTRIES[name]


@pytest.mark.parametrize("name", ENTRIES)
def test_every_kind_has_a_line_in_the_log(name: str) -> None:
    line = terminal.entry_line(LedgerRecord("abc", ENTRIES[name]))
    assert line.startswith("abc  ")
    assert ("green" in line) == (name != "recovery")


WRITTEN: dict[str, tuple[dict[str, Any], LedgerEntry]] = {
    "a rollback without proof": (
        {"kind": "rollback", "target": "green", "verified": False, "seconds": 1, "at": AT},
        RollbackEntry(
            "green", 1.0, AT, verified=False, proof="NOT verified", moved=False, seconds=1.0
        ),
    ),
    "a ramp that ended in an unknown way": (
        {"kind": "ramp", "event": "ended", "target": "green", "how": "paused", "at": AT},
        RampEndEntry("green", 1.0, AT, None),
    ),
    "a beginning with the target only": (
        {"kind": "ramp", "event": "began", "target": "green"},
        RampStartEntry("green", 1.0, None),
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_entries_of_other_versions_are_read(name: str) -> None:
    content, entry = WRITTEN[name]
    assert decode(content) == entry


INVALID: dict[str, dict[str, Any]] = {
    "a share that is a text": {"share": "0.1"},
    "a share that is not finite": {"share": float("nan")},
    "a share of hundreds of digits": {"share": 10**400},
    "a time that is a truth value": {"at": True},
    "no time scale": {"time_scale": None},
}


@pytest.mark.parametrize("name", INVALID)
def test_a_move_without_a_field_it_needs_is_no_move(name: str) -> None:
    entry = decode({**encode(ENTRIES["move"]), **INVALID[name]})
    assert isinstance(entry, OtherEntry)
    assert (entry.kind, entry.target) == ("move", "green")


INVALID_SIGN_OFFS: dict[str, dict[str, Any]] = {
    "no name": {"by": ""},
    "an unknown source of the name": {"identity": "guessed"},
    "no time": {"at": 5},
    "a time without an offset from UTC": {"expires_at": "2026-11-27T12:00:00"},
    "a time that UTC has not": {"at": "0001-01-01T00:00:00+14:00"},
    "an unknown kind": {"signed": "wish"},
    "an unknown verdict": {"covers": [{"finding": "smoke", "verdict": "bad"}]},
}


@pytest.mark.parametrize("name", INVALID_SIGN_OFFS)
def test_a_sign_off_without_a_field_it_needs_is_no_sign_off(name: str) -> None:
    entry = decode({**encode(ENTRIES["override"]), **INVALID_SIGN_OFFS[name]})
    assert isinstance(entry, OtherEntry)
    assert (entry.kind, entry.target) == ("sign_off", "green")


def test_a_revocation_without_a_person_is_no_revocation() -> None:
    entry = decode({**encode(ENTRIES["revocation"]), "by": None})
    assert isinstance(entry, OtherEntry)


def test_a_run_of_another_shape_hides_no_other_run() -> None:
    entry = ENTRIES["decision"]
    assert isinstance(entry, DecisionEntry)
    content = dict(encode(entry))
    runs = content["runs"]
    assert isinstance(runs, list)
    content["runs"] = [{"kind": "checks"}, None, *runs, {**runs[0], "started_at": "yesterday"}]
    assert decode(content) == entry


def test_a_decision_of_an_older_version_has_the_defaults() -> None:
    entry = ENTRIES["decision"]
    assert isinstance(entry, DecisionEntry)
    content = dict(encode(entry))
    for name in ("policy", "warnings", "runs", "time_scale", "evidence"):
        del content[name]
    older = replace(DECISION, policy=None, warnings=(), time_scale=1.0)
    assert decode(content) == DecisionEntry(DecisionDocument(older, "d" * 64, "0.1.0"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "run", "at", "size"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=9,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(ENTRIES)),
    changes=st.dictionaries(
        st.sampled_from(sorted({key for entry in ENTRIES.values() for key in encode(entry)})), JSON
    ),
)
def test_no_content_makes_the_decoder_or_the_log_fail(name: str, changes: dict[str, Any]) -> None:
    entry = decode({**encode(ENTRIES[name]), **changes})
    assert terminal.entry_line(LedgerRecord("abc", entry)).isprintable()
    if not isinstance(entry, OtherEntry):
        assert decode(encode(entry)) == entry
