"""Writes a decision as a JSON document, and reads the document back.

The JSON schema of the document is gates/schemas/decision.schema.json.
"""

import json
from dataclasses import dataclass

from gates.json_fields import (
    JsonObject,
    json_object,
    json_objects,
    moment,
    number,
    text,
    texts,
    whole_number,
)
from gates.model import (
    Advisory,
    Decision,
    Figure,
    Finding,
    JudgedRun,
    Measured,
    Measurement,
    Outcome,
    Override,
    PolicyFile,
    Verdict,
)

SCHEMA = 1
KIND = "decision"


@dataclass(frozen=True, slots=True)
class DecisionDocument:
    """A decision, and the values that the ledger stores with the decision.

    Args:
        decision: the decision.
        policy_digest: SHA-256 of the policy file.
        tool: the version of the gate.
        evidence_digest: SHA-256 of the stored evidence; empty before the evidence is stored.
        runs: the suite runs and load runs that the decision is based on.
        entry_id: the id of the decision's ledger entry; empty before the entry is written.
    """

    decision: Decision
    policy_digest: str
    tool: str
    evidence_digest: str = ""
    runs: tuple[JudgedRun, ...] = ()
    entry_id: str = ""


def of_decision(decision: Decision, *, policy_digest: str, tool: str) -> DecisionDocument:
    """Return the document of a decision that is not yet in the ledger.

    Args:
        decision: the decision.
        policy_digest: SHA-256 of the policy file.
        tool: the version of the gate.
    """
    return DecisionDocument(decision, policy_digest, tool)


def as_text(document: DecisionDocument) -> str:
    """Return the document as the text of indented JSON.

    Raises:
        ValueError: a number of the document is NaN or infinite; JSON has no such number.
    """
    return json.dumps(encode(document), indent=2, allow_nan=False)


def encode(document: DecisionDocument) -> JsonObject:
    """Return the document as a JSON object.

    The object has the key ``id`` only after the decision is in the ledger.
    """
    decision = document.decision
    content = {
        "kind": KIND,
        "schema": SCHEMA,
        "decision": decision.outcome.value,
        "reason": decision.reason,
        "stage": decision.stage,
        "target": decision.target,
        "build": decision.build,
        "build_digest": decision.build_digest,
        "at": decision.at.isoformat(),
        "policy_sha256": document.policy_digest,
        "tool": document.tool,
        "policy": _encode_policy(decision.policy),
        "time_scale": decision.time_scale,
        "warnings": list(decision.warnings),
        "findings": [_encode_finding(finding) for finding in decision.findings],
        "evidence": document.evidence_digest,
        "runs": [_encode_run(run) for run in document.runs],
    }
    return {**content, "id": document.entry_id} if document.entry_id else content


def decode(content: JsonObject) -> DecisionDocument | None:
    """Read a decision document from a JSON object.

    Returns:
        The document; None where the object is not the document of a decision.

    Fields that older versions of the gate did not write have their defaults. The document does not
    contain findings and runs that the gate cannot read.

    Args:
        content: the JSON object, from an untrusted source.
    """
    outcome, at = _outcome(text(content, "decision")), moment(content, "at")
    if content.get("kind") != KIND or outcome is None or at is None:
        return None
    findings = map(_decode_finding, json_objects(content, "findings"))
    runs = map(_decode_run, json_objects(content, "runs"))
    decision = Decision(
        outcome=outcome,
        reason=text(content, "reason"),
        stage=text(content, "stage"),
        target=text(content, "target"),
        build=text(content, "build"),
        at=at,
        findings=tuple(finding for finding in findings if finding is not None),
        time_scale=number(content, "time_scale") or 1.0,
        policy=_decode_policy(content),
        warnings=texts(content, "warnings"),
        build_digest=text(content, "build_digest"),
    )
    return DecisionDocument(
        decision=decision,
        policy_digest=text(content, "policy_sha256"),
        tool=text(content, "tool"),
        evidence_digest=text(content, "evidence"),
        runs=tuple(run for run in runs if run is not None),
        entry_id=text(content, "id"),
    )


def _outcome(value: str) -> Outcome | None:
    return next((outcome for outcome in Outcome if outcome.value == value), None)


def _encode_policy(policy: PolicyFile | None) -> JsonObject | None:
    if policy is None:
        return None
    return {"file": policy.path, "installed": policy.installed}


