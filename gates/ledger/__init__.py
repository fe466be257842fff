"""The ledger: every decision and every move of traffic has an entry before it takes effect.

chain           appends entries to the file of the ledger, chains them by hash, and verifies them
entry           the kinds of entries, with one encoder and one decoder
sign_off_entry  the entries of sign-offs and revocations
evidence_store  stores the evidence of decisions, in files whose names are the SHA-256 digests
"""

from gates.ledger.chain import (
    FILE,
    LOCK,
    TORN,
    LedgerContent,
    LedgerReader,
    LedgerRecord,
    append,
    entries,
    locked,
    read,
    verify,
)
from gates.ledger.entry import (
    NOT_MOVED,
    DecisionEntry,
    LedgerEntry,
    MoveEntry,
    OtherEntry,
    RampEndEntry,
    RampEnding,
    RampEventEntry,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
    RecoveryEntry,
    RollbackEntry,
    WitnessRecord,
    decode,
    encode,
)
from gates.ledger.evidence_store import EVIDENCE, load_evidence, store_evidence
from gates.ledger.sign_off_entry import RevocationEntry, SignOffEntry

__all__ = [
    "EVIDENCE",
    "FILE",
    "LOCK",
    "NOT_MOVED",
    "TORN",
    "DecisionEntry",
    "LedgerContent",
    "LedgerEntry",
    "LedgerReader",
    "LedgerRecord",
    "MoveEntry",
    "OtherEntry",
    "RampEndEntry",
    "RampEnding",
    "RampEventEntry",
    "RampResumptionEntry",
    "RampRollbackEntry",
    "RampStartEntry",
    "RecoveryEntry",
    "RevocationEntry",
    "RollbackEntry",
    "SignOffEntry",
    "WitnessRecord",
    "append",
    "decode",
    "encode",
    "entries",
    "load_evidence",
    "locked",
    "read",
    "store_evidence",
    "verify",
]
