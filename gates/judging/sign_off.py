"""Condition: enough different people signed the item for the target's release and the stage."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gates.judging.checks.provenance import CLOCK_TOLERANCE
from gates.judging.conclusion import Conclusion, finding_of
from gates.model import (
    Evidence,
    Finding,
    Measured,
    Measurement,
    SignOffKind,
    SignOffObjective,
    SignOffRecord,
    Target,
    Verdict,
)

MAX_NAMED = 3
# Letters, marks and digits distinguish names; blanks, dots and dashes do not.
NAME_CATEGORIES = "LMN"
# Letters and marks that nobody sees. Source: Unicode, Default_Ignorable_Code_Point.
INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            0x3164,
            0xFFA0,
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class StageSignOffs:
    """The sign-offs of a target, and the stage for which these sign-offs are judged.

    Args:
        stage: the name of the stage.
        target: the target, with the release that the sign-offs must name.
        records: the sign-offs and overrides of the ledger, oldest first.
    """

    stage: str
    target: Target
    records: tuple[SignOffRecord, ...]

    @classmethod
    def of(cls, stage: str, evidence: Evidence) -> "StageSignOffs":
        """Take the target and the sign-offs from the evidence.

        Args:
            stage: the name of the stage for which the sign-offs are judged.
            evidence: the evidence with the target and the sign-offs.
        """
        return cls(stage, evidence.target, evidence.sign_offs)

    def of_item(self, objective: SignOffObjective) -> "Requirement":
        """Return what a valid sign-off must have: target, stage, objective, statement and age.

        Args:
            objective: the objective, whose item is the statement that people sign.
        """
        kind, statement = SignOffKind.ITEM, objective.item
        return Requirement(
            kind, self.target, self.stage, objective.name, objective.max_age, statement
        )

    def concerning(self, requirement: "Requirement") -> list[SignOffRecord]:
        """Return the sign-offs of the required item, also sign-offs that do not count."""
        return [record for record in self.records if requirement.concerns(record)]


@dataclass(frozen=True, slots=True)
class Requirement:
    """The properties that a valid sign-off must have.

    Args:
        kind: the required kind: a sign-off of an item, or an override.
        target: the target, with the release that the sign-off must name.
        stage: the name of the stage.
        item: the name of the objective.
        max_age: the maximum age of the sign-off.
        statement: the statement that the person must have signed; None for any statement.
    """

    kind: SignOffKind
    target: Target
    stage: str
    item: str
    max_age: timedelta
    statement: str | None = None

    def concerns(self, record: SignOffRecord) -> bool:
        """Whether a sign-off has the required kind, item, target and stage."""
        signed = record.sign_off
        place = (signed.kind, signed.target, signed.stage, signed.item)
        return place == (self.kind, self.target.name, self.stage, self.item)


def person_key(name: str) -> str:
    """Return a name in lower case without blanks, punctuation and invisible letters.

    The keys of two names are equal where both names can mean the same person.
    """
    letters = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        letter
        for letter in letters
        if unicodedata.category(letter)[0] in NAME_CATEGORIES and letter not in INVISIBLE
    )


def has_mixed_scripts(name: str) -> bool:
    """Whether a name mixes Latin letters with Cyrillic or Greek letters, which look alike."""
    letters = (letter for letter in unicodedata.normalize("NFKC", name) if letter.isalpha())
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    return "LATIN" in scripts and not scripts.isdisjoint({"CYRILLIC", "GREEK"})


def problem_of(
    record: SignOffRecord, requirement: Requirement, now: datetime
) -> tuple[Measured, str]:
    """Find the reason why a sign-off does not count.

    Args:
        record: a sign-off that is about the required item.
        requirement: the properties that the sign-off must have.
        now: the moment of the decision, UTC.

    Returns:
        STALE and the reason where the sign-off has expired or is too old. ERROR and the reason
        where the sign-off is not valid for another reason. ``(OK, "")`` where the sign-off counts.
    """
    signed = record.sign_off
    if record.problem:
        return Measured.ERROR, record.problem
    if mismatch := _mismatch(record, requirement):
        return Measured.ERROR, mismatch
    age = now - signed.at
    hours = f"{requirement.max_age.total_seconds() / 3600:g} h"
    problems = (
        (
            age < -CLOCK_TOLERANCE,
            Measured.ERROR,
            f"has a time in the future: {moment_text(signed.at)}",
        ),
        (signed.expires_at <= now, Measured.STALE, f"expired at {moment_text(signed.expires_at)}"),
        (age > requirement.max_age, Measured.STALE, f"is older than {hours}, the maximum age"),
    )
    return next(
        ((measured, problem) for is_true, measured, problem in problems if is_true),
        (Measured.OK, ""),
    )


def _mismatch(record: SignOffRecord, requirement: Requirement) -> str:
    """Why a sign-off has a wrong name, release or statement; empty where all are right."""
    signed, expected = record.sign_off, requirement.target.expected
    if not person_key(signed.person.name) or has_mixed_scripts(signed.person.name):
        return (
            "is signed with a name without letters and digits, or with a name that mixes Latin "
            "with Cyrillic or Greek"
        )
    if signed.build != expected:
        return f"is for another release: {signed.build}, not {expected}"
    if requirement.statement not in (None, signed.statement):
        return f"is for another statement: {signed.statement[:200]!r}"
    return ""


def valid_by_person(
    records: Iterable[SignOffRecord], requirement: Requirement, now: datetime
) -> list[SignOffRecord]:
    """Return the sign-offs that count now, one for each person.

    Args:
        records: sign-offs that are about the required item.
        requirement: the properties that a sign-off must have.
        now: the moment of the decision, UTC.

    Returns:
        For each person, the sign-off with the latest end. The order is by the end of the sign-offs,
        the latest end first.
    """
    latest: dict[str, SignOffRecord] = {}
    for record in records:
        if problem_of(record, requirement, now)[1]:
            continue
        name = person_key(record.sign_off.person.name)
        known = latest.get(name)
        if known is None or end_of(record, requirement) > end_of(known, requirement):
            latest[name] = record
    return sorted(latest.values(), key=lambda record: end_of(record, requirement), reverse=True)


def end_of(record: SignOffRecord, requirement: Requirement) -> datetime:
    """Return the moment from which a sign-off does not count, because it expires or is too old."""
    signed = record.sign_off
    return min(signed.expires_at, signed.at + requirement.max_age)


def conclude(objective: SignOffObjective, sign_offs: StageSignOffs, now: datetime) -> Finding:
    """Judge whether enough different people have a valid sign-off of an item.

    Args:
        objective: the objective with the item, the number of people and the maximum age.
        sign_offs: the sign-offs of the ledger, and the stage for which they are judged.
        now: the moment of the decision, UTC.
    """
    requirement = sign_offs.of_item(objective)
    records = sign_offs.concerning(requirement)
    signers = valid_by_person(records, requirement, now)
    names, item = ", ".join(record.signer for record in signers), objective.item.rstrip(".")
    problems = [(record, *problem_of(record, requirement, now)) for record in records]
    measurement = Measurement(
        source="ledger",
        query=f"sign-offs of {objective.name} for {sign_offs.stage}",
        window_seconds=objective.max_age.total_seconds(),
        samples=len(records),
        age_seconds=min(
            ((now - record.sign_off.at).total_seconds() for record in signers), default=None
        ),
        value=names or "nobody",
    )
    if len(signers) >= objective.people:
        until = end_of(signers[objective.people - 1], requirement)
        sentence = f"signed by {names}, valid until {moment_text(until)}: {item}"
        conclusion = Conclusion(Measured.OK, Verdict.PASS, sentence)
    else:
        refused = [(record, problem) for record, _, problem in problems if problem]
        count = f"{len(signers)} of {objective.people} people have signed: {item}"
        sentence = "; ".join(
            [count, *_details(names, len(records) - len(refused), signers), *_refused(refused)]
        )
        measured = _worst(signers, [state for _, state, _ in problems])
        conclusion = Conclusion(measured, Verdict.INCONCLUSIVE, sentence)
    return finding_of(objective, conclusion, [measurement], command(objective, sign_offs))


def command(objective: SignOffObjective, sign_offs: StageSignOffs) -> str:
    """Return the command line with which a person signs the item.

    Args:
        objective: the objective with the item.
        sign_offs: the target and the stage for which the person signs.
    """
    place = f"--stage {sign_offs.stage} --target {sign_offs.target.name}"
    return f"gates sign {objective.name} {place} --by NAME --note TEXT"


def moment_text(moment: datetime) -> str:
    """Return a moment as a text for a message, such as ``2026-01-31 09:30 UTC``.

    Args:
        moment: the moment, UTC.
    """
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _details(names: str, count: int, signers: Sequence[SignOffRecord]) -> list[str]:
    """The names of the people who have signed, with a note about repeated sign-offs."""
    if not signers:
        return []
    again = "; a second sign-off of the same person does not count" if count > len(signers) else ""
    return [f"signed by {names}{again}"]


def _refused(refused: Sequence[tuple[SignOffRecord, str]]) -> list[str]:
    """The newest sign-offs that do not count, each with the reason."""
    newest = refused[-MAX_NAMED:]
    more = len(refused) - len(newest)
    sentences = [
        f"the sign-off {record.entry_id} of {record.signer} {problem}" for record, problem in newest
    ]
    return [*sentences, *([f"{more} more sign-offs do not count"] if more else [])]


def _worst(signers: Sequence[SignOffRecord], states: Sequence[Measured]) -> Measured:
    """The status of the sign-offs: found, expired, not valid, or missing."""
    if signers:
        return Measured.OK
    if Measured.STALE in states:
        return Measured.STALE
    return Measured.ERROR if states else Measured.NO_DATA
