"""The kinds of ledger entries, with one encoder and one decoder.

The ledger is untrusted. The decoder raises no error: an entry of an unknown kind, or an entry
without a needed field, is an ``OtherEntry``. A field that an older version of the gate did not
write gets its default value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gates import decision_document
from gates.decision_document import DecisionDocument
from gates.json_fields import JsonObject, json_object, number, text, texts, whole_number
from gates.ledger import sign_off_entry
from gates.ledger.sign_off_entry import RevocationEntry, SignOffEntry


class RampEnding(Enum):
    """How a ramp ended."""

    DONE = "done"
    HELD = "held"
    STOPPED = "stopped"  # no_go; the policy leaves the traffic where it is
    ROLLED_BACK = "rolled_back"
    NOT_ROLLED_BACK = "not_rolled_back"
    LEFT = "left"  # the ramp could not go on, and the traffic stays where it is
    MOVED_BY_OTHERS = "moved_by_others"


# The words of a rollback after which the traffic is where it was before.
NOT_MOVED = "NOT verified: not moved"


@dataclass(frozen=True, slots=True)
class WitnessRecord:
    """The statements of the second witness (Prometheus) about the last move of traffic.

    Args:
        weights: the statement about the traffic weights; empty where there is no statement.
        requests: the statement about the requests of customers; empty where there is none.
        agreed_moves: the number of moves of the ramp that the second witness confirmed; None for a
            rollback.
        last_share: green's share of the traffic after the last move, 0 to 1; None for a rollback.
    """

    weights: str
    requests: str
    agreed_moves: int | None = None
    last_share: float | None = None


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """The ledger entry of a decision of the gate."""

    document: DecisionDocument

    @property
    def target(self) -> str:
        """The target's name."""
        return self.document.decision.target


@dataclass(frozen=True, slots=True)
class MoveEntry:
    """The ledger entry of a move of traffic by a ramp, written before the traffic moves.

    Args:
        target: the target's name.
        stage: the stage of the ramp that begins with this move.
        share: green's share of the traffic after the move, 0 to 1.
        at: when the entry was written, seconds since the epoch.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
    """

    target: str
    stage: str
    share: float
    at: float
    time_scale: float


@dataclass(frozen=True, slots=True)
class RampStartEntry:
    """The ledger entry of the beginning of a ramp.

    Args:
        target: the target's name.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
        at: when the ramp began, seconds since the epoch; None where the entry has no time.
        steps: the number of steps of the ramp; None where the entry has no number.
    """

    target: str
    time_scale: float
    at: float | None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class RampResumptionEntry:
    """The ledger entry of a ramp that went on.

    Before this entry, the ramp was interrupted, so that the ledger has no end of the ramp; or the
    ramp ended with HELD or LEFT.

    Args:
        target: the target's name.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
        at: when the ramp went on, seconds since the epoch; None where the entry has no time.
        stage: the stage of the step at which the ramp went on.
    """

    target: str
    time_scale: float
    at: float | None
    stage: str


@dataclass(frozen=True, slots=True)
class RampRollbackEntry:
    """The ledger entry of a ramp that is about to move all traffic to the baseline.

    Args:
        target: the target's name.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
        at: when the entry was written, seconds since the epoch; None where the entry has no time.
        why: the reason for the rollback.
    """

    target: str
    time_scale: float
    at: float | None
    why: str


@dataclass(frozen=True, slots=True)
class RampEndEntry:
    """The ledger entry of the end of a ramp.

    Args:
        target: the target's name.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
        at: when the ramp ended, seconds since the epoch; None where the entry has no time.
        ending: how the ramp ended; None where the entry has an unknown word for the end.
        why: the reason why the ramp ended; empty without a reason.
        witness: the statements of the second witness; None where the gate did not query the
            witness.
    """

    target: str
    time_scale: float
    at: float | None
    ending: RampEnding | None
    why: str = ""
    witness: WitnessRecord | None = None


