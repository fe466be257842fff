"""Condition: the newest result of every required check is a pass on the served build."""

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
# From these durations on, messages have minutes, and then hours.
SECONDS_UNTIL_MINUTES, SECONDS_UNTIL_HOURS = 120, 7200


@dataclass(frozen=True, slots=True)
class _Answer:
    """The conclusion about one check.

    Args:
        measured: whether the check was measured.
        verdict: whether the check meets the objective.
        sentence: the reason of the verdict.
        result: the result of the check; None without a result.
        run: the run with the result; None without a run.
        common: the reason, where other checks can have the same reason; else empty.
        names_follow: whether the names of the checks complete the sentence of ``common``.
    """

    measured: Measured
    verdict: Verdict
    sentence: str
    result: CheckResult | None = None
    run: Run | None = None
    common: str = ""
    names_follow: bool = False


def conclude(objective: ChecksObjective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """Judge each required check by its newest run; checks with the same problem share a finding."""
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
                if answer.names_follow
                else f"{reason}; the reason affects {len(checks)} checks: {named}"
            )
            together = replace(answer, sentence=sentence)
            finding = _finding(objective, checks[0], together, evidence, now, alone=False)
            findings.append(replace(finding, subjects=tuple(checks)))
        else:
            findings.append(_finding(objective, checks[0], answer, evidence, now))
    return tuple(findings)


def _since_rollback(evidence: Evidence) -> Evidence:
    """The evidence with only the runs that began after the last rollback.

    Without a rollback, the evidence has no runs.
    """
    rollback = evidence.rollback
    runs = [
        run
        for run in evidence.runs
        if rollback is not None and run.started_at.timestamp() >= rollback.drained_at
    ]
    return replace(evidence, runs=tuple(runs))


@dataclass(frozen=True, slots=True)
class _RunsOfCheck:
    """The runs that concern one check.

    Args:
        objective: the objective that requires the check.
        evidence: the evidence with the runs.
        check: the id of the check.
        now: the moment of the decision, UTC.
        every: all runs that concern the check; the newest is the last.
        passing: the runs in ``every`` in which each violation that concerns the objective fails a
            check. Only a pass of such a run counts.
    """

    objective: ChecksObjective
    evidence: Evidence
    check: str
    now: datetime
    every: tuple[Run, ...]
    passing: tuple[Run, ...]

    @classmethod
    def of(
        cls, objective: ChecksObjective, evidence: Evidence, check: str, now: datetime
    ) -> "_RunsOfCheck":
        """Choose the runs that may have executed a check."""
        every = tuple(_concerned_runs(evidence.runs, evidence.target, check))
        rollback = evidence.rollback if objective.since_rollback else None
        moment = rollback.counts_since if rollback else None
        passing = tuple(run for run in every if run.counts_violations_since(moment))
        return cls(objective, evidence, check, now, every, passing)

    def failure(self) -> _Answer | None:
        """Return a failure of the check on the served build that no later run clears, or None."""
        runs = [run for run in self.every if _same_build(run, self.evidence)]
        if _is_trigger(self.objective):
            return self._uncleared(runs)
        newest = self.passing[-1] if self.passing else None
        since = None if newest is None else _end_of(newest, self.check)
        for run in runs:
            after = None if run is newest else since
            if failed := _failure(self.objective, run, self.check, after):
                return failed
        return None

    def _uncleared(self, runs: Sequence[Run]) -> _Answer | None:
        """For a rollback trigger, the newest failure that is not too old and not cleared by a run.

        A later run clears the failure where the check passed and the run can be evidence. A run
        that was aborted, or that measured nothing, clears no failure.
        """
        problems = {
            run.run_id: provenance.problems(run, self.objective.limits, self.evidence, self.now)
            for run in self.passing
        }
        for run in reversed(runs):
            results = [result for result in run.results if result.check == self.check]
            for result in results:
                is_failure = result.outcome in _failures_of(self.objective)
                is_young = self.now - result.at <= self.objective.max_age
                if (
                    is_failure
                    and is_young
                    and not any(
                        provenance.clears(later, run, result, problems[later.run_id])
                        for later in self.passing
                    )
                ):
                    return _failed(self.check, result, len(results), run)
        return None


