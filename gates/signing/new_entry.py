"""Writes sign-offs, overrides and revocations into the ledger, and refuses invalid requests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gates import ledger
from gates.decision_document import DecisionDocument
from gates.errors import ConfigurationError, UnknownNameError
from gates.judging.not_counted import overrides
from gates.ledger import DecisionEntry, RevocationEntry, SignOffEntry
from gates.model import (
    CoveredFinding,
    Objective,
    Person,
    SignOff,
    SignOffKind,
    SignOffObjective,
    SignOffRecord,
    Stage,
    Target,
)
from gates.signing import signature

MAX_NOTE = 500
MAX_NAMES = 20


@dataclass(frozen=True, slots=True)
class SignOffRequest:
    """The request of a person to sign an item, or to sign the override of an objective.

    Args:
        out: the folder of the ledger.
        target: the target, whose expected release is signed.
        stage: the stage for which the person signs.
        item: the name of an objective of the stage.
        person: the person who signs.
        note: the reason, or the evidence that the person saw.
        lifetime: the time until the sign-off expires; None for the maximum age of the item.
    """

    out: Path
    target: Target
    stage: Stage
    item: str
    person: Person
    note: str
    lifetime: timedelta | None = None


def sign(request: SignOffRequest) -> SignOffRecord:
    """Write the sign-off of an item into the ledger, and return the record of the sign-off.

    Raises:
        UnknownNameError: the stage has no objective with this name.
        ConfigurationError: a machine verifies the objective, or the note or the expiry is wrong.
        LedgerError: the ledger could not be written, so nothing is signed.
    """
    items = [
        objective
        for objective in request.stage.objectives
        if isinstance(objective, SignOffObjective)
    ]
    objective = _objective_of(request)
    if not isinstance(objective, SignOffObjective):
        names = ", ".join(item.name for item in items) or "none"
        raise ConfigurationError(
            f"{objective.name} cannot be signed, because a machine verifies it; to verify it, run: "
            f"gates check {request.stage.name} --target {request.target.name}; the items of this "
            f"stage that people sign: {names}"
        )
    lifetime = request.lifetime or objective.max_age
    _refuse_long(lifetime, objective.max_age, f"the policy's max_age_seconds of {objective.name}")
    return _append(request, lifetime, _Statement(SignOffKind.ITEM, objective.item))


def sign_override(request: SignOffRequest) -> SignOffRecord:
    """Write into the ledger the override of an objective that did not pass; return its record.

    The newest decision about the stage must have a finding of the objective that is not a pass.

    Raises:
        ConfigurationError: the objective cannot be overridden, or has no failure in the newest
            decision, or the note or the expiry is wrong.
        LedgerError: the ledger could not be written, so nothing is signed.
    """
    objective = _objective_of(request)
    if refusal := overrides.refusal_of(objective):
        raise ConfigurationError(f"{objective.name} cannot be overridden: {refusal}")
    if request.lifetime is None:
        raise ConfigurationError("--override needs --expires TIME, at most 72h")
    _refuse_long(request.lifetime, overrides.MAX_LIFETIME, "an override")
    document = newest_decision(ledger.entries(request.out), request.target, request.stage.name)
    asks = f"gates check {request.stage.name} --target {request.target.name}"
    if document is None or document.decision.build != str(request.target.expected):
        raise ConfigurationError(
            f"the ledger has no decision about stage {request.stage.name} of "
            f"{request.target.expected}, so there is no failure to override; run: {asks}"
        )
    covers = _failures_of(objective, document)
    if not covers:
        raise ConfigurationError(
            f"{objective.name} has no failure in decision {document.entry_id} "
            f"that an override could cover; run: {asks}"
        )
    text = f"The release may go on although {objective.name} is not a pass."
    statement = _Statement(SignOffKind.OVERRIDE, text, covers, document.entry_id)
    return _append(request, request.lifetime, statement)


def revoke(out: Path, prefix: str, person: Person, note: str) -> SignOffRecord:
    """Write the revocation of a sign-off or an override into the ledger; return the new record.

    Args:
        out: the folder of the ledger.
        prefix: the id of the ledger entry of the sign-off or override, or the beginning of the id.
        person: the person who revokes.
        note: the reason for the revocation.

    Raises:
        ConfigurationError: no such entry or several entries have this id, or the note is empty or
            too long.
        LedgerError: the ledger could not be written, so nothing is revoked.
    """
    _check_note(note)
    records = {
        record.entry_id: record.entry
        for record in ledger.entries(out)
        if isinstance(record.entry, SignOffEntry)
    }
    matches = [entry_id for entry_id in records if prefix and entry_id.startswith(prefix)]
    if len(matches) != 1:
        newest = list(records)[-MAX_NAMES:]
        raise UnknownNameError("sign-off", prefix, newest, str(out / ledger.FILE))
    entry, key = records[matches[0]], signature.configured_key()
    revocation = RevocationEntry(entry.target, matches[0], person, note.strip(), _now())
    ledger.append(out, signature.signed_revocation(revocation, key))
    is_verified = signature.is_valid(entry, key)
    return SignOffRecord(matches[0], entry.sign_off, is_verified, f"was revoked by {person.name}")


def newest_decision(
    records: Iterable[ledger.LedgerRecord], target: Target, stage: str
) -> DecisionDocument | None:
    """Return the newest decision about a stage of a target; None where the ledger has none.

    Args:
        records: the entries of the ledger, oldest first.
        target: the target.
        stage: the name of the stage.
    """
    documents = [
        replace(record.entry.document, entry_id=record.entry_id)
        for record in records
        if isinstance(record.entry, DecisionEntry)
        and record.entry.target == target.name
        and record.entry.document.decision.stage == stage
    ]
    return documents[-1] if documents else None


def _objective_of(request: SignOffRequest) -> Objective:
    """The objective of the stage that has the item's name.

    Raises:
        UnknownNameError: the stage has no such objective.
    """
    by_name = {objective.name: objective for objective in request.stage.objectives}
    if request.item not in by_name:
        sign_off_names = [
            name for name, objective in by_name.items() if isinstance(objective, SignOffObjective)
        ]
        where = f"stage {request.stage.name}"
        raise UnknownNameError("item", request.item, sign_off_names or list(by_name), where)
    return by_name[request.item]


def _failures_of(objective: Objective, document: DecisionDocument) -> tuple[CoveredFinding, ...]:
    return overrides.covered_by(
        [
            finding
            for finding in document.decision.findings
            if overrides.objective_name(finding) == objective.name
            and overrides.can_be_overridden(finding)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    """The signed statement: the fields of ``SignOff`` that depend on the kind of sign-off."""

    kind: SignOffKind
    text: str
    covers: tuple[CoveredFinding, ...] = ()
    decision: str = ""


def _append(request: SignOffRequest, lifetime: timedelta, statement: _Statement) -> SignOffRecord:
    _check_note(request.note)
    at, key = _now(), signature.configured_key()
    sign_off = SignOff(
        kind=statement.kind,
        target=request.target.name,
        stage=request.stage.name,
        item=request.item,
        statement=statement.text,
        person=request.person,
        note=request.note.strip(),
        at=at,
        expires_at=at + lifetime,
        build=request.target.expected,
        covers=statement.covers,
        decision=statement.decision,
    )
    entry_id = ledger.append(request.out, signature.signed(SignOffEntry(sign_off), key))
    return SignOffRecord(entry_id, sign_off, is_verified=bool(key))


def _refuse_long(lifetime: timedelta, limit: timedelta, owner: str) -> None:
    if lifetime > limit:
        hours = limit.total_seconds() / 3600
        raise ConfigurationError(
            f"--expires: expected at most {hours:g}h ({owner}), got "
            f"{lifetime.total_seconds() / 3600:g}h"
        )


def _check_note(note: str) -> None:
    if not note.strip() or len(note) > MAX_NOTE or not note.isprintable():
        raise ConfigurationError(
            f"--note: expected a reason of at most {MAX_NOTE} printable characters, got "
            f"{note[:80]!r}"
        )


def _now() -> datetime:
    return datetime.now(UTC)
