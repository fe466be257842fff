"""Condition: the newest load run of a profile met every limit, and sent its requests in time."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from gates.judging.checks import provenance
from gates.judging.conclusion import Conclusion, finding_of
from gates.judging.load import load_limits
from gates.judging.load.load_limits import LimitResult
from gates.model import (
    ALL,
    TOTAL,
    Evidence,
    Finding,
    LoadObjective,
    LoadPhase,
    LoadRun,
    Measured,
    Measurement,
    RunState,
    Verdict,
)

MIN_PART_OF_LOAD = 0.98
# Where users come and go, almost all of them must have been there.
MIN_USERS_STEADY, MIN_USERS_CHANGING = 1.0, 0.9


def conclude(objective: LoadObjective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """Judge the newest load run that is large enough, and return the findings.

    Args:
        objective: the objective with the profile and the limits.
        evidence: the evidence with the load runs.
        now: the moment of the decision, UTC.

    Returns:
        A finding for each limit; a single finding where no load run can be evidence.
    """
    runs = _runs_of(objective, evidence)
    if lost := _lost_since(runs[-1] if runs else None, objective, evidence):
        return (_finding(objective, evidence, None, lost, now),)
    if not runs:
        size = f"{objective.at_least_users:,} users for {objective.at_least_seconds:.0f} s"
        sentence = f"there is no load run of profile {objective.profile} with {size} or more"
        missing = LimitResult("run", Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
        return (_finding(objective, evidence, None, missing, now),)
    run = runs[-1]
    problem = next(_problems(runs, objective, evidence, now), None)
    results = [problem] if problem else _results(objective, run)
    return tuple(_finding(objective, evidence, run, result, now) for result in results)


def _lost_since(
    newest: LoadRun | None, objective: LoadObjective, evidence: Evidence
) -> LimitResult | None:
    """The problem that an earlier decision's run is gone or was changed; None with a newer run."""
    for lost in evidence.lost_runs:
        later = newest is not None and newest.state is RunState.FINISHED
        if newest is not None and later and newest.started_at > lost.started_at:
            continue
        if objective.profile in lost.subjects:
            sentence = (
                f"load run {lost.run_id} {lost.problem}; decision {lost.decision} "
                "was based on this run; run the load profile again"
            )
            return LimitResult("run", Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    return None


def _runs_of(objective: LoadObjective, evidence: Evidence) -> list[LoadRun]:
    """The runs of the profile that are large enough, and all damaged runs; newest last."""
    target = evidence.target
    runs = [
        run
        for run in evidence.loads
        if run.state is RunState.DAMAGED
        or (
            (run.target, run.base_url) == (target.name, target.addresses.api)
            and run.profile == objective.profile
            and run.users >= objective.at_least_users
            and run.judged_seconds >= objective.at_least_seconds
        )
    ]
    return sorted(runs, key=lambda run: (run.started_at, run.run_id))


def _problems(
    runs: list[LoadRun], objective: LoadObjective, evidence: Evidence, now: datetime
) -> Iterator[LimitResult]:
    """The reasons why the results of the newest run do not count."""
    run = runs[-1]
    problems = [
        *provenance.clock_set_back(run, runs),
        *provenance.problems(run, objective.digest, evidence, now),
    ]
    if run.ended_at and not run.started_at <= run.ended_at <= now + provenance.CLOCK_TOLERANCE:
        problems.append(
            f"run {run.run_id} has the impossible end time {run.ended_at}: a clock is wrong"
        )
    if run.left_behind:
        problems.append(
            f"run {run.run_id} may have left something in the database: {run.left_behind}"
        )
    for problem in problems:
        yield LimitResult("run", Verdict.INCONCLUSIVE, problem, Measured.ERROR)
    if run.ended_at and now - run.ended_at > objective.max_age:
        hours = (now - run.ended_at).total_seconds() / 3600
        limit = objective.max_age.total_seconds() / 3600
        sentence = f"run {run.run_id} ended {hours:.1f} h ago; the maximum age is {limit:g} h"
        yield LimitResult("run", Verdict.INCONCLUSIVE, sentence, Measured.STALE)


def _results(objective: LoadObjective, run: LoadRun) -> Iterator[LimitResult]:
    """The results of the generator, of the planned load and of every limit."""
    bottleneck = _bottleneck(objective, run)
    yield bottleneck
    is_credible = bottleneck.verdict is Verdict.PASS
    judged = [phase for phase in run.phases if phase.judged and phase.users_planned <= run.users]
    for result in (_reached(objective, run, judged), *load_limits.conclude(objective, run, judged)):
        wrong = result.limit == "requests_failed" and _wrong(objective, judged)
        if result.verdict is Verdict.FAIL and not is_credible and not wrong:
            yield LimitResult(
                result.limit,
                Verdict.INCONCLUSIVE,
                "the limit is not judged, because the load generator may be the cause of this "
                f"result, and not the store: {result.sentence}",
            )
        else:
            yield result


def _wrong(objective: LoadObjective, judged: Sequence[LoadPhase]) -> bool:
    """Whether wrong responses alone break the limit; only the store can cause wrong responses."""
    limit = objective.limits["requests_failed"]
    totals = [(phase.operations[TOTAL], phase.due) for phase in judged if TOTAL in phase.operations]
    return any(total.failed - total.unanswered >= limit * due > 0 for total, due in totals)


def _bottleneck(objective: LoadObjective, run: LoadRun) -> LimitResult:
    """Whether the generator was the bottleneck of the load run."""
    name, generator = "generator", run.generator
    if generator is None or generator.lag_p99_seconds is None or not generator.processor_share:
        unknown = "the generator sent no requests, or did not record its lag and processor use"
        return LimitResult(name, Verdict.INCONCLUSIVE, unknown, Measured.NO_DATA)
    if generator.workers_gone:
        sentence = (
            f"{generator.workers_gone} of {generator.workers} workers of the load generator "
            "ended before the end of the run"
        )
        return LimitResult(
            name, Verdict.INCONCLUSIVE, f"{sentence}; the requests of these workers are not counted"
        )
    shares = [share for share in generator.processor_share if share is not None]
    limit = objective.limits["generator_processor"]
    slack = objective.limits["generator_lag_seconds"]
    lag = generator.lag_p99_seconds
    if len(shares) < len(generator.processor_share):
        unknown = "a process of the generator did not record its processor use"
        return LimitResult(name, Verdict.INCONCLUSIVE, unknown)
    figures = (
        f"1 % of the requests were sent at least {1000 * lag:.0f} ms late (limit "
        f"{1000 * slack:.0f} ms), the busiest of {len(shares)} processes used "
        f"{100 * max(shares):.0f} % of a core (limit {100 * limit:.0f} %), and the largest process "
        f"used {max(generator.memory_bytes) / 1e6:.0f} MB of memory"
    )
    if lag >= slack or max(shares) >= limit:
        return LimitResult(
            name, Verdict.INCONCLUSIVE, f"the generator was the bottleneck: {figures}"
        )
    return LimitResult(name, Verdict.PASS, f"the generator was fast enough: {figures}")


def _reached(objective: LoadObjective, run: LoadRun, judged: Sequence[LoadPhase]) -> LimitResult:
    """Whether the run reached the planned users, request rate and length."""
    name = "users"
    whole = [phase for phase in judged if phase.judged == ALL]
    if not whole:
        sentence = "the run did not reach a phase to which all limits apply"
        return LimitResult(name, Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    seconds = sum(phase.seconds for phase in whole)
    worst = min(judged, key=lambda phase: phase.users_reached / max(1, phase.users_planned))
    minimum = MIN_USERS_STEADY if worst.judged == ALL else MIN_USERS_CHANGING
    a_minute = objective.limits["requests_per_user_minute"]
    pace = min(60 * phase.due / max(1.0, phase.seconds * phase.users_planned) for phase in whole)
    figures = (
        f"{worst.users_reached:,} of {worst.users_planned:,} users were active in {worst.name}, "
        f"{seconds:.0f} of {run.judged_seconds:.0f} s were judged, and {pace:.1f} requests a "
        f"minute were due from each user (at least {a_minute:g} are required)"
    )
    peak = max(phase.users_planned for phase in judged)
    too_few = worst.users_reached < minimum * worst.users_planned or peak < run.users
    if too_few or seconds < MIN_PART_OF_LOAD * run.judged_seconds or pace < a_minute:
        return LimitResult(
            name, Verdict.INCONCLUSIVE, f"the planned load was not reached: {figures}"
        )
    return LimitResult(name, Verdict.PASS, figures)


def _finding(
    objective: LoadObjective,
    evidence: Evidence,
    run: LoadRun | None,
    result: LimitResult,
    now: datetime,
) -> Finding:
    command = f"python -m load run {objective.profile} --target {evidence.target.name}"
    age = (now - run.ended_at).total_seconds() if run and run.ended_at else None
    measurement = Measurement(
        source="load",
        query=f"run {run.run_id}" if run else f"load runs on {evidence.target.name}",
        window_seconds=objective.max_age.total_seconds(),
        samples=result.samples,
        age_seconds=age,
        value=result.verdict.value,
    )
    conclusion = Conclusion(result.measured, result.verdict, result.sentence)
    return finding_of(objective, conclusion, [measurement], command, part=result.limit)
