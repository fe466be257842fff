"""Writes a decision as in-toto statements: a test result, or a verification summary (SLSA VSA).

The subjects of a statement are the judged build and the evidence. The annotations of the evidence
are the facts of the decision. Only a GO is a pass. Source: in-toto Attestation Framework,
Statement v1, predicate test-result v0.1; SLSA 1.0, Verification Summary Attestation.
"""

import json
from datetime import UTC
from typing import Any
from urllib.parse import quote

from gates.attestation.statement import (
    BUILD_SUBJECT,
    EVIDENCE_SUBJECT,
    STATEMENT_TYPE,
    SUMMARY,
    TEST_RESULT,
    digest_set,
)
from gates.decision_document import DecisionDocument
from gates.model import Outcome, Verdict
from reports.formats.cases import STOPPING, Case, CaseStatus, cases_of, clean, facts_of, warnings_of

VERIFIER = "urn:kirana-gates"
SLSA_VERSION = "1.0"
FAILED_LEVEL = "FAILED"


def test_result(document: DecisionDocument) -> str:
    """Write a decision as a statement with the predicate test-result, one test for each finding.

    Args:
        document: the decision; its texts are untrusted.
    """
    cases = cases_of(document)
    is_go = document.decision.outcome is Outcome.GO
    has_warning = any(_is_warning(case) for case in cases)
    predicate = {
        "result": ("WARNED" if has_warning else "PASSED") if is_go else "FAILED",
        "configuration": [_policy(document)],
        "passedTests": [case.name for case in cases if case.status is CaseStatus.PASSED],
        "warnedTests": [
            f"{case.name} ({case.status.value}: {case.verdict.value})"
            for case in cases
            if case.status in (CaseStatus.OVERRIDDEN, CaseStatus.ADVISORY)
        ],
        "failedTests": [case.name for case in cases if case.status in STOPPING],
    }
    return _statement(document, TEST_RESULT, predicate)


def summary(document: DecisionDocument) -> str:
    """Write a decision as a statement with the predicate VSA (verification summary).

    Args:
        document: the decision; its texts are untrusted.
    """
    decision = document.decision
    is_go = decision.outcome is Outcome.GO
    policy = _policy(document)
    # A program that reads only the predicate must not take a rehearsal for the real release.
    place = (*(["rehearsal"] if decision.time_scale != 1 else []), _path(decision.target))
    predicate = {
        "verifier": {"id": VERIFIER},
        "timeVerified": decision.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resourceUri": ":".join((VERIFIER, *place, _path(decision.build))),
        "policy": {name: policy[name] for name in ("uri", "digest") if name in policy},
        "inputAttestations": [
            {
                "uri": f"{VERIFIER}:evidence:{_path(document.evidence_digest)}",
                "digest": {"sha256": clean(document.evidence_digest)},
            }
        ],
        "verificationResult": "PASSED" if is_go else "FAILED",
        "verifiedLevels": [f"KIRANA_GATE_{clean(decision.stage)}" if is_go else FAILED_LEVEL],
        "slsaVersion": SLSA_VERSION,
    }
    return _statement(document, SUMMARY, predicate)


def _statement(document: DecisionDocument, kind: str, predicate: dict[str, Any]) -> str:
    evidence = {
        "name": EVIDENCE_SUBJECT,
        "digest": {"sha256": clean(document.evidence_digest)},
        "annotations": {**facts_of(document), "warnings": list(warnings_of(document))},
    }
    build = digest_set(document.decision.build_digest)
    subjects = [{"name": BUILD_SUBJECT, "digest": build}, evidence] if build else [evidence]
    content = {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(content, indent=2)


def _is_warning(case: Case) -> bool:
    """Whether a case would stop the release if it counted."""
    does_not_count = case.status in (CaseStatus.OVERRIDDEN, CaseStatus.ADVISORY)
    return does_not_count and case.verdict is not Verdict.PASS


def _policy(document: DecisionDocument) -> dict[str, Any]:
    """Write the policy as a resource descriptor of in-toto."""
    policy = document.decision.policy
    descriptor: dict[str, Any] = {
        "uri": f"{VERIFIER}:policy:{_path(document.policy_digest)}",
        "digest": {"sha256": clean(document.policy_digest)},
    }
    return {**descriptor, "name": clean(policy.path)} if policy and policy.path else descriptor


def _path(text: str) -> str:
    """Write a text as a part of a URI."""
    return quote(clean(text), safe="")
