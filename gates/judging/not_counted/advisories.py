"""Marks the findings of advisory objectives, which do not count until their trial ends."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from gates.judging.not_counted.overrides import objective_name
from gates.judging.sign_off import moment_text
from gates.model import Finding, Stage, Verdict

MAX_NAMED = 3
VERDICT_WORDS = {Verdict.FAIL: "fail", Verdict.INCONCLUSIVE: "unsure", Verdict.PASS: "pass"}


def with_trials(findings: Iterable[Finding], stage: Stage, now: datetime) -> list[Finding]:
    """Mark the findings of objectives that are on trial, so that these findings do not count.

    Args:
        findings: the findings of the stage.
        stage: the stage, which lists the trials of its objectives.
        now: the moment of the decision, UTC.

    Returns:
        All findings. A finding that is not a pass has a note where its trial has ended.
    """
    return [_with_trial(finding, stage, now) for finding in findings]


def _with_trial(finding: Finding, stage: Stage, now: datetime) -> Finding:
    trial = stage.advisories.get(objective_name(finding))
    if trial is None:
        return finding
    if not trial.is_over(now):
        return replace(finding, advisory=trial)
    if finding.verdict is Verdict.PASS:
        return finding
    ended = (
        f"the objective counts, because its trial ended at {moment_text(trial.until)} "
        f"(owner: {trial.owner})"
    )
    return replace(finding, sentence=f"{finding.sentence}; {ended}")


def summary(findings: Sequence[Finding]) -> str:
    """Count the advisory findings by verdict, as a text for the end of a decision's reason.

    Args:
        findings: every finding of a decision.

    Returns:
        The text, which begins with ``;``; empty where no finding is advisory.
    """
    trials = [finding for finding in findings if finding.advisory is not None]
    counts = [_count(verdict, trials) for verdict in VERDICT_WORDS]
    return f"; advisory, not counted: {', '.join(filter(None, counts))}" if trials else ""


def _count(verdict: Verdict, trials: Sequence[Finding]) -> str:
    """The number of advisory findings with a verdict; also their names if it is not a pass."""
    names = Counter(objective_name(trial) for trial in trials if trial.verdict is verdict)
    if not names:
        return ""
    count = f"{names.total()} {VERDICT_WORDS[verdict]}"
    if verdict is Verdict.PASS:
        return count
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{count} ({', '.join(list(names)[:MAX_NAMED])}{more})"
