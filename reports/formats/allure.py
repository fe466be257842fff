"""Writes a decision as a folder of Allure results, with one result for each finding.

A failed finding is ``failed``, an unsure finding is ``broken``, and an overridden or advisory
finding is ``skipped``. Source: Allure Framework, test result file.
"""

import hashlib
import json
from typing import Any
from uuid import UUID, uuid5

from gates.decision_document import DecisionDocument
from reports.formats.cases import Case, CaseStatus, cases_of, clean, facts_of, title_of

NAMESPACE = UUID("3a3f3b1c-6a0e-5d0b-9a56-0f6f3f0c4f11")
STATUSES = {
    CaseStatus.PASSED: "passed",
    CaseStatus.FAILED: "failed",
    CaseStatus.UNSURE: "broken",
    CaseStatus.OVERRIDDEN: "skipped",
    CaseStatus.ADVISORY: "skipped",
}
ENVIRONMENT = "environment.properties"
ESCAPES = str.maketrans({"\\": "\\\\", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"})


def files(document: DecisionDocument) -> dict[str, str]:
    """Return the contents of the files of an Allure folder, keyed by the name of the file.

    Args:
        document: the decision; its texts are untrusted.
    """
    results = {
        f"{result['uuid']}-result.json": json.dumps(result, indent=2)
        for result in (_result(case, document) for case in cases_of(document))
    }
    lines = [f"{name} = {value.translate(ESCAPES)}" for name, value in facts_of(document).items()]
    return {**results, ENVIRONMENT: "\n".join(lines)}


def _result(case: Case, document: DecisionDocument) -> dict[str, Any]:
    decision = document.decision
    at = int(decision.at.timestamp() * 1000)
    stage, target = clean(decision.stage), clean(decision.target)
    full_name = f"{stage}/{target}/{case.name}"
    identity = hashlib.sha256(full_name.encode()).hexdigest()[:32]
    step = f"\nNext step: {case.next_step}" if case.next_step else ""
    labels = {
        "parentSuite": "release gate",
        "suite": f"{stage} {target}",
        "subSuite": case.objective,
        "framework": "kirana-gates",
        "host": target,
        "tag": case.status.value,
    }
    return {
        "uuid": str(uuid5(NAMESPACE, f"{clean(document.entry_id)}/{full_name}")),
        "historyId": identity,
        "testCaseId": identity,
        "fullName": full_name,
        "name": case.name,
        "status": STATUSES[case.status],
        "statusDetails": {"message": f"{case.sentence}{step}", "trace": "\n".join(_details(case))},
        "stage": "finished",
        "start": at,
        "stop": at,
        "description": f"{title_of(document)}. Deployment guide, section {case.guide}.",
        "labels": [{"name": name, "value": value} for name, value in labels.items()],
        "parameters": [{"name": "verdict", "value": case.verdict.value}],
    }


def _details(case: Case) -> list[str]:
    return [f"measured: {case.measured.value}", *(f"measurement: {m}" for m in case.measurements)]
