"""Writes a decision in the Common Test Report Format, with one test for each finding.

A failed finding and an unsure finding are ``failed``, so that a program that counts failures never
takes a hold for a go. An overridden finding is ``skipped``; an advisory finding is ``other``.
Source: ctrf.io, schema 0.0.
"""

import json
from typing import Any

from gates.decision_document import DecisionDocument
from reports.formats.cases import (
    STOPPING,
    Case,
    CaseStatus,
    cases_of,
    clean,
    count,
    facts_of,
    warnings_of,
)

SPECIFICATION = "0.0.0"
STATUSES = {
    CaseStatus.PASSED: "passed",
    CaseStatus.FAILED: "failed",
    CaseStatus.UNSURE: "failed",
    CaseStatus.OVERRIDDEN: "skipped",
    CaseStatus.ADVISORY: "other",
}


def render(document: DecisionDocument) -> str:
    """Write a decision as a CTRF report, which is JSON.

    Args:
        document: the decision; its texts are untrusted.
    """
    cases = cases_of(document)
    decision = document.decision
    at = int(decision.at.timestamp() * 1000)
    stage, target = clean(decision.stage), clean(decision.target)
    results = {
        "tool": {"name": "kirana-gates", "version": clean(document.tool)},
        "summary": {
            "tests": len(cases),
            "passed": count(cases, CaseStatus.PASSED),
            "failed": count(cases, *STOPPING),
            "skipped": count(cases, CaseStatus.OVERRIDDEN),
            "pending": 0,
            "other": count(cases, CaseStatus.ADVISORY),
            "start": at,
            "stop": at,
        },
        "tests": [_test(case, stage, target) for case in cases],
        "environment": {"buildName": clean(decision.build), "testEnvironment": target},
        "extra": {**facts_of(document), "warnings": list(warnings_of(document))},
    }
    report = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "timestamp": decision.at.isoformat(),
        "generatedBy": "kirana-gates",
        "results": results,
    }
    return json.dumps(report, indent=2)


def _test(case: Case, stage: str, target: str) -> dict[str, Any]:
    raw_status = case.verdict.value
    if case.status in (CaseStatus.OVERRIDDEN, CaseStatus.ADVISORY):
        raw_status = f"{raw_status}, {case.status.value}"
    test = {
        "testId": f"{stage}/{target}/{case.name}",
        "name": case.name,
        "status": STATUSES[case.status],
        "rawStatus": raw_status,
        "duration": 0,
        "suite": [stage, target],
        "message": case.sentence,
        "type": "release-gate",
        "extra": {
            "guide": case.guide,
            "measured": case.measured.value,
            "measurements": list(case.measurements),
        },
    }
    if case.next_step:
        test["trace"] = f"next step: {case.next_step}"
    return test
