"""Condition: no recent run on the served build reports a failed check of a check set.

The objective does not require a run of these checks. But it fails where a run has found a failure.
A newer complete run in which the same check passed clears the failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gates.judging.checks import provenance
from gates.judging.conclusion import Conclusion, finding_of
from gates.model import (
    CheckOutcome,
    CheckResult,
    Evidence,
    Finding,
    LostRun,
    Measured,
    Measurement,
    NoFailedChecksObjective,
    Run,
    RunState,
    Verdict,
)

MAX_NAMED = 3
MAX_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed check that has not passed in any newer complete run.

    Args:
        result: the failed result of the check.
        run: the run that has this result.
    """

    result: CheckResult
    run: Run


def conclude(objective: NoFailedChecksObjective, evidence: Evidence, now: datetime) -> Finding:
    """Judge all checks of the check set together, and return one finding.

    Args:
        objective: the objective with the check set and the maximum age of a run.
        evidence: the evidence with the runs.
        now: the moment of the decision, UTC.
    """
    records = _Records.of(objective, evidence, now)
    failures = records.uncleared(CheckOutcome.FAILED)
    check = failures[0].result.check if failures else objective.checks[0]
    next_step = f"pytest --target {evidence.target.name} --check {check}"
    conclusion = _conclusion(records, failures)
    return finding_of(objective, conclusion, _measurements(records, failures), next_step)


def _conclusion(records: "_Records", failures: Sequence[Failure]) -> Conclusion:
    runs, breach = len(records.runs), records.objective.breach
    count = len(records.objective.checks)
    hours = records.objective.max_age.total_seconds() / 3600
    if failures:
        return Conclusion(Measured.OK, Verdict.FAIL, _sentence_of(failures), breach)
    if problem := records.problem():
        return Conclusion(Measured.ERROR, Verdict.INCONCLUSIVE, problem, breach)
    sentence = f"{runs} runs of the last {hours:g} h report no failure of the {count} checks"
    if not runs:
        sentence = (
            f"no run within {hours:g} h includes any of the {count} checks, "
            "so no failure is known; the objective does not require a run"
        )
    return Conclusion(Measured.OK, Verdict.PASS, sentence, breach)


@dataclass(frozen=True, slots=True)
class _Records:
    """The recent runs that may have executed a check of the check set.

    Args:
        objective: the objective.
        evidence: the evidence with the runs.
        now: the moment of the decision, UTC.
        runs: the recent runs, oldest first.
    """

    objective: NoFailedChecksObjective
    evidence: Evidence
    now: datetime
    runs: tuple[Run, ...]

    @classmethod
    def of(
        cls, objective: NoFailedChecksObjective, evidence: Evidence, now: datetime
    ) -> "_Records":
        """Choose the runs of the target that are not older than the objective's maximum age."""
        target, checks = evidence.target, set(objective.checks)
        runs = [
            run
            for run in evidence.runs
            if run.target in ("", target.name)
            and (run.expected is None or checks & run.expected)
            and now - max([run.started_at, *(result.at for result in run.results)])
            <= objective.max_age
        ]
        runs.sort(key=lambda run: (run.started_at, run.run_id))
        return cls(objective, evidence, now, tuple(runs))

    def uncleared(self, outcome: CheckOutcome) -> list[Failure]:
        """Return the newest result with this outcome of each check that no newer run clears."""
        served = self.evidence.served.build
        runs = [run for run in self.runs if run.build is not None and run.build == served]
        return self._uncleared(runs, outcome)

    def _uncleared(self, runs: Sequence[Run], outcome: CheckOutcome) -> list[Failure]:
        failures = []
        for check in self.objective.checks:
            failed = [
                Failure(result, run)
                for run in runs
                for result in run.results
                if result.check == check and result.outcome is outcome
            ]
            if failed and not any(self._clears(run, failed) for run in self.runs):
                failures.append(failed[-1])
        return failures

    def _clears(self, run: Run, failed: Sequence[Failure]) -> bool:
        """Whether a newer run clears all failures of a check, because its only result is a pass."""
        problems = provenance.problems(run, self.objective.limits, self.evidence, self.now)
        return run.counts_violations_since(None) and all(
            provenance.clears(run, failure.run, failure.result, problems) for failure in failed
        )

    def problem(self) -> str:
        """Return why there may be a failure that the gate does not know; empty without a reason."""
        if self.evidence.served.build is None:
            return "the served build is unknown, so it is not known which runs tested this build"
        unknown = [run for run in self.runs if run.build is None]
        if failures := self._uncleared(unknown, CheckOutcome.FAILED):
            run_id, check = failures[0].run.run_id, failures[0].result.check
            return f"{check} failed in run {run_id}, whose build is unknown"
        for run in self.runs:
            if run.state is RunState.DAMAGED:
                reason = f"is damaged, and may have reported a failure: {run.problem}"
                return f"run {run.run_id} {reason}"
        for lost in self.evidence.lost_runs:
            if failed := self._lost_failures(lost):
                return (
                    f"{failed[0]} failed in run {lost.run_id}, which {lost.problem}; decision "
                    f"{lost.decision} was based on this run; run the suite again"
                )
        errors = self.uncleared(CheckOutcome.ERROR)
        return _sentence_of(errors) if errors else ""

    def _lost_failures(self, lost: LostRun) -> list[str]:
        """The checks of the set that failed in a lost run, and have not passed in any newer run."""
        is_young = self.now - lost.started_at <= self.objective.max_age
        if not is_young or lost.build not in ("", str(self.evidence.served.build)):
            return []
        passed = {
            result.check
            for run in self.runs
            if run.started_at > lost.started_at
            and not provenance.problems(run, self.objective.limits, self.evidence, self.now)
            for result in run.results
            if result.outcome is CheckOutcome.PASSED
        }
        return sorted(lost.failed.intersection(self.objective.checks) - passed)


def _sentence_of(failures: Sequence[Failure]) -> str:
    first = failures[0]
    message = " ".join(first.result.message.split())[:MAX_MESSAGE_CHARACTERS]
    more = ", ".join(failure.result.check for failure in failures[1:MAX_NAMED])
    rest = f" (and {len(failures) - MAX_NAMED} more)" if len(failures) > MAX_NAMED else ""
    also = f"; other checks with this result: {more}{rest}" if more else ""
    return (
        f"{first.result.check} {first.result.outcome.value} in run {first.run.run_id}: "
        f"{message or 'the test gave no message'}{also}"
    )


def _measurements(records: _Records, failures: Sequence[Failure]) -> list[Measurement]:
    """One measurement for each run in ``failures``; without failures, the number of runs."""
    window = records.objective.max_age.total_seconds()
    failed = {failure.run.run_id: failure.run for failure in failures}
    if not failed:
        return [Measurement("checks", "runs", window, len(records.runs), None, "no failed check")]
    return [
        Measurement(
            source="checks",
            query=f"run {run_id}",
            window_seconds=window,
            samples=1,
            age_seconds=(records.now - run.started_at).total_seconds(),
            value="failed",
        )
        for run_id, run in failed.items()
    ]
