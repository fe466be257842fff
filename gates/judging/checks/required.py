"""Condition: the newest result of every required check is a pass on the build that is served."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gates.judging.checks import provenance
from gates.judging.checks.provenance import CLOCK_TOLERANCE
from gates.judging.conclusion import Conclusion, finding_of
from gates.model import (
    LEFT_NOTHING,
    CheckOutcome,
    CheckResult,
    ChecksObjective,
    Collection,
    Evidence,
    Finding,
    LostRun,
    Measured,
    Measurement,
    Outcome,
    Run,
    RunState,
    Target,
    Verdict,
)

FAILURES = (CheckOutcome.FAILED, CheckOutcome.ERROR)


MAX_NAMED = 3
MAX_NOTE_CHARACTERS = 300
LOOKED_AT = " has looked at"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the evidence says about one check.

    Args:
        measured: whether the check was measured.
        verdict: whether the check meets the objective.
        sentence: the reason.
        result: the result of the check.
        run: the run with the result.
        common: the reason, where it is the same for other checks of the run; else empty.
    """

    measured: Measured
    verdict: Verdict
    sentence: str
    result: CheckResult | None = None
    run: Run | None = None
    common: str = ""


def conclude(objective: ChecksObjective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """A finding for each required check; checks that fail for one common reason share a finding."""
    if objective.since_rollback:
        evidence = _since_rollback(evidence)
    now = max([now, *(collection.ended_at for collection in _collections(objective, evidence))])
    findings: list[Finding] = []
    common: dict[str, tuple[_Answer, list[str]]] = {}
    for check in objective.checks:
        answer = _answer(objective, evidence, check, now)
        if answer.common:
            common.setdefault(answer.common, (answer, []))[1].append(check)
        else:
            findings.append(_finding(objective, check, answer, evidence, now))
    for reason, (answer, checks) in common.items():
        if len(checks) > 1:
            more = f" and {len(checks) - MAX_NAMED} more" if len(checks) > MAX_NAMED else ""
            named = f"{', '.join(checks[:MAX_NAMED])}{more}"
            sentence = (
                f"{reason} {named}"
                if answer.run is None and reason.endswith(LOOKED_AT)
                else f"{reason}; this affects {len(checks)} checks: {named}"
            )
            together = replace(answer, sentence=sentence)
            finding = _finding(objective, checks[0], together, evidence, now, alone=False)
            findings.append(replace(finding, subjects=tuple(checks)))
        else:
            findings.append(_finding(objective, checks[0], answer, evidence, now))
    return tuple(findings)


def _since_rollback(evidence: Evidence) -> Evidence:
    """The evidence without the runs from before the last rollback; without any where none is."""
    rollback = evidence.rollback
    runs = [
        run
        for run in evidence.runs
        if rollback is not None and run.started_at.timestamp() >= rollback.drained_at
    ]
    return replace(evidence, runs=tuple(runs))


def _answer(objective: ChecksObjective, evidence: Evidence, check: str, now: datetime) -> _Answer:
    concerned = _concerned_runs(evidence.runs, evidence.target, check)
    run = concerned[-1] if concerned else None
    if missed := _lost_since(run, check, evidence):
        return missed
    uncollected = _uncollected(objective, evidence)
    if run is None:
        reason = f"no run on {evidence.target.name}{LOOKED_AT}"
        sentence = f"{reason} {check}"
        if uncollected:
            reason, sentence = uncollected[0], f"{check}: {uncollected[0]}"
        return _Answer(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence, common=reason)
    results = [result for result in run.results if result.check == check]
    since = max((result.at for result in results), default=run.started_at)
    for other in (run for run in concerned if _same_build(run, evidence)):
        after = None if other is run else since
        if failed := _failure(objective, other, check, after):
            return failed
    for problem in (
        *uncollected,
        *provenance.clock_set_back(run, concerned),
        *provenance.problems(run, objective.limits, evidence, now),
        *_left_something(run),
    ):
        return _Answer(
            Measured.ERROR, Verdict.INCONCLUSIVE, f"{check}: {problem}", run=run, common=problem
        )
    answer = _of_results(objective, check, results, run, now)
    if answer.verdict is Verdict.PASS:
        return replace(
            answer, sentence=answer.sentence + _failed_before(check, concerned, evidence)
        )
    return answer


def _uncollected(objective: ChecksObjective, evidence: Evidence) -> list[str]:
    """Why the gate could not have the checks run; empty where it could, or where it need not."""
    return [
        f"these checks could not be run: {collection.problem}"
        for collection in _collections(objective, evidence)
        if collection.problem
    ]


def _collections(objective: ChecksObjective, evidence: Evidence) -> list[Collection]:
    """The attempts of the gate to have the objective's checks run."""
    return [
        collection
        for collection in evidence.collections
        if objective.collected is not None and collection.check_set == objective.check_set
    ]


def _lost_since(newest: Run | None, check: str, evidence: Evidence) -> _Answer | None:
    """A problem where a run of an earlier decision is lost or changed, without a newer run."""
    for lost in evidence.lost_runs:
        later = (
            newest is not None
            and newest.state is RunState.FINISHED
            and newest.run_id != lost.run_id
            and newest.started_at > lost.started_at
        )
        concerns = check in lost.subjects or not lost.subjects
        if later or not concerns or _of_another_build(lost, evidence):
            continue
        failed = "failed" if check in lost.failed else "was checked"
        reason = (
            f"run {lost.run_id} {lost.problem}; decision {lost.decision} was based on this run; "
            "a newer complete run is needed"
        )
        sentence = f"{check} {failed} in run {lost.run_id}: {reason}"
        common = "" if check in lost.failed else reason
        return _Answer(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence, common=common)
    return None


def _of_another_build(lost: LostRun, evidence: Evidence) -> bool:
    served = evidence.served.build
    return bool(lost.build) and served is not None and lost.build != str(served)


def _failed_before(check: str, concerned: Sequence[Run], evidence: Evidence) -> str:
    """A sentence about an earlier failure of the check on this build; empty without a failure."""
    runs = [
        run.run_id
        for run in concerned[:-1]
        if _same_build(run, evidence)
        and any(record.check == check and record.outcome in FAILURES for record in run.results)
    ]
    lost = [
        record.run_id
        for record in evidence.lost_runs
        if check in record.failed and not _of_another_build(record, evidence)
    ]
    names = list(dict.fromkeys((*runs, *lost)))
    if not names:
        return ""
    named = ", ".join(names[-MAX_NAMED:])
    return f"; the check failed before on the same build in run {named}"


def _concerned_runs(runs: Sequence[Run], target: Target, check: str) -> list[Run]:
    """The runs that made the check, planned it, or do not list their checks; the newest last."""
    concerned = [
        run
        for run in runs
        if (run.target, run.base_url) in (("", ""), (target.name, target.addresses.api))
        and (run.expected is None or check in run.expected)
    ]
    return sorted(concerned, key=lambda run: (run.started_at, run.run_id))


def _failures_of(objective: ChecksObjective) -> tuple[CheckOutcome, ...]:
    """The outcomes that fail the objective.

    A check that the gate itself has run, or whose failure is a rollback, fails only where it found
    a fault: an error of the check is no measurement.
    """
    is_trigger = objective.collected is not None or objective.breach is Outcome.ROLLBACK
    return (CheckOutcome.FAILED,) if is_trigger else FAILURES


def _failure(
    objective: ChecksObjective, run: Run, check: str, after: datetime | None
) -> _Answer | None:
    """A failure of a check in a run; with ``after``, only a failure after this moment."""
    results = [result for result in run.results if result.check == check]
    failed = [
        result
        for result in results
        if result.outcome in _failures_of(objective) and (after is None or result.at > after)
    ]
    return _failed(check, failed[0], len(results), run) if failed else None


def _same_build(run: Run, evidence: Evidence) -> bool:
    return run.build is not None and run.build == evidence.served.build


def _failed(check: str, result: CheckResult, count: int, run: Run) -> _Answer:
    again = f" (reported {count} times: a retry does not undo a failure)" if count > 1 else ""
    message = " ".join(result.message.split())[:300] or "the test gave no message"
    sentence = f"{check} {result.outcome.value} in run {run.run_id}{again}: {message}"
    return _Answer(Measured.OK, Verdict.FAIL, sentence, result, run)


def _left_something(run: Run) -> list[str]:
    """A problem unless the record says exactly once that the run left nothing in the database."""
    if run.state is not RunState.FINISHED:
        return []
    results_of_clean_up = [result for result in run.results if result.check == LEFT_NOTHING]
    if [record.outcome for record in results_of_clean_up] == [CheckOutcome.PASSED]:
        return []
    no_result = f"the record has no result of {LEFT_NOTHING}"
    message = results_of_clean_up[0].message if results_of_clean_up else no_result
    return [f"run {run.run_id} may have left something in the database: {message[:200]}"]


def _of_results(
    objective: ChecksObjective,
    check: str,
    results: Sequence[CheckResult],
    run: Run,
    now: datetime,
) -> _Answer:
    """The answer of a whole run of the served build."""
    if not results:
        sentence = f"run {run.run_id} announced {check} and has no result of it"
        return _Answer(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence, run=run)
    result, again = results[0], len(results) > 1
    if result.outcome in _failures_of(objective):
        return _failed(check, result, len(results), run)
    if result.outcome is not CheckOutcome.PASSED or again:
        how = "was reported twice" if again else f"was {result.outcome.value.replace('_', ' ')}"
        why = f": {result.message[:200]}" if result.message else ""
        sentence = f"{check} {how} in run {run.run_id}{why}"
        return _Answer(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence, result, run)
    age = now - result.at
    if age > objective.max_age:
        sentence = f"{check} passed {_minutes(age)} ago, longer than {_minutes(objective.max_age)}"
        return _Answer(Measured.STALE, Verdict.INCONCLUSIVE, sentence, result, run)
    if age < -CLOCK_TOLERANCE or result.at < run.started_at - CLOCK_TOLERANCE:
        sentence = f"{check} has a time of {result.at}, outside its run: a clock is wrong"
        return _Answer(Measured.ERROR, Verdict.INCONCLUSIVE, sentence, result, run)
    # A check that passed may have named violations from before the last rollback.
    note = " ".join(result.message.split())[:MAX_NOTE_CHARACTERS]
    sentence = f"{check} passed {_minutes(age)} ago{f'; {note}' if note else ''}"
    return _Answer(Measured.OK, Verdict.PASS, sentence, result, run)


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if abs(seconds) < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004


def _finding(  # noqa: PLR0913 - the evidence, the moment, and what was found
    objective: ChecksObjective,
    check: str,
    answer: _Answer,
    evidence: Evidence,
    now: datetime,
    *,
    alone: bool = True,
) -> Finding:
    target = evidence.target.name
    next_step = f"pytest --target {target} --check {check}"
    if answer.verdict is Verdict.INCONCLUSIVE and (answer.run is None or not alone):
        suite = check.partition(".")[0]
        next_step = f"pytest -m {suite} --target {target}"
    at = answer.result.at if answer.result else None
    measurement = Measurement(
        source="checks",
        query=f"run {answer.run.run_id}" if answer.run else f"runs on {target}",
        window_seconds=objective.max_age.total_seconds(),
        samples=int(answer.result is not None),
        age_seconds=(now - at).total_seconds() if at else None,
        value=answer.result.outcome.value if answer.result else "missing",
    )
    conclusion = Conclusion(answer.measured, answer.verdict, answer.sentence, objective.breach)
    finding = finding_of(objective, conclusion, [measurement], next_step)
    return replace(finding, subjects=(check,))
