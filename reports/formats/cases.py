"""Makes a case of each finding of a decision, with a unique name, a status and short texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import isfinite

from gates.decision_document import DecisionDocument
from gates.model import Finding, Measured, Measurement, Outcome, Override, Verdict
from reports.terminal import WORDS, printable, trial_text

MAX_TEXT_CHARACTERS = 2000
MAX_NAME_CHARACTERS = 200
MAX_MEASUREMENTS = 20
MAX_SIGNERS = 10
MAX_WARNINGS = 10
MOMENT_FORMAT = "%Y-%m-%d %H:%M:%S UTC"


class CaseStatus(Enum):
    """How a case counts: failed and unsure cases stop a release, the other cases do not."""

    PASSED = "passed"
    FAILED = "failed"
    UNSURE = "unsure"
    OVERRIDDEN = "overridden"
    ADVISORY = "advisory"


STATUSES = {
    Verdict.PASS: CaseStatus.PASSED,
    Verdict.FAIL: CaseStatus.FAILED,
    Verdict.INCONCLUSIVE: CaseStatus.UNSURE,
}
STOPPING = (CaseStatus.FAILED, CaseStatus.UNSURE)


@dataclass(frozen=True, slots=True)
class Case:
    """One finding of a decision; its texts are short and have no control characters.

    Args:
        name: the objective, and the check where the finding is about one check; no other case of
            the decision has this name.
        status: how the case counts.
        objective: the name of the objective.
        guide: the section of the guide.
        measured: whether the value was measured.
        verdict: the verdict, before an override.
        sentence: the reason of the verdict, and the override or the trial of the finding, if any.
        next_step: the next step; empty for a pass.
        measurements: a line for each value that the finding is based on.
    """

    name: str
    status: CaseStatus
    objective: str
    guide: str
    measured: Measured
    verdict: Verdict
    sentence: str
    next_step: str
    measurements: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether the case is a pass without an override, so that readers can skip the case."""
        is_pass = self.verdict is Verdict.PASS
        return is_pass and self.status in (CaseStatus.PASSED, CaseStatus.ADVISORY)


def clean(text: str, max_characters: int = MAX_TEXT_CHARACTERS) -> str:
    """Replace the control characters of a text, and cut a text that is too long.

    Args:
        text: an untrusted text.
        max_characters: the longest text that is not cut.
    """
    cut = text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"
    return printable(cut)


def cases_of(document: DecisionDocument) -> tuple[Case, ...]:
    """Make a case of each finding of a decision, the worst finding first.

    If the decision is not GO and no finding stops the release, the first case is ``decision``.
    So a program that reads only the cases does not take the decision for GO.

    Args:
        document: the decision; its texts are untrusted.
    """
    decision = document.decision
    names: set[str] = set()
    cases = [_case(finding, names) for finding in decision.findings]
    if decision.outcome is Outcome.GO or any(case.status in STOPPING for case in cases):
        return tuple(cases)
    verdict = Verdict.INCONCLUSIVE if decision.outcome is Outcome.HOLD else Verdict.FAIL
    whole = Finding("decision", "", Measured.OK, verdict, decision.reason, "", ())
    return (_case(whole, names), *cases)


def _case(finding: Finding, names: set[str]) -> Case:
    """Make the case of a finding, and add the name of the case to ``names``."""
    objective = clean(finding.objective, MAX_NAME_CHARACTERS) or "unnamed objective"
    name = objective
    if len(finding.subjects) == 1:
        name = f"{objective}: {clean(finding.subjects[0], MAX_NAME_CHARACTERS)}"
    sentence = clean(finding.sentence)
    if finding.override is not None:
        sentence = f"{sentence} {_override_sentence(finding.override)}"
    if finding.advisory is not None:
        trial = clean(trial_text(finding.advisory), MAX_NAME_CHARACTERS)
        sentence = f"{sentence} (advisory, not counted: {trial})"
    return Case(
        name=_unique(name, names),
        status=_status(finding),
        objective=objective,
        guide=clean(finding.guide, MAX_NAME_CHARACTERS),
        measured=finding.measured,
        verdict=finding.verdict,
        sentence=sentence,
        next_step=clean(finding.next_step),
        measurements=tuple(map(_measurement_line, finding.measurements[:MAX_MEASUREMENTS])),
    )


def _status(finding: Finding) -> CaseStatus:
    if finding.advisory is not None:
        return CaseStatus.ADVISORY
    return STATUSES[finding.verdict] if finding.override is None else CaseStatus.OVERRIDDEN


def _unique(name: str, names: set[str]) -> str:
    """Make a name that ``names`` does not have, and add the new name to ``names``."""
    number, unique = 1, name
    while unique in names:
        number += 1
        unique = f"{name} ({number})"
    names.add(unique)
    return unique


def _override_sentence(override: Override) -> str:
    """Write who overrides a finding, why, and until when."""
    pairs = list(zip(override.people, override.reasons, strict=False))[:MAX_SIGNERS]
    signers = "; ".join(f"{clean(person)}: {clean(reason)}" for person, reason in pairs)
    return f"(overridden until {override.until.strftime(MOMENT_FORMAT)} by {signers})"


def _measurement_line(measurement: Measurement) -> str:
    """Write the value of a measurement, and the source of the value."""
    age, window = measurement.age_seconds, measurement.window_seconds
    parts = [f"{measurement.samples} samples"]
    if window is not None and isfinite(window):
        parts.append(f"window {window:g} s")
    if age is not None and isfinite(age):
        parts.append(f"newest {age:.0f} s old")
    place = f"{measurement.source} {measurement.query}".strip()
    return clean(f"{measurement.value} ({', '.join(parts)}) {place}")


def title_of(document: DecisionDocument) -> str:
    """Write the decision, the stage and the target, such as ``NO-GO ramp-10 green``."""
    decision = document.decision
    stage = clean(decision.stage, MAX_NAME_CHARACTERS)
    return f"{WORDS[decision.outcome]} {stage} {clean(decision.target, MAX_NAME_CHARACTERS)}"


def warnings_of(document: DecisionDocument) -> tuple[str, ...]:
    """Return the warnings that the reader of a decision must know, one sentence each."""
    decision = document.decision
    warnings = [clean(warning) for warning in decision.warnings[:MAX_WARNINGS]]
    if decision.time_scale != 1:
        warnings.append(
            f"The time scale is {decision.time_scale:g}: this is a rehearsal, which proves nothing "
            "about production."
        )
    if decision.policy is not None and not decision.policy.installed:
        warnings.append("The policy is not the installed policy.")
    return tuple(warnings)


def facts_of(document: DecisionDocument) -> dict[str, str]:
    """Return the facts of a decision, keyed by their names; unknown facts are left out."""
    decision = document.decision
    policy = "" if decision.policy is None else decision.policy.path
    facts = {
        "decision": decision.outcome.value,
        "reason": decision.reason,
        "stage": decision.stage,
        "target": decision.target,
        "build": decision.build,
        "at": decision.at.isoformat(),
        "ledger_entry": document.entry_id,
        "evidence_sha256": document.evidence_digest,
        "policy": policy,
        "policy_sha256": document.policy_digest,
        "time_scale": f"{decision.time_scale:g}",
        "tool": document.tool,
    }
    return {name: clean(value) for name, value in facts.items() if value}


def count(cases: Iterable[Case], *statuses: CaseStatus) -> int:
    """Count the cases whose status is one of ``statuses``."""
    return sum(case.status in statuses for case in cases)
