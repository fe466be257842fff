"""Decides about a stage from the evidence and the current time; reads no file, sends no request."""

from datetime import datetime

from gates.judging.conclusions import RampView, conclude_all, queries
from gates.judging.live.queries import LivePlan, LiveQueries
from gates.judging.metric_query import MetricQuery, merge_queries
from gates.judging.not_counted.advisories import summary, with_trials
from gates.judging.not_counted.overrides import overridden
from gates.judging.sign_off import moment_text
from gates.model import Decision, Evidence, Finding, Outcome, Stage, Target, Verdict

NOTHING_SPEAKS_FOR_IT = ", so no finding is a reason to go on"
NO_OBJECTIVE = "the stage has no objective"
ALL_OVERRIDDEN = "every finding of the stage is overridden"
ALL_ADVISORY = "every objective of the stage is advisory"
WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def needed_selectors(stage: Stage, target: Target) -> list[tuple[str, float]]:
    """Return each selector that the objectives of a stage need, only once.

    Args:
        stage: the stage with the objectives.
        target: the target, which names both colours.

    Returns:
        Pairs of a selector and its window in seconds. The result includes the selectors of the
        rollback triggers, but no selectors of the other live objectives.
    """
    return [query.pair for query in needed_queries(stage, target)]


def needed_queries(stage: Stage, target: Target) -> list[MetricQuery]:
    """Return those metric queries of a stage that do not depend on the start of the ramp.

    Args:
        stage: the stage with the objectives.
        target: the target, which names both colours.

    Returns:
        Each query only once; the queries of the rollback triggers are first.
    """
    plan = LivePlan.of(stage)
    triggers = LiveQueries((), (), plan.trigger_queries(target)).of_triggers() if plan else []
    others = (query for objective in stage.objectives for query in queries(objective, target))
    return merge_queries((*triggers, *others))


def judge(
    stage: Stage, evidence: Evidence, now: datetime, view: RampView | None = None
) -> Decision:
    """Decide whether the release may continue after a stage.

    Args:
        stage: the stage with the objectives.
        evidence: the evidence about the target.
        now: the moment of the decision, UTC.
        view: the state of the ramp, read from the same evidence; None where this function must read
            the state.

    Returns:
        The decision. It is GO only when at least one finding counts and all findings that count are
        passes. A finding does not count where two people have overridden it, or where its
        objective is advisory.

    Source: design.md section 3.
    """
    concluded = with_trials(conclude_all(stage, evidence, now, view), stage, now)
    findings = overridden(concluded, stage, evidence, now)
    outcome, reason = worst_outcome(findings)
    return Decision(
        outcome=outcome,
        reason=reason,
        stage=stage.name,
        target=evidence.target.name,
        build=str(evidence.served.build or "unknown"),
        build_digest=evidence.served.build.digest if evidence.served.build else "",
        at=now,
        findings=tuple(findings),
    )


def worst_outcome(findings: list[Finding]) -> tuple[Outcome, str]:
    """Derive the decision from findings: the worst finding decides.

    Overridden findings and the findings of advisory objectives do not count.

    Args:
        findings: the findings of a stage. The function sorts this list, the worst finding first.

    Returns:
        The outcome of the decision, and the reason as a sentence.
    """
    findings.sort(key=_rank)
    counted = [finding for finding in findings if finding.counts]
    required = [finding for finding in findings if finding.advisory is None]
    outcome = _outcome(counted)
    if findings and not required:
        return outcome, f"{ALL_ADVISORY}{NOTHING_SPEAKS_FOR_IT}{summary(findings)}"
    reason = _reason(outcome, counted, required) + _overrides(required)
    return outcome, reason + summary(findings)


def _rank(finding: Finding) -> tuple[int, bool, bool]:
    """The sort key of a finding: fail, inconclusive, then passes and findings that do not count."""
    passes = not finding.counts or finding.verdict is Verdict.PASS
    index = WORST_FIRST.index(Verdict.PASS if passes else finding.verdict)
    return index, finding.breach is Outcome.NO_GO, finding.counts


def _outcome(findings: list[Finding]) -> Outcome:
    """The outcome of the findings that count."""
    verdicts = [finding.verdict for finding in findings]
    if Verdict.FAIL in verdicts:
        failed = [finding.breach for finding in findings if finding.verdict is Verdict.FAIL]
        return Outcome.ROLLBACK if Outcome.ROLLBACK in failed else Outcome.NO_GO
    if verdicts and all(verdict is Verdict.PASS for verdict in verdicts):
        return Outcome.GO
    return Outcome.HOLD


def _reason(outcome: Outcome, findings: list[Finding], every_finding: list[Finding]) -> str:
    """The reason of the decision, from the findings that count."""
    if not findings:
        why = ALL_OVERRIDDEN if every_finding else NO_OBJECTIVE
        return f"{why}{NOTHING_SPEAKS_FOR_IT}"
    passed = sum(finding.verdict is Verdict.PASS for finding in findings)
    if outcome is Outcome.GO:
        return f"{'all ' if len(findings) == len(every_finding) else ''}{passed} findings pass"
    if outcome is Outcome.ROLLBACK:
        findings = [finding for finding in findings if finding.breach is Outcome.ROLLBACK]
    worst = [finding for finding in findings if finding.verdict is findings[0].verdict]
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return f"{worst[0].sentence}{more}"


def _overrides(findings: list[Finding]) -> str:
    """The overridden findings, and who signed the first override; empty where there is none."""
    overridden_findings = [finding for finding in findings if finding.override is not None]
    if not overridden_findings:
        return ""
    override = overridden_findings[0].override
    assert override is not None  # noqa: S101 - for the type checker
    names = list(dict.fromkeys(finding.objective for finding in overridden_findings))
    return (
        f"; OVERRIDDEN: {', '.join(names)}, signed by {' and '.join(override.people)}, valid until "
        f"{moment_text(override.until)}"
    )
