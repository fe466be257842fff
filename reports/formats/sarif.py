"""Writes a decision as SARIF 2.1.0, with a result for each finding that is not a pass.

A failed finding has the level ``error``, and an unsure finding the level ``warning``. An overridden
finding is suppressed, and an advisory finding is a ``note``. Source: OASIS, Static Analysis Results
Interchange Format 2.1.0.
"""

import hashlib
import json
from typing import Any
from urllib.parse import quote

from gates.decision_document import DecisionDocument
from reports.formats.cases import (
    Case,
    CaseStatus,
    cases_of,
    clean,
    count,
    facts_of,
    title_of,
    warnings_of,
)

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {
    CaseStatus.FAILED: "error",
    CaseStatus.UNSURE: "warning",
    CaseStatus.OVERRIDDEN: "note",
    CaseStatus.ADVISORY: "note",
}


def render(document: DecisionDocument) -> str:
    """Write a decision as a SARIF log, which is JSON.

    Args:
        document: the decision; its texts are untrusted.
    """
    cases = cases_of(document)
    results = [case for case in cases if not case.is_clean]
    guides = {case.objective: case.guide for case in results}
    rules = {objective: index for index, objective in enumerate(guides)}
    decision = document.decision
    driver = {
        "name": "kirana-gates",
        "version": clean(document.tool),
        "rules": [_rule(objective, guide) for objective, guide in guides.items()],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {
            "id": f"kirana-gates/{clean(decision.stage)}/{clean(decision.target)}/",
            "description": {"text": title_of(document)},
        },
        "results": [_result(case, rules[case.objective], document) for case in results],
        "properties": {
            **facts_of(document),
            "warnings": list(warnings_of(document)),
            "findings": len(cases),
            "passed": count(cases, CaseStatus.PASSED),
            "advisory": count(cases, CaseStatus.ADVISORY),
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(objective: str, guide: str) -> dict[str, Any]:
    return {
        "id": objective,
        "shortDescription": {"text": f"The objective {objective} is met."},
        "help": {"text": f"Deployment guide, section {guide}."},
    }


def _result(case: Case, rule: int, document: DecisionDocument) -> dict[str, Any]:
    step = f" Next step: {case.next_step}" if case.next_step else ""
    stage = clean(document.decision.stage)
    result: dict[str, Any] = {
        "ruleId": case.objective,
        "ruleIndex": rule,
        "level": LEVELS[case.status],
        "message": {"text": f"{case.sentence}{step}"},
        "locations": [_location(case, document)],
        "partialFingerprints": {"finding/v1": _fingerprint(case, document)},
        "properties": {
            "stage": stage,
            "guide": case.guide,
            "measured": case.measured.value,
            "verdict": case.verdict.value,
            "status": case.status.value,
            "measurements": list(case.measurements),
        },
    }
    if case.status is CaseStatus.OVERRIDDEN:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": case.sentence}
        ]
    return result


def _location(case: Case, document: DecisionDocument) -> dict[str, Any]:
    """Write the objective of a case, and the policy file that defines the objective.

    Code scanning on GitHub requires a file and a line. A decision has no line number, so the
    location is always line 1.
    """
    name = f"{clean(document.decision.stage)}/{case.name}"
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name}]}
    policy = document.decision.policy
    if policy is not None and policy.path:
        path = quote(clean(policy.path))
        uri = f"file://{path}" if path.startswith("/") else path
        location["physicalLocation"] = {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": 1},
        }
    return location


def _fingerprint(case: Case, document: DecisionDocument) -> str:
    """Compute the id of a finding, which is equal in all decisions on the stage and target."""
    decision = document.decision
    parts = (clean(decision.stage), clean(decision.target), case.name)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
