"""A decision as a JSON document; its schema is gates/schemas/decision.schema.json."""

import json
from typing import Any

from gates.model import Decision, Finding, Measurement, PolicyFile

SCHEMA = 1


def of_decision(decision: Decision, *, policy_digest: str, tool: str) -> dict[str, Any]:
    """The document of a decision.

    Args:
        decision: what was decided.
        policy_digest: SHA-256 of the policy file.
        tool: version of the gate.
    """
    return {
        "schema": SCHEMA,
        "decision": decision.outcome.value,
        "reason": decision.reason,
        "stage": decision.stage,
        "target": decision.target,
        "build": decision.build,
        "at": decision.at.isoformat(),
        "policy_sha256": policy_digest,
        "tool": tool,
        "policy": _policy(decision.policy),
        "time_scale": decision.time_scale,
        "warnings": list(decision.warnings),
        "findings": [_finding(finding) for finding in decision.findings],
    }


def _policy(policy: PolicyFile | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {"file": policy.path, "installed": policy.installed}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "objective": finding.objective,
        "guide": finding.guide,
        "measured": finding.measured.value,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "next_step": finding.next_step,
        "breach": finding.breach.value,
        "measurements": [_measurement(one) for one in finding.measurements],
    }


def _measurement(measurement: Measurement) -> dict[str, Any]:
    age = measurement.age_seconds
    return {
        "source": measurement.source,
        "query": measurement.query,
        "window_seconds": measurement.window_seconds,
        "samples": measurement.samples,
        "age_seconds": None if age is None else round(age, 3),
        "value": measurement.value,
    }


def as_text(content: dict[str, Any]) -> str:
    """Indented JSON; NaN and infinities are an error, not output."""
    return json.dumps(content, indent=2, allow_nan=False)
