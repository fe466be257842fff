"""Overrides: two people let the release go on although a finding is not a pass."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gates.judging.sign_off import Requirement, StageSignOffs, end_of, problem_of, valid_by_person
from gates.model import (
    ComparisonObjective,
    CoveredFinding,
    Evidence,
    Finding,
    LiveBuildObjective,
    Objective,
    Outcome,
    Override,
    ServedBuildObjective,
    SignOffKind,
    SignOffObjective,
    SignOffRecord,
    Stage,
    TriggerObjective,
    Verdict,
)

MAX_LIFETIME = timedelta(hours=72)
MIN_PEOPLE = 2
MAX_NAMED = 3
CAN_ROLL_BACK = "a failure of the objective can lead to a rollback"


def refusal_of(objective: Objective) -> str:
    """Return the reason why an objective can never be overridden; empty without such a reason."""
    # Several kinds of objectives state the outcome of a fail.
    if getattr(objective, "breach", Outcome.NO_GO) is Outcome.ROLLBACK:
        return CAN_ROLL_BACK
    match objective:
        case TriggerObjective():
            return "the objective is a rollback trigger"
        case ComparisonObjective() if objective.rollback_over is not None:
            return CAN_ROLL_BACK
        case ServedBuildObjective() | LiveBuildObjective():
            return "the objective proves that the evidence is about the judged release"
        case SignOffObjective():
            return "people sign the item of this objective; sign the item without --override"
        case _:
            return ""


def names_of(finding: Finding) -> tuple[str, ...]:
    """Return the names that an override must list to cover a finding.

    Returns:
        One name for each check of the finding; the finding's own name where it is not about checks.
    """
    if not finding.subjects:
        return (finding.objective,)
    return tuple(f"{finding.objective}: {subject}" for subject in finding.subjects)


def objective_name(finding: Finding) -> str:
    """Return the name of the objective that a finding is about."""
    return finding.objective.partition(": ")[0]


def covered_by(findings: Sequence[Finding]) -> tuple[CoveredFinding, ...]:
    """Return the names and verdicts of all findings that are not a pass, for a new override."""
    return tuple(
        CoveredFinding(name, finding.verdict)
        for finding in findings
        if finding.verdict is not Verdict.PASS
        for name in names_of(finding)
    )


def requirement_of(item: str, sign_offs: StageSignOffs) -> Requirement:
    """Return the properties that a valid override of an objective must have.

    Args:
        item: the name of the objective.
        sign_offs: the target and the stage.
    """
    return Requirement(SignOffKind.OVERRIDE, sign_offs.target, sign_offs.stage, item, MAX_LIFETIME)


def overridden(
    findings: Sequence[Finding], stage: Stage, evidence: Evidence, now: datetime
) -> list[Finding]:
    """Add an override to each finding for which two different people have signed an override.

    Args:
        findings: the findings of the stage.
        stage: the stage with the objectives.
        evidence: the evidence, which has the overrides of the ledger.
        now: the moment of the decision, UTC.

    Returns:
        All findings. A finding with overrides that do not count has a note with the reason.
    """
    if not any(record.sign_off.kind is SignOffKind.OVERRIDE for record in evidence.sign_offs):
        return list(findings)
    sign_offs = StageSignOffs.of(stage.name, evidence)
    allowed = {objective.name for objective in stage.objectives if not refusal_of(objective)}
    return [
        _with_override(finding, sign_offs, now)
        if objective_name(finding) in allowed and can_be_overridden(finding)
        else finding
        for finding in findings
    ]


def can_be_overridden(finding: Finding) -> bool:
    """Whether a finding is not a pass, not advisory, and not a reason for a rollback."""
    is_open = finding.verdict is not Verdict.PASS and finding.advisory is None
    return is_open and finding.breach is not Outcome.ROLLBACK


def _with_override(finding: Finding, sign_offs: StageSignOffs, now: datetime) -> Finding:
    requirement = requirement_of(objective_name(finding), sign_offs)
    concerned = sign_offs.concerning(requirement)
    if not concerned:
        return finding
    refusals = [(record, _refusal(record, finding, requirement, now)) for record in concerned]
    covering = [record for record, refusal in refusals if not refusal]
    signers = valid_by_person(covering, requirement, now)[:MIN_PEOPLE]
    if len(signers) < MIN_PEOPLE:
        reason = f"{len(signers)} of {MIN_PEOPLE} people have signed an override of this finding"
        problems = [
            f"the override {record.entry_id} of {record.signer} {refusal}"
            for record, refusal in refusals
            if refusal
        ]
        sentence = "; ".join([finding.sentence, reason, *problems[-MAX_NAMED:]])
        return replace(finding, sentence=sentence)
    override = Override(
        people=tuple(record.signer for record in signers),
        reasons=tuple(record.sign_off.note for record in signers),
        until=end_of(signers[-1], requirement),
        entries=tuple(record.entry_id for record in signers),
    )
    return replace(finding, override=override)


def _refusal(
    record: SignOffRecord, finding: Finding, requirement: Requirement, now: datetime
) -> str:
    """Why an override of the objective does not count for a finding; empty where it counts."""
    _, problem = problem_of(record, requirement, now)
    if problem or _covers(record.sign_off.covers, finding):
        return problem
    return "is for other findings of the objective, or for another verdict"


def _covers(covers: Sequence[CoveredFinding], finding: Finding) -> bool:
    """Whether an override lists all names of a finding, with the same verdict or with a fail."""
    verdicts = {covered.name: covered.verdict for covered in covers}
    accepted = (Verdict.FAIL, finding.verdict)
    return all(verdicts.get(name) in accepted for name in names_of(finding))
