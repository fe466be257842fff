"""Whether a run can be evidence: its target, build, policy, time and completeness."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gates.model import CheckOutcome, CheckResult, Evidence, LoadRun, Run, RunState

CLOCK_TOLERANCE = timedelta(seconds=5)


def problems(run: Run | LoadRun, limits: str, evidence: Evidence, now: datetime) -> list[str]:
    """Why no result of this run can count as a pass; empty where the results can count.

    Args:
        run: a suite run or a load run.
        limits: SHA-256 of the policy's limits; the run must have used the same limits.
        evidence: the evidence with the served build and the target file.
        now: the moment of the question, UTC.
    """
    served = evidence.served.build
    found_problems = []
    if run.state is RunState.DAMAGED:
        found_problems.append(f"the record of run {run.run_id} is damaged: {run.problem}")
    if run.state is RunState.UNFINISHED:
        found_problems.append(f"run {run.run_id} has not finished: {run.problem}")
    if run.started_at > now + CLOCK_TOLERANCE:
        found_problems.append(f"run {run.run_id} claims to start in the future ({run.started_at})")
    if run.target_digest != evidence.target.digest:
        found_problems.append(f"the target file was changed since run {run.run_id}")
    if run.build is None or served is None:
        found_problems.append(
            f"the build that run {run.run_id} tested, or the served build, is unknown"
        )
    elif run.build != served:
        found_problems.append(f"run {run.run_id} tested {run.build}, but {served} is served now")
    elif run.build_at_end != run.build:
        found_problems.append(f"the build changed while run {run.run_id} was under way")
    if run.state is RunState.FINISHED and run.limits != limits:
        found_problems.append(f"run {run.run_id} judged by limits of another policy")
    return found_problems


def clears(run: Run, failed: Run, result: CheckResult, problems: Sequence[str]) -> bool:
    """Whether a check that failed in a run passed in a later run, once, and after the failure.

    Args:
        run: the later run.
        failed: the run in which the check failed.
        result: the failure.
        problems: why no result of the later run can count as a pass.
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
    """A sentence for each run that the boot clock shows to be later than the newest run.

    Nobody can set the boot clock. The newest run is the newest by the clock of the machine.
    """
    return [
        f"run {other.run_id} began after run {newest.run_id}, but has an earlier time: "
        "the clock was set back"
        for other in others
        if newest.boot
        and other.boot
        and other.boot.machine == newest.boot.machine
        and other.boot.seconds > newest.boot.seconds + CLOCK_TOLERANCE.total_seconds()
    ]
