"""The ledger entries of sign-offs and revocations, with one encoder and one decoder.

The ledger is untrusted. The decoder raises no error: an entry without a needed field is neither a
sign-off nor a revocation.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from gates.json_fields import JsonObject, json_objects, moment, text
from gates.model import Build, CoveredFinding, Identity, Person, SignOff, SignOffKind, Verdict

SIGN_OFF, REVOCATION = "sign_off", "revocation"
# The key of an entry's signature in its JSON.
SIGNATURE = "hmac"


@dataclass(frozen=True, slots=True)
class SignOffEntry:
    """The ledger entry of a sign-off: a person signed an item, or an override.

    Args:
        sign_off: the signed statement.
        signature: HMAC-SHA-256 of the entry without this field; empty where no key is set.
    """

    sign_off: SignOff
    signature: str = ""
    time_scale: float = 1.0

    @property
    def target(self) -> str:
        """The target's name."""
        return self.sign_off.target


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """The ledger entry of a revocation: a person revoked a sign-off or an override.

    Args:
        target: the target's name.
        revoked: the id of the ledger entry of the sign-off.
        person: the person who revokes.
        note: the reason for the revocation.
        at: the moment of the revocation, UTC.
        signature: HMAC-SHA-256 of the entry without this field; empty where no key is set.
    """

    target: str
    revoked: str
    person: Person
    note: str
    at: datetime
    signature: str = ""
    time_scale: float = 1.0


def encode(entry: SignOffEntry | RevocationEntry) -> JsonObject:
    """Return the JSON object of the entry of a sign-off or a revocation."""
    content = (
        _encode_sign_off(entry.sign_off)
        if isinstance(entry, SignOffEntry)
        else {
            "kind": REVOCATION,
            "target": entry.target,
            "revoked": entry.revoked,
            **_encode_person(entry.person),
            "note": entry.note,
            "at": entry.at.isoformat(),
        }
    )
    return {**content, SIGNATURE: entry.signature} if entry.signature else content


def decode(content: JsonObject) -> SignOffEntry | RevocationEntry | None:
    """Read the entry of a sign-off or a revocation from its JSON object.

    Args:
        content: the JSON object; untrusted.

    Returns:
        The entry; None for another kind of entry, or where a needed field is missing.
    """
    signature = text(content, SIGNATURE)
    match content.get("kind"):
        case "sign_off":
            sign_off = _decode_sign_off(content)
            return None if sign_off is None else SignOffEntry(sign_off, signature)
        case "revocation":
            return _decode_revocation(content, signature)
    return None


def _encode_sign_off(sign_off: SignOff) -> JsonObject:
    return {
        "kind": SIGN_OFF,
        "signed": sign_off.kind.value,
        "target": sign_off.target,
        "stage": sign_off.stage,
        "item": sign_off.item,
        "statement": sign_off.statement,
        **_encode_person(sign_off.person),
        "note": sign_off.note,
        "at": sign_off.at.isoformat(),
        "expires_at": sign_off.expires_at.isoformat(),
        "release": sign_off.build.release,
        "version": sign_off.build.version,
        "digest": sign_off.build.digest,
        "covers": [
            {"finding": covered.name, "verdict": covered.verdict.value}
            for covered in sign_off.covers
        ],
        "decision": sign_off.decision,
    }


def _decode_sign_off(content: JsonObject) -> SignOff | None:
    at, expires_at = _utc(content, "at"), _utc(content, "expires_at")
    person, covers = _decode_person(content), _decode_covers(content)
    kinds = [kind for kind in SignOffKind if kind.value == text(content, "signed")]
    if at is None or expires_at is None or person is None or covers is None or not kinds:
        return None
    return SignOff(
        kind=kinds[0],
        target=text(content, "target"),
        stage=text(content, "stage"),
        item=text(content, "item"),
        statement=text(content, "statement"),
        person=person,
        note=text(content, "note"),
        at=at,
        expires_at=expires_at,
        build=Build(text(content, "release"), text(content, "version"), text(content, "digest")),
        covers=covers,
        decision=text(content, "decision"),
    )


def _decode_covers(content: JsonObject) -> tuple[CoveredFinding, ...] | None:
    """The covered findings; None if a finding has an unknown verdict."""
    try:
        return tuple(
            CoveredFinding(text(covered, "finding"), Verdict(text(covered, "verdict")))
            for covered in json_objects(content, "covers")
        )
    except ValueError:
        return None


def _decode_revocation(content: JsonObject, signature: str) -> RevocationEntry | None:
    person, at = _decode_person(content), _utc(content, "at")
    if person is None or at is None:
        return None
    target, revoked = text(content, "target"), text(content, "revoked")
    return RevocationEntry(target, revoked, person, text(content, "note"), at, signature)


def _encode_person(person: Person) -> dict[str, object]:
    return {"by": person.name, "identity": person.identity.value, "pipeline": person.pipeline}


def _decode_person(content: JsonObject) -> Person | None:
    identities = [known for known in Identity if known.value == text(content, "identity")]
    name = text(content, "by")
    return Person(name, identities[0], text(content, "pipeline")) if identities and name else None


def _utc(content: JsonObject, key: str) -> datetime | None:
    """The time that a key states, in UTC; None without a time, or with a year out of range."""
    value = moment(content, key)
    try:
        return None if value is None else value.astimezone(UTC)
    except OverflowError:
        return None
