"""Checks a run's target, build, policy, times and completeness: can the run be evidence?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gates.model import CheckOutcome, CheckResult, Evidence, LoadRun, Run, RunState

CLOCK_TOLERANCE = timedelta(seconds=5)


def problems(run: Run | LoadRun, limits: str, evidence: Evidence, now: datetime) -> list[str]:
    """List the reasons why no result of a run can count as a pass.

    Args:
        run: a suite run or a load run.
        limits: SHA-256 of the policy's limits. The run must have used the same limits.
        evidence: the evidence with the served build and the target file.
        now: the moment of the decision, UTC.

    Returns:
        One sentence for each reason; empty where the results of the run can count.
    """
    served = evidence.served.build
    found_problems = []
    if run.state is RunState.DAMAGED:
        found_problems.append(f"the record of run {run.run_id} is damaged: {run.problem}")
    if run.state is RunState.UNFINISHED:
        found_problems.append(f"run {run.run_id} has not finished: {run.problem}")
    if run.started_at > now + CLOCK_TOLERANCE:
        found_problems.append(
            f"run {run.run_id} has a start time in the future ({run.started_at}): a clock is wrong"
        )
    if run.target_digest != evidence.target.digest:
        found_problems.append(f"the target file was changed since run {run.run_id}")
    if run.build is None or served is None:
        found_problems.append(
            f"the build that run {run.run_id} tested, or the served build, is unknown"
        )
    elif run.build != served:
        found_problems.append(f"run {run.run_id} tested {run.build}, but {served} is served now")
    elif run.build_at_end != run.build:
        found_problems.append(f"the served build changed while run {run.run_id} was under way")
    if run.state is RunState.FINISHED and run.limits != limits:
        found_problems.append(f"run {run.run_id} used the limits of another policy")
    return found_problems


def clears(run: Run, failed: Run, result: CheckResult, problems: Sequence[str]) -> bool:
    """Whether a later run clears the failure of a check.

    A later run clears the failure when two conditions are met. The later run can be evidence. The
    later run has exactly one result of the check, and this result is a pass after the failure.

    Args:
        run: the later run.
        failed: the run in which the check failed.
        result: the failed result.
        problems: the reasons why no result of the later run can count as a pass.
    """
    results = [later for later in run.results if later.check == result.check]
    return (
        [later.outcome for later in results] == [CheckOutcome.PASSED]
        and run.started_at > failed.started_at
        and results[0].at > result.at
        and not problems
        and not clock_set_back(run, [failed])
    )


def clock_set_back(newest: Run | LoadRun, others: Sequence[Run | LoadRun]) -> list[str]:
    """Find runs that really began after the newest run, although their start times are earlier.

    Then a clock was set back. The seconds since the machine's start show the true order of the
    machine's runs, because nobody can set this number back.

    Args:
        newest: the run with the latest start time by the clock of the machine.
        others: the runs to compare with the newest run.

    Returns:
        One sentence for each run that began after the newest run.
    """
    return [
        f"run {other.run_id} began after run {newest.run_id}, but has an earlier start time: "
        "the clock was set back"
        for other in others
        if newest.boot
        and other.boot
        and other.boot.machine == newest.boot.machine
        and other.boot.seconds > newest.boot.seconds + CLOCK_TOLERANCE.total_seconds()
    ]
