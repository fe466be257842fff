"""The judge: a stage, the evidence and the time in; a decision out. Pure."""

from datetime import datetime

from gates.judging.conclusions import RampView, conclude_all, selectors
from gates.model import Decision, Evidence, Finding, Outcome, Stage, Target, Verdict

WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def needed_selectors(stage: Stage, target: Target) -> list[tuple[str, float]]:
    """The selectors a stage reads, each once, with its window in seconds."""
    wanted = (pair for objective in stage.objectives for pair in selectors(objective, target))
    return list(dict.fromkeys(wanted))


def judge(
    stage: Stage, evidence: Evidence, now: datetime, view: RampView | None = None
) -> Decision:
    """Decide whether the release may go on past a stage.

    Args:
        stage: what is required.
        evidence: what was measured.
        now: the moment of the question, UTC.
        view: the view of the ramp, where the caller has read it from this evidence; else None.

    Returns:
        The decision: GO only when every objective has a finding and every finding is a pass.

    Source: design.md section 3.
    """
    findings = conclude_all(stage, evidence, now, view)
    outcome, reason = decided(findings)
    return Decision(
        outcome=outcome,
        reason=reason,
        stage=stage.name,
        target=evidence.target.name,
        build=str(evidence.served.build or "unknown"),
        at=now,
        findings=tuple(findings),
    )


def decided(findings: list[Finding]) -> tuple[Outcome, str]:
    """Put findings in order, worst first, and say what they add up to, and why."""
    findings.sort(
        key=lambda finding: (WORST_FIRST.index(finding.verdict), finding.breach is Outcome.NO_GO)
    )
    outcome = _outcome(findings)
    return outcome, _reason(outcome, findings)


def _outcome(findings: list[Finding]) -> Outcome:
    verdicts = [finding.verdict for finding in findings]
    if Verdict.FAIL in verdicts:
        failed = [finding.breach for finding in findings if finding.verdict is Verdict.FAIL]
        return Outcome.ROLLBACK if Outcome.ROLLBACK in failed else Outcome.NO_GO
    if verdicts and all(verdict is Verdict.PASS for verdict in verdicts):
        return Outcome.GO
    return Outcome.HOLD


def _reason(outcome: Outcome, findings: list[Finding]) -> str:
    if not findings:
        return "the stage has no objective, so nothing speaks for going on"
    passed = sum(finding.verdict is Verdict.PASS for finding in findings)
    if outcome is Outcome.GO:
        return f"all {passed} findings pass"
    if outcome is Outcome.ROLLBACK:
        findings = [finding for finding in findings if finding.breach is Outcome.ROLLBACK]
    worst = [finding for finding in findings if finding.verdict is findings[0].verdict]
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return f"{worst[0].sentence}{more}"
