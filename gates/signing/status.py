"""The state of every objective: verified, signed, overridden, open, expired, failed, advisory.

The results of machines come from the newest decision about each stage in the ledger. The states of
sign-offs are those at the current time. The network is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from gates.decision_document import DecisionDocument
from gates.judging import sign_off
from gates.judging.checks.provenance import CLOCK_TOLERANCE
from gates.judging.not_counted import overrides
from gates.judging.not_counted.overrides import objective_name
from gates.judging.sign_off import StageSignOffs, moment_text
from gates.ledger import LedgerRecord
from gates.model import (
    ChecksObjective,
    Finding,
    ListedChecksObjective,
    LoadObjective,
    Measured,
    Objective,
    SignOffObjective,
    SignOffRecord,
    Stage,
    Target,
    Verdict,
)
from gates.signing.new_entry import newest_decision

MINUTE, HOUR, DAY = 60, 3600, 86400
# A time under two units is written in the smaller unit.
FACTOR = 2


class State(Enum):
    """The state of an objective in the status of a release."""

    VERIFIED = "verified"
    SIGNED = "signed"
    OVERRIDDEN = "overridden"
    OPEN = "open"
    EXPIRED = "expired"
    FAILED = "failed"
    ADVISORY = "advisory"


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """The status of one objective of a stage.

    Args:
        objective: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        state: the state of the objective.
        detail: when and by whom the objective was verified or signed, or why it was not.
        command: the next command to type; empty where the objective needs no command.
    """

    objective: str
    guide: str
    state: State
    detail: str
    command: str


@dataclass(frozen=True, slots=True)
class StageStatus:
    """The status of a stage.

    Args:
        stage: the stage.
        document: the newest decision about the stage; None where the ledger has none.
        objectives: the status of each objective, in the policy's order.
    """

    stage: Stage
    document: DecisionDocument | None
    objectives: tuple[ObjectiveStatus, ...]


@dataclass(frozen=True, slots=True)
class StatusBasis:
    """The data from which the status of every stage is derived.

    Args:
        target: the target.
        policy_digest: SHA-256 of the policy file; decisions with another policy do not count.
        records: the entries of the ledger, oldest first.
        sign_offs: the target's sign-offs in the ledger.
        now: the current moment, UTC.
    """

    target: Target
    policy_digest: str
    records: Sequence[LedgerRecord]
    sign_offs: tuple[SignOffRecord, ...]
    now: datetime


def status_of(stage: Stage, basis: StatusBasis) -> StageStatus:
    """Return the state of each objective of a stage: verified, signed, open, failed and so on.

    Args:
        stage: the stage.
        basis: the target, the entries of the ledger, and the current moment.
    """
    document = newest_decision(basis.records, basis.target, stage.name)
    statuses = tuple(
        _of_trial(
            stage,
            _of_item(objective, stage, basis)
            if isinstance(objective, SignOffObjective)
            else _of_machine(objective, stage, document, basis),
            basis.now,
        )
        for objective in stage.objectives
    )
    return StageStatus(stage, document, statuses)


def _of_trial(stage: Stage, status: ObjectiveStatus, now: datetime) -> ObjectiveStatus:
    """Return the status of an objective; during its trial, the state is ``advisory``."""
    trial = stage.advisories.get(status.objective)
    if trial is None or trial.is_over(now):
        return status
    detail = (
        f"advisory until {moment_text(trial.until)} (owner: {trial.owner}), {status.state.value}: "
        f"{status.detail}"
    )
    return replace(status, state=State.ADVISORY, detail=detail, command="")


def counts(statuses: Sequence[StageStatus]) -> dict[State, int]:
    """Return the number of objectives in each state, over all stages."""
    states = [objective.state for status in statuses for objective in status.objectives]
    return {state: states.count(state) for state in State}


def age_text(age: timedelta) -> str:
    """Return an age as text: ``40 s``, ``5 min``, ``3.2 h``, ``4.0 d``."""
    seconds = age.total_seconds()
    if seconds < FACTOR * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < FACTOR * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < FACTOR * DAY else f"{seconds / DAY:.1f} d"


def _of_item(objective: SignOffObjective, stage: Stage, basis: StatusBasis) -> ObjectiveStatus:
    """The status of an item that people sign."""
    sign_offs = StageSignOffs(stage.name, basis.target, basis.sign_offs)
    finding = sign_off.conclude(objective, sign_offs, basis.now)
    if finding.verdict is Verdict.PASS:
        state = State.SIGNED
    else:
        state = State.EXPIRED if finding.measured is Measured.STALE else State.OPEN
    return ObjectiveStatus(
        objective.name, objective.guide, state, finding.sentence, finding.next_step
    )


def _of_machine(
    objective: Objective, stage: Stage, document: DecisionDocument | None, basis: StatusBasis
) -> ObjectiveStatus:
    """The status of an objective that the gate judges."""
    state, detail = _state(objective, document, basis)
    done = state in (State.VERIFIED, State.OVERRIDDEN)
    command = "" if done else f"gates check {stage.name} --target {basis.target.name}"
    return ObjectiveStatus(objective.name, objective.guide, state, detail, command)


def _state(
    objective: Objective, document: DecisionDocument | None, basis: StatusBasis
) -> tuple[State, str]:
    if document is None:
        return State.OPEN, "the ledger has no decision about this stage"
    if document.decision.build != str(basis.target.expected):
        return State.OPEN, f"the newest decision is about another build: {document.decision.build}"
    if document.policy_digest != basis.policy_digest:
        return State.OPEN, "the newest decision was made with another policy"
    age, limit = basis.now - document.decision.at, _max_age(objective)
    if age < -CLOCK_TOLERANCE:
        moment = moment_text(document.decision.at)
        return State.OPEN, f"the newest decision has a time in the future: {moment}"
    if limit is not None and age > limit:
        return State.EXPIRED, f"decided {age_text(age)} ago; the maximum age is {age_text(limit)}"
    findings = [
        finding
        for finding in document.decision.findings
        if objective_name(finding) == objective.name
    ]
    state, detail = _of_findings(findings, basis)
    if state in (State.FAILED, State.OPEN):
        detail = _signed_overrides(objective, document.decision.stage, basis) + detail
    when = " in a rehearsal" if document.decision.time_scale != 1 else ""
    moment = f"{age_text(age)} ago{when}"
    return state, f"{detail} {moment}" if state is State.VERIFIED else f"{detail} ({moment})"


def _signed_overrides(objective: Objective, stage: str, basis: StatusBasis) -> str:
    """Say how many people have signed an override; empty where nobody has signed."""
    sign_offs = StageSignOffs(stage, basis.target, basis.sign_offs)
    requirement = overrides.requirement_of(objective.name, sign_offs)
    signers = sign_off.valid_by_person(sign_offs.concerning(requirement), requirement, basis.now)
    people = f"{len(signers)} of {overrides.MIN_PEOPLE} people have signed an override: "
    return people if signers else ""


def _of_findings(findings: Sequence[Finding], basis: StatusBasis) -> tuple[State, str]:
    """Return an objective's state and the reason, from its findings in the newest decision."""
    for verdict, state in ((Verdict.FAIL, State.FAILED), (Verdict.INCONCLUSIVE, State.OPEN)):
        for finding in findings:
            if finding.verdict is verdict and finding.override is None:
                return state, finding.sentence
    for finding in findings:
        if finding.override is not None:
            return _of_override(finding, basis)
    if not findings:
        return State.OPEN, "the newest decision has no finding about this objective"
    return State.VERIFIED, "passed"


def _of_override(finding: Finding, basis: StatusBasis) -> tuple[State, str]:
    """Return the state and the reason of a finding for which the decision used an override."""
    override = finding.override
    assert override is not None  # noqa: S101 - for the type checker
    if override.until <= basis.now:
        return State.EXPIRED, f"the override ended at {moment_text(override.until)}"
    counting = {record.entry_id for record in basis.sign_offs if not record.problem}
    if not counting.issuperset(override.entries):
        return State.OPEN, "the override was revoked after the decision"
    people = " and ".join(override.people)
    return State.OVERRIDDEN, f"by {people}, until {moment_text(override.until)}"


def _max_age(objective: Objective) -> timedelta | None:
    """Return the maximum age of the evidence of checks or load runs; None for other objectives."""
    match objective:
        case ChecksObjective() | ListedChecksObjective() | LoadObjective():
            return objective.max_age
        case _:
            return None