def _decode_policy(content: JsonObject) -> PolicyFile | None:
    policy = json_object(content, "policy")
    if policy is None:
        return None
    installed = policy.get("installed") is True
    return PolicyFile(text(policy, "file"), text(content, "policy_sha256"), installed)


def _encode_finding(finding: Finding) -> JsonObject:
    return {
        "objective": finding.objective,
        "guide": finding.guide,
        "measured": finding.measured.value,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "next_step": finding.next_step,
        "breach": finding.breach.value,
        "measurements": list(map(_encode_measurement, finding.measurements)),
        "subjects": list(finding.subjects),
        "override": _encode_override(finding.override),
        "figure": _encode_figure(finding.figure),
        "advisory": _encode_advisory(finding.advisory),
    }


def _decode_finding(content: JsonObject) -> Finding | None:
    try:
        measured = Measured(text(content, "measured"))
        verdict = Verdict(text(content, "verdict"))
        breach = Outcome(text(content, "breach") or Outcome.NO_GO.value)
    except ValueError:
        return None
    return Finding(
        objective=text(content, "objective"),
        guide=text(content, "guide"),
        measured=measured,
        verdict=verdict,
        sentence=text(content, "sentence"),
        next_step=text(content, "next_step"),
        measurements=tuple(map(_decode_measurement, json_objects(content, "measurements"))),
        breach=breach,
        subjects=texts(content, "subjects"),
        override=_decode_override(json_object(content, "override")),
        figure=_decode_figure(json_object(content, "figure")),
        advisory=_decode_advisory(json_object(content, "advisory")),
    )


def _encode_advisory(advisory: Advisory | None) -> JsonObject | None:
    if advisory is None:
        return None
    return {"owner": advisory.owner, "until": advisory.until.isoformat()}


def _decode_advisory(content: JsonObject | None) -> Advisory | None:
    until = None if content is None else moment(content, "until")
    return None if content is None or until is None else Advisory(text(content, "owner"), until)


def _encode_override(override: Override | None) -> JsonObject | None:
    if override is None:
        return None
    return {
        "people": list(override.people),
        "reasons": list(override.reasons),
        "until": override.until.isoformat(),
        "entries": list(override.entries),
    }


def _decode_override(content: JsonObject | None) -> Override | None:
    until = None if content is None else moment(content, "until")
    if content is None or until is None:
        return None
    people, reasons = texts(content, "people"), texts(content, "reasons")
    return Override(people, reasons, until, texts(content, "entries"))


def _encode_figure(figure: Figure | None) -> JsonObject | None:
    return None if figure is None else {"value": figure.value, "limit": figure.limit}


def _decode_figure(content: JsonObject | None) -> Figure | None:
    value = None if content is None else number(content, "value")
    if content is None or value is None:
        return None
    return Figure(value, number(content, "limit"))


def _encode_measurement(measurement: Measurement) -> JsonObject:
    age = measurement.age_seconds
    return {
        "source": measurement.source,
        "query": measurement.query,
        "window_seconds": measurement.window_seconds,
        "samples": measurement.samples,
        "age_seconds": None if age is None else round(age, 3),
        "value": measurement.value,
    }


def _decode_measurement(content: JsonObject) -> Measurement:
    return Measurement(
        source=text(content, "source"),
        query=text(content, "query"),
        window_seconds=number(content, "window_seconds"),
        samples=whole_number(content, "samples") or 0,
        age_seconds=number(content, "age_seconds"),
        value=text(content, "value"),
    )


def _encode_run(run: JudgedRun) -> JsonObject:
    return {
        "kind": run.kind,
        "run": run.run_id,
        "size": run.record_size,
        "sha256": run.record_digest,
        "sealed": run.sealed,
        "started_at": run.started_at.isoformat(),
        "build": run.build,
        "subjects": sorted(run.subjects),
        "failed": sorted(run.failed),
    }


def _decode_run(content: JsonObject) -> JudgedRun | None:
    started_at, size = moment(content, "started_at"), whole_number(content, "size")
    kind, run_id = text(content, "kind"), text(content, "run")
    if not kind or not run_id or started_at is None or size is None or size < 0:
        return None
    return JudgedRun(
        kind=kind,
        run_id=run_id,
        record_size=size,
        record_digest=text(content, "sha256"),
        sealed=content.get("sealed") is True,
        started_at=started_at,
        build=text(content, "build"),
        subjects=frozenset(texts(content, "subjects")),
        failed=frozenset(texts(content, "failed")),
    )
