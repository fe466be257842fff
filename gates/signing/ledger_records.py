"""The sign-offs of the ledger, each with the reason why it does not count.

A revocation that was cut, edited or deleted could have been of any sign-off before it. Where the
ledger shows such damage, the sign-offs before the damage do not count.
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

# More sign-offs of a target than a release needs; the newest are read.
MAX_RECORDS = 2000
DAMAGED = (
    "stands before a damaged line of the ledger, which may have been its revocation; sign again"
)
WRONG_SIGNATURE = f"has no signature, or was not signed with {signature.KEY_VARIABLE}"


def sign_offs_of(content: LedgerContent, target: str, key: str) -> tuple[SignOffRecord, ...]:
    """The sign-offs and overrides of a target, oldest first.

    Args:
        content: the ledger.
        target: the target's name.
        key: the configured key; empty where there is none.
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
    """The revoked entries, each with its revocation; a copy of such an entry is revoked too."""
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
    """The number of the first record behind the last line that was cut or cannot be read."""
    unreadable = [
        number
        for number, record in enumerate(records)
        if isinstance(record.entry, RecoveryEntry)
        or (isinstance(record.entry, OtherEntry) and record.entry.kind == "revocation")
    ]
    return unreadable[-1] if unreadable else 0