def _answer(objective: ChecksObjective, evidence: Evidence, check: str, now: datetime) -> _Answer:
    records = _RunsOfCheck.of(objective, evidence, check, now)
    concerned = records.passing
    run = concerned[-1] if concerned else None
    if missed := records.failure() or _lost_since(run, check, evidence):
        return missed
    uncollected = _uncollected(objective, evidence)
    if run is None:
        reason = f"no run on {evidence.target.name} includes"
        sentence = f"{reason} {check}"
        if uncollected:
            reason, sentence = uncollected[0], f"{check}: {uncollected[0]}"
        answer = _Answer(Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence, common=reason)
        return replace(answer, names_follow=not uncollected)
    for problem in (
        *uncollected,
        *provenance.clock_set_back(run, concerned),
        *provenance.problems(run, objective.limits, evidence, now),
        *_left_something(run),
    ):
        return _Answer(
            Measured.ERROR, Verdict.INCONCLUSIVE, f"{check}: {problem}", run=run, common=problem
        )
    results = [result for result in run.results if result.check == check]
    answer = _of_results(objective, check, results, run, now)
    if answer.verdict is Verdict.PASS:
        return replace(
            answer, sentence=answer.sentence + _failed_before(check, concerned, evidence)
        )
    return answer


def _end_of(run: Run, check: str) -> datetime:
    """The time of the newest result of a check; the start of a run without a result."""
    return max(
        (result.at for result in run.results if result.check == check), default=run.started_at
    )


def _uncollected(objective: ChecksObjective, evidence: Evidence) -> list[str]:
    """Why the collector of the gate could not run the checks; empty where it had no problem."""
    return [
        f"the gate could not run the required checks: {collection.problem}"
        for collection in _collections(objective, evidence)
        if collection.problem
    ]


def _collections(objective: ChecksObjective, evidence: Evidence) -> list[Collection]:
    """The attempts of the gate to run the objective's checks with the collector."""
    return [
        collection
        for collection in evidence.collections
        if objective.collected is not None and collection.check_set == objective.check_set
    ]


def _lost_since(newest: Run | None, check: str, evidence: Evidence) -> _Answer | None:
    """The problem that an earlier decision's run is gone or was changed; None with a newer run."""
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
            "run the suite again"
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
    return f"; on the same build, the check failed earlier in run {named}"


def _concerned_runs(runs: Sequence[Run], target: Target, check: str) -> list[Run]:
    """The runs that executed or planned the check, or do not list their checks; newest last."""
    concerned = [
        run
        for run in runs
        if (run.target, run.base_url) in (("", ""), (target.name, target.addresses.api))
        and (run.expected is None or check in run.expected)
    ]
    return sorted(concerned, key=lambda run: (run.started_at, run.run_id))


def _failures_of(objective: ChecksObjective) -> tuple[CheckOutcome, ...]:
    """The outcomes of a check that make the objective fail.

    For a rollback trigger, and for a check that the gate itself has run, only ``failed`` counts.
    The outcome ``error`` of such a check is no measurement.
    """
    return (CheckOutcome.FAILED,) if _is_trigger(objective) else FAILURES


def _is_trigger(objective: ChecksObjective) -> bool:
    return objective.collected is not None or objective.breach is Outcome.ROLLBACK


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
    retry = f" (the check has {count} results: a retry does not undo a failure)"
    again = retry if count > 1 else ""
    message = " ".join(result.message.split())[:300] or "the test gave no message"
    sentence = f"{check} {result.outcome.value} in run {run.run_id}{again}: {message}"
    return _Answer(Measured.OK, Verdict.FAIL, sentence, result, run)


def _left_something(run: Run) -> list[str]:
    """The problem that a finished run may have left something in the database; empty without it."""
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
    """The conclusion about a check from a complete run of the served build."""
    if not results:
        sentence = f"run {run.run_id} planned {check}, but its record has no result of the check"
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
        limit = _minutes(objective.max_age)
        sentence = f"{check} passed {_minutes(age)} ago; the maximum age is {limit}"
        return _Answer(Measured.STALE, Verdict.INCONCLUSIVE, sentence, result, run)
    if age < -CLOCK_TOLERANCE or result.at < run.started_at - CLOCK_TOLERANCE:
        sentence = f"{check} has a result at {result.at}, outside the run's time: a clock is wrong"
        return _Answer(Measured.ERROR, Verdict.INCONCLUSIVE, sentence, result, run)
    # A check that passed may have named violations from before the last rollback.
    note = " ".join(result.message.split())[:MAX_NOTE_CHARACTERS]
    sentence = f"{check} passed {_minutes(age)} ago{f'; {note}' if note else ''}"
    return _Answer(Measured.OK, Verdict.PASS, sentence, result, run)


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if abs(seconds) < SECONDS_UNTIL_MINUTES:
        return f"{seconds} s"
    if seconds < SECONDS_UNTIL_HOURS:
        return f"{seconds // 60} min"
    return f"{seconds / 3600:.1f} h"


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
