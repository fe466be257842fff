"""Documents of decisions for the tests of formats, and texts that try to leave their format."""

from datetime import UTC, datetime

from gates.decision_document import DecisionDocument
from gates.ledger import (
    DecisionEntry,
    LedgerRecord,
    MoveEntry,
    RampStartEntry,
    RollbackEntry,
)
from gates.model import (
    Decision,
    Finding,
    Measured,
    Measurement,
    Outcome,
    Override,
    PolicyFile,
    Verdict,
)

AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
NASTY = (
    "a | b `c` ```d``` **e** _f_ ~~g~~ \\ \\| $h$",
    "<script>alert(1)</script> <img src=x onerror=y> &lt; &amp; <!-- ]]> <?x?>",
    "@team @all user@example.org #12 owner/name#3 :tada: GH",
    "[text](https://example.org) ![x](y) <https://example.org> http://example.org www.example.org",
    "first\nsecond\r\n# heading\n::error::forged\n- list",
    "::error title=x::forged 100% %0A, a:b, ##[error]forged ##[stop-commands]token",
    "\x00\x01\x1b[2J\x7f\x85\u2028\u2029\ufffe\uffff\ud800",
    "right \u202e to \u2066 left \u200b none \ufeff",
    "१२३ 漢字 \U0001f600 é e\u0301",
    "",
    "   ",
    "x" * 100_000,
    "`" * 3_000,
    "@" * 3_000,
)


def finding(
    verdict: Verdict, text: str = "60 of 6,000", *, override: Override | None = None
) -> Finding:
    """A finding whose every text is the text."""
    return Finding(
        objective=text,
        guide=text,
        measured=Measured.OK,
        verdict=verdict,
        sentence=text,
        next_step=text,
        measurements=(Measurement(text, text, 60.0, 12, 0.5, text),),
        subjects=(text,),
        override=override,
    )


def override(text: str = "the reason") -> Override:
    """An override by two people whose every text is the text."""
    return Override((text, text), (text, text), AT, (text, text))


def document(*findings: Finding, outcome: Outcome, text: str = "reason") -> DecisionDocument:
    """A decision with these findings, whose every other text is the text."""
    decision = Decision(
        outcome=outcome,
        reason=text,
        stage=text,
        target=text,
        build=text,
        at=AT,
        findings=findings,
        time_scale=15.0,
        policy=PolicyFile(text, text, installed=False),
        warnings=(text,),
    )
    return DecisionDocument(decision, text, text, text, (), text)


def document_of_all(text: str) -> DecisionDocument:
    """A no-go with a finding of each status, and the text in every place."""
    return document(
        finding(Verdict.FAIL, text),
        finding(Verdict.INCONCLUSIVE, text),
        finding(Verdict.FAIL, text, override=override(text)),
        finding(Verdict.PASS, text),
        outcome=Outcome.NO_GO,
        text=text,
    )


def rollback(text: str, at: float, *, is_done: bool) -> RollbackEntry:
    return RollbackEntry(text, 1.0, at, verified=is_done, proof=text, moved=is_done, seconds=1.5)


def ramp(text: str = "green") -> list[LedgerRecord]:
    """A ramp of two steps that is rolled back, and a second ramp."""
    entries: list[RampStartEntry | DecisionEntry | MoveEntry | RollbackEntry] = [
        RampStartEntry(text, 1.0, AT.timestamp()),
        DecisionEntry(document(finding(Verdict.PASS), outcome=Outcome.GO, text=text)),
        MoveEntry(text, text, 0.1, AT.timestamp(), 1.0),
        MoveEntry(text, text, 0.2, AT.timestamp() + 600, 1.0),
        rollback(text, AT.timestamp() + 700, is_done=True),
        rollback(text, AT.timestamp() + 800, is_done=False),
        RampStartEntry(text, 15.0, AT.timestamp() + 900),
        MoveEntry(text, text, 0.1, AT.timestamp() + 900, 15.0),
    ]
    return [LedgerRecord(f"{number:012x}", entry) for number, entry in enumerate(entries)]