@dataclass(frozen=True, slots=True)
class RollbackEntry:
    """The ledger entry of a rollback: all traffic moved to the baseline, or the attempt failed.

    Args:
        target: the target's name.
        time_scale: the factor that divides every duration: over 1 in a rehearsal, else 1.
        at: when the rollback ended, seconds since the epoch; None where the entry has no time.
        verified: whether both witnesses (control endpoint, Prometheus) state that the baseline has
            all traffic.
        proof: what is known about the traffic after the rollback, in words.
        moved: whether the control endpoint confirmed the new traffic weights.
        seconds: the duration of the rollback; None where the entry has no duration.
        lines: the log of the rollback, one line for each action or observation.
        witness: the statements of the second witness; None where the entry has none.
    """

    target: str
    time_scale: float
    at: float | None
    verified: bool
    proof: str
    moved: bool
    seconds: float | None
    lines: tuple[str, ...] = ()
    witness: WitnessRecord | None = None

    @property
    def moved_nothing(self) -> bool:
        """Whether the entry states that the traffic stayed as it was; an old entry may not say."""
        return not self.moved and self.proof == NOT_MOVED


@dataclass(frozen=True, slots=True)
class RecoveryEntry:
    """The ledger entry of a recovery: an incomplete line was moved to another file.

    Args:
        size: the length of the moved line in bytes.
        digest: the SHA-256 of the moved line.
    """

    size: int
    digest: str
    target: str = ""
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class OtherEntry:
    """An entry of an unknown kind, or without a needed field; its JSON stays unchanged."""

    content: Mapping[str, object]

    @property
    def kind(self) -> str:
        """The kind of the entry; empty where the entry has no kind."""
        return text(self.content, "kind")

    @property
    def target(self) -> str:
        """The target's name; empty where the entry has no target."""
        return text(self.content, "target")

    @property
    def time_scale(self) -> float:
        """The time scale of the entry; 1 where the entry has no time scale."""
        return _time_scale(self.content)


RampEventEntry = RampStartEntry | RampResumptionEntry | RampRollbackEntry | RampEndEntry
LedgerEntry = (
    DecisionEntry
    | MoveEntry
    | RampEventEntry
    | RollbackEntry
    | SignOffEntry
    | RevocationEntry
    | RecoveryEntry
    | OtherEntry
)


def encode(entry: LedgerEntry) -> JsonObject:
    """Return the JSON object of a ledger entry."""
    match entry:
        case DecisionEntry():
            return decision_document.encode(entry.document)
        case SignOffEntry() | RevocationEntry():
            return sign_off_entry.encode(entry)
        case RollbackEntry():
            return _encode_rollback(entry)
        case RecoveryEntry():
            return {"kind": "recovered", "bytes": entry.size, "sha256": entry.digest}
        case OtherEntry():
            return entry.content
        case _:
            return _encode_ramp_entry(entry)


def decode(content: JsonObject) -> LedgerEntry:
    """Read a ledger entry from its JSON object; this raises no error.

    Args:
        content: the JSON object; untrusted.

    Returns:
        The entry; an ``OtherEntry`` where the kind is unknown or a needed field is missing.
    """
    entry: LedgerEntry | None = None
    match content.get("kind"):
        case "decision":
            document = decision_document.decode(content)
            entry = DecisionEntry(document) if document else None
        case "move":
            entry = _decode_move(content)
        case "ramp":
            entry = _decode_ramp_event(content)
        case "rollback":
            entry = _decode_rollback(content)
        case "sign_off" | "revocation":
            entry = sign_off_entry.decode(content)
        case "recovered":
            size = whole_number(content, "bytes")
            entry = None if size is None else RecoveryEntry(size, text(content, "sha256"))
    return OtherEntry(content) if entry is None else entry


