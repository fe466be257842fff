"""Reads the sign-offs of the ledger, each with the reason why the sign-off does not count.

A damaged or deleted line of the ledger may have been the revocation of any earlier sign-off. So the
sign-offs before the damage do not count.
"""

from collections.abc import Sequence

from gates.ledger import (
    LedgerContent,
    LedgerRecord,
    OtherEntry,
    RecoveryEntry,
    RevocationEntry,
    SignOffEntry,
)
from gates.model import SignOffRecord
from gates.signing import signature

# The newest sign-offs of a target up to this number are read; a release needs fewer.
MAX_RECORDS = 2000
DAMAGED = (
    "is before a damaged line of the ledger, and this line may have been a revocation; sign again"
)
WRONG_SIGNATURE = f"has no signature, or was not signed with {signature.KEY_VARIABLE}"


def sign_offs_of(content: LedgerContent, target: str, key: str) -> tuple[SignOffRecord, ...]:
    """Return the sign-offs and overrides of a target in the ledger, oldest first.

    Args:
        content: the content of the ledger.
        target: the target's name.
        key: the key with which sign-offs must be signed; empty where no key is configured.
    """
    revoked = _revoked(content.records)
    sound_from = max(content.before_damage, _behind_cut_lines(content.records))
    records = [
        _record(record, key, revoked, is_sound=number >= sound_from)
        for number, record in enumerate(content.records)
        if isinstance(record.entry, SignOffEntry) and record.entry.target == target
    ]
    return tuple(record for record in records[-MAX_RECORDS:] if record is not None)


def _record(
    record: LedgerRecord,
    key: str,
    revoked: Sequence[tuple[SignOffEntry, RevocationEntry]],
    *,
    is_sound: bool,
) -> SignOffRecord | None:
    entry = record.entry
    if not isinstance(entry, SignOffEntry):
        return None
    is_verified, problem = signature.is_valid(entry, key), ""
    revocation = next((later for earlier, later in revoked if earlier == entry), None)
    if key and not is_verified:
        problem = WRONG_SIGNATURE
    elif revocation is not None:
        problem = f"was revoked by {revocation.person.name}: {revocation.note}"
    elif not is_sound:
        problem = DAMAGED
    return SignOffRecord(record.entry_id, entry.sign_off, is_verified, problem)


def _revoked(records: Sequence[LedgerRecord]) -> list[tuple[SignOffEntry, RevocationEntry]]:
    """Return the revoked entries, each with its revocation; copies of an entry are revoked too."""
    entries = {
        record.entry_id: record.entry
        for record in records
        if isinstance(record.entry, SignOffEntry)
    }
    revocations = [record.entry for record in records if isinstance(record.entry, RevocationEntry)]
    return [
        (entries[revocation.revoked], revocation)
        for revocation in revocations
        if revocation.revoked in entries
    ]


def _behind_cut_lines(records: Sequence[LedgerRecord]) -> int:
    """Return the index of the last recovery entry or unreadable revocation; 0 without one."""
    unreadable = [
        number
        for number, record in enumerate(records)
        if isinstance(record.entry, RecoveryEntry)
        or (isinstance(record.entry, OtherEntry) and record.entry.kind == "revocation")
    ]
    return unreadable[-1] if unreadable else 0
