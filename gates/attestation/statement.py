"""Reads in-toto statements about decisions of the gate, and checks their types.

Source: in-toto Attestation Framework, Statement v1; predicates test-result v0.1 and VSA v1.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from gates.errors import AttestationError
from gates.json_fields import JsonObject, json_object, json_objects, moment, text
from gates.model import Outcome

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
# For each predicate: the field with the result, and the values with which a release may go on.
RESULT_FIELDS = {
    TEST_RESULT: ("result", frozenset({"PASSED", "WARNED"})),
    SUMMARY: ("verificationResult", frozenset({"PASSED"})),
}
BUILD_SUBJECT, EVIDENCE_SUBJECT = "build", "evidence"
DIGEST = re.compile(r"([a-z0-9]{1,20}):([0-9a-f]{16,128})\Z")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class AttestedDecision:
    """The decision that a statement is about.

    Args:
        predicate_type: the type of the statement's predicate.
        outcome: the outcome of the decision.
        reason: the reason for the outcome.
        stage: the name of the stage.
        target: the target's name.
        build: the build that the target served, as text.
        build_digest: the whole digest of this build.
        evidence_digest: SHA-256 of the evidence of the decision.
        at: the moment of the decision, UTC.
        entry_id: the id of the decision's ledger entry.
        time_scale: the factor that divided every duration: over 1 in a rehearsal, else 1.
    """

    predicate_type: str
    outcome: Outcome
    reason: str
    stage: str
    target: str
    build: str
    build_digest: str
    evidence_digest: str
    at: datetime
    entry_id: str
    time_scale: float


def digest_set(digest: str) -> dict[str, str]:
    """Return a digest such as ``sha256:…`` in the form of in-toto; empty for another form."""
    match = DIGEST.match(digest)
    return {match[1]: match[2]} if match else {}


def read(payload: bytes) -> AttestedDecision:
    """Read the decision that a statement is about.

    Args:
        payload: the statement as JSON; the caller must have verified the signature.

    Raises:
        AttestationError: the payload is not the statement of a decision, or contradicts itself.
    """
    statement = _object(payload)
    predicate_type = text(statement, "predicateType")
    if text(statement, "_type") != STATEMENT_TYPE or predicate_type not in RESULT_FIELDS:
        raise AttestationError(
            f"the statement has the type {text(statement, '_type')[:100]!r} and the predicate type "
            f"{predicate_type[:100]!r}; expected a statement of gates"
        )
    subjects = {text(subject, "name"): subject for subject in json_objects(statement, "subject")}
    evidence = _required(subjects.get(EVIDENCE_SUBJECT), "a subject named evidence")
    facts = _required(json_object(evidence, "annotations"), "annotations of the evidence")
    build = json_object(subjects.get(BUILD_SUBJECT, {}), "digest") or {}
    decision = AttestedDecision(
        predicate_type=predicate_type,
        outcome=_outcome(facts),
        reason=text(facts, "reason"),
        stage=text(facts, "stage"),
        target=text(facts, "target"),
        build=text(facts, "build"),
        build_digest=next((f"{name}:{value}" for name, value in build.items()), ""),
        evidence_digest=text(json_object(evidence, "digest") or {}, "sha256"),
        at=_required(moment(facts, "at"), "the time of the decision"),
        entry_id=text(facts, "ledger_entry"),
        time_scale=_scale(facts),
    )
    _check_result(statement, decision)
    return decision


def _check_result(statement: JsonObject, decision: AttestedDecision) -> None:
    """Refuse a statement in which the predicate contradicts the decision."""
    name, values = RESULT_FIELDS[decision.predicate_type]
    result = text(json_object(statement, "predicate") or {}, name)
    if (result in values) != (decision.outcome is Outcome.GO):
        raise AttestationError(
            f"the statement contradicts itself: {name} is {result[:40]!r}, and the decision is "
            f"{decision.outcome.value}"
        )


def _object(payload: bytes) -> JsonObject:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise AttestationError(f"the statement is not JSON: {error}"[:200]) from None
    if not isinstance(content, dict):
        raise AttestationError("the statement is not a JSON object")
    return content


def _outcome(facts: JsonObject) -> Outcome:
    value = text(facts, "decision")
    known = next((outcome for outcome in Outcome if outcome.value == value), None)
    return _required(known, "a decision")


def _scale(facts: JsonObject) -> float:
    try:
        return float(text(facts, "time_scale"))
    except ValueError:
        raise AttestationError("the statement does not have a time scale") from None


def _required(value: Value | None, description: str) -> Value:
    if value is None:
        raise AttestationError(f"the statement does not have {description}")
    return value