def _encode_ramp_entry(entry: MoveEntry | RampEventEntry) -> JsonObject:
    if not isinstance(entry, MoveEntry):
        return _encode_ramp_event(entry)
    return {
        "kind": "move",
        "target": entry.target,
        "stage": entry.stage,
        "share": entry.share,
        "at": entry.at,
        "time_scale": entry.time_scale,
    }


def _encode_ramp_event(entry: RampEventEntry) -> JsonObject:
    def event(name: str) -> dict[str, object]:
        moment = {} if entry.at is None else {"at": entry.at}
        common = {"event": name, "target": entry.target, "time_scale": entry.time_scale}
        return {"kind": "ramp", **common, **moment}

    match entry:
        case RampStartEntry():
            steps = {} if entry.steps is None else {"steps": entry.steps}
            return {**event("began"), **steps}
        case RampResumptionEntry():
            return {**event("resumed"), "stage": entry.stage}
        case RampRollbackEntry():
            return {**event("rollback"), "why": entry.why}
        case RampEndEntry():
            how = "" if entry.ending is None else entry.ending.value
            witness = {} if entry.witness is None else {"verified": _encode_witness(entry.witness)}
            return {**event("ended"), "how": how, "why": entry.why, **witness}


def _decode_ramp_event(content: JsonObject) -> RampEventEntry | None:
    target, scale, at = text(content, "target"), _time_scale(content), number(content, "at")
    match content.get("event"):
        case "began":
            return RampStartEntry(target, scale, at, whole_number(content, "steps"))
        case "resumed":
            return RampResumptionEntry(target, scale, at, text(content, "stage"))
        case "rollback":
            return RampRollbackEntry(target, scale, at, text(content, "why"))
        case "ended":
            ending = _decode_ending(text(content, "how"))
            witness = _decode_witness(json_object(content, "verified"))
            return RampEndEntry(target, scale, at, ending, text(content, "why"), witness)
    return None


def _decode_ending(how: str) -> RampEnding | None:
    return next((ending for ending in RampEnding if ending.value == how), None)


def _decode_move(content: JsonObject) -> MoveEntry | None:
    share, at = number(content, "share"), number(content, "at")
    scale = number(content, "time_scale")
    if share is None or at is None or scale is None:
        return None
    return MoveEntry(text(content, "target"), text(content, "stage"), share, at, scale)


def _encode_rollback(entry: RollbackEntry) -> JsonObject:
    return {
        "kind": "rollback",
        "target": entry.target,
        "verified": entry.verified,
        "proof": entry.proof,
        "moved": entry.moved,
        "seconds": entry.seconds,
        "lines": list(entry.lines),
        "witness": None if entry.witness is None else _encode_witness(entry.witness),
        "at": entry.at,
        "time_scale": entry.time_scale,
    }


def _decode_rollback(content: JsonObject) -> RollbackEntry:
    verified = content.get("verified") is True
    return RollbackEntry(
        target=text(content, "target"),
        time_scale=_time_scale(content),
        at=number(content, "at"),
        verified=verified,
        proof=text(content, "proof") or ("verified" if verified else "NOT verified"),
        moved=content.get("moved") is True,
        seconds=number(content, "seconds"),
        lines=texts(content, "lines"),
        witness=_decode_witness(json_object(content, "witness")),
    )


def _encode_witness(witness: WitnessRecord) -> JsonObject:
    moves = {} if witness.agreed_moves is None else {"moves": witness.agreed_moves}
    share = {} if witness.last_share is None else {"last_share": witness.last_share}
    return {**moves, **share, "weights": witness.weights, "requests": witness.requests}


def _decode_witness(content: JsonObject | None) -> WitnessRecord | None:
    if content is None:
        return None
    return WitnessRecord(
        weights=text(content, "weights"),
        requests=text(content, "requests"),
        agreed_moves=whole_number(content, "moves"),
        last_share=number(content, "last_share"),
    )


def _time_scale(content: JsonObject) -> float:
    return number(content, "time_scale") or 1.0
