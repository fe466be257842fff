"""Condition: the newest load run of a profile met every limit; its generator can be believed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from gates.model import (
    Evidence,
    Finding,
    Latency,
    LoadObjective,
    LoadPhase,
    LoadRun,
    Measured,
    Measurement,
    RunState,
    Verdict,
)
from gates.statistics import chance_of_at_least, chance_of_at_most, rising

CLOCK_TOLERANCE = timedelta(seconds=5)
TOTAL = "total"
# The guide's throughput is for a thousand shoppers; fewer are asked for less.
SHOPPERS = 1000
ALMOST = 0.98
SURE = 0.05
# Which limits apply to a phase; where users come and go, almost all of them must have been there.
ALL = "all"
ANSWERS = ("requests_done", "requests_failed", "longest_gap_seconds")
ALL_OF_THEM, MOST_OF_THEM = 1.0, 0.9
# A gap says something where so many answers should have come meanwhile.
ENOUGH_IN_A_GAP = 10
FEWEST_READINGS = 20
# Of so many requests, some should have been of each operation.
MANY = 500
RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class _Said:
    """What one limit came to."""

    limit: str
    verdict: Verdict
    sentence: str
    measured: Measured = Measured.OK
    samples: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """One limit of one phase.

    Args:
        name: the limit's name.
        limit: the number.
        phase: where.
        run: of which run.
    """

    name: str
    limit: float
    phase: LoadPhase
    run: LoadRun


def conclude(objective: LoadObjective, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """A finding for each limit; one for a run that proves nothing."""
    run = _newest(objective, evidence)
    if run is None:
        size = f"{objective.at_least_users:,} users for {objective.at_least_seconds:.0f} s"
        said = f"no load run of profile {objective.profile} with {size} or more"
        missing = _Said("run", Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
        return (_finding(objective, evidence, None, missing, now),)
    for problem in _problems(run, objective, evidence, now):
        measured = Measured.STALE if problem.startswith("it ended") else Measured.ERROR
        sentence = f"load run {run.run_id}: {problem}"
        broken = _Said("run", Verdict.INCONCLUSIVE, sentence, measured)
        return (_finding(objective, evidence, run, broken, now),)
    return tuple(_finding(objective, evidence, run, one, now) for one in _said(objective, run))


def _newest(objective: LoadObjective, evidence: Evidence) -> LoadRun | None:
    """The newest run that was large enough, or whose record does not say what it was."""
    target = evidence.target
    concerned = [
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
    return max(concerned, key=lambda run: (run.started_at, run.run_id), default=None)


def _problems(
    run: LoadRun, objective: LoadObjective, evidence: Evidence, now: datetime
) -> Iterator[str]:
    """Why nothing in this run can be believed."""
    if run.state is RunState.DAMAGED:
        yield f"its record is damaged: {run.problem}"
    if run.state is RunState.UNFINISHED:
        yield f"it has not finished: {run.problem}"
    yield from _problems_of_subject(run, objective, evidence)
    yield from _problems_of_time(run, objective, evidence, now)
    if run.left_behind:
        yield f"it may have left something in the database: {run.left_behind}"


def _problems_of_time(
    run: LoadRun, objective: LoadObjective, evidence: Evidence, now: datetime
) -> Iterator[str]:
    """What is wrong with when it was."""
    if run.started_at > now + CLOCK_TOLERANCE or (run.ended_at or now) > now + CLOCK_TOLERANCE:
        yield f"it claims to be of the future ({run.started_at}): a clock is wrong"
    if run.ended_at and run.ended_at < run.started_at:
        yield "it ended before it began: a clock is wrong"
    if any(_began_later(other, run) for other in evidence.loads):
        yield "another load run began after it, and says it began before: a clock was set back"
    if run.ended_at and now - run.ended_at > objective.max_age:
        hours = (now - run.ended_at).total_seconds() / 3600
        limit = objective.max_age.total_seconds() / 3600
        yield f"it ended {hours:.1f} h ago, longer than {limit:g} h"


def _problems_of_subject(
    run: LoadRun, objective: LoadObjective, evidence: Evidence
) -> Iterator[str]:
    """What is wrong with what it tested, or by what."""
    served = evidence.served.build
    if run.target_digest != evidence.target.digest:
        yield "the target file was changed since"
    if run.limits != objective.digest:
        yield "the policy's limits were changed since"
    if run.build is None or served is None:
        yield "which build it tested, or which is served, is unknown"
    elif run.build != served:
        yield f"it tested {run.build}, but {served} is served now"
    elif run.build_at_end != run.build:
        yield "the build changed while it was under way"


def _began_later(other: LoadRun, run: LoadRun) -> bool:
    """Whether another run began later on the machine's own clock, and earlier by the wall's."""
    return (
        run.boot is not None
        and other.boot is not None
        and other.boot.machine == run.boot.machine
        and other.boot.seconds > run.boot.seconds + CLOCK_TOLERANCE.total_seconds()
        and other.started_at <= run.started_at
    )


def _said(objective: LoadObjective, run: LoadRun) -> Iterator[_Said]:
    """What the generator, the load and every limit came to."""
    bottleneck = _bottleneck(objective, run)
    yield bottleneck
    believed = bottleneck.verdict is Verdict.PASS
    judged = [one for one in run.phases if one.judged and one.users_planned <= run.users]
    for one in (_reached(objective, run, judged), *_limits(objective, run, judged)):
        wrong = one.limit == "requests_failed" and _wrong(objective, judged)
        if one.verdict is Verdict.FAIL and not believed and not wrong:
            yield _Said(
                one.limit, Verdict.INCONCLUSIVE, f"not judged, for the generator: {one.sentence}"
            )
        else:
            yield one


def _wrong(objective: LoadObjective, judged: Sequence[LoadPhase]) -> bool:
    """Whether wrong answers alone were too many: these are nobody's fault but the store's."""
    limit = objective.limits["requests_failed"]
    totals = [(phase.operations[TOTAL], phase.due) for phase in judged if TOTAL in phase.operations]
    return any(total.failed - total.unanswered >= limit * due > 0 for total, due in totals)


def _bottleneck(objective: LoadObjective, run: LoadRun) -> _Said:
    """Whether the generator itself held the load up."""
    name, made = "generator", run.generator
    if made is None or made.lag_p99_seconds is None or not made.processor_share:
        unknown = "the generator sent nothing, or does not say how it fared"
        return _Said(name, Verdict.INCONCLUSIVE, unknown, Measured.NO_DATA)
    if made.workers_gone:
        said = f"{made.workers_gone} of {made.workers} workers were gone before the end"
        return _Said(name, Verdict.INCONCLUSIVE, f"{said}; what they had to send is missing")
    shares = [share for share in made.processor_share if share is not None]
    most = objective.limits["generator_processor"]
    slack = objective.limits["generator_lag_seconds"]
    lag = made.lag_p99_seconds
    if len(shares) < len(made.processor_share):
        return _Said(name, Verdict.INCONCLUSIVE, "a generator does not say what it used")
    seen = (
        f"1 % of requests left {1000 * lag:.0f} ms or more late (limit {1000 * slack:.0f} ms), "
        f"the busiest of {len(shares)} processes used {100 * max(shares):.0f} % of a core "
        f"(limit {100 * most:.0f} %), {max(made.memory_bytes) / 1e6:.0f} MB"
    )
    if lag >= slack or max(shares) >= most:
        return _Said(name, Verdict.INCONCLUSIVE, f"the generator was the bottleneck: {seen}")
    return _Said(name, Verdict.PASS, f"the generator kept up: {seen}")


def _reached(objective: LoadObjective, run: LoadRun, judged: Sequence[LoadPhase]) -> _Said:
    """Whether the load that was planned was there, as dense and for as long as planned."""
    name = "users"
    whole = [phase for phase in judged if phase.judged == ALL]
    if not whole:
        said = "no phase that all limits apply to was reached"
        return _Said(name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    seconds = sum(phase.seconds for phase in whole)
    worst = min(judged, key=lambda phase: phase.users_reached / max(1, phase.users_planned))
    least = ALL_OF_THEM if worst.judged == ALL else MOST_OF_THEM
    a_minute = objective.limits["requests_per_user_minute"]
    pace = min(60 * phase.due / max(1.0, phase.seconds * phase.users_planned) for phase in whole)
    seen = (
        f"{worst.users_reached:,} of {worst.users_planned:,} users in {worst.name}, "
        f"{seconds:.0f} of {run.judged_seconds:.0f} s judged, {pace:.1f} requests a minute due "
        f"from each (at least {a_minute:g})"
    )
    too_few = worst.users_reached < least * worst.users_planned
    if too_few or seconds < ALMOST * run.judged_seconds or pace < a_minute:
        return _Said(name, Verdict.INCONCLUSIVE, f"the planned load was not reached: {seen}")
    return _Said(name, Verdict.PASS, seen)


def _limits(objective: LoadObjective, run: LoadRun, judged: Sequence[LoadPhase]) -> Iterator[_Said]:
    """The worst phase of each limit; what concerns the run as a whole; the knee of a stress run."""
    for name, limit in objective.limits.items():
        if name in PER_PHASE:
            answers = [
                PER_PHASE[name](_Asked(name, limit, phase, run))
                for phase in judged
                if phase.judged == ALL or name in ANSWERS
            ]
            yield max(answers, key=_badness, default=_nothing(name))
        elif name in PER_RUN:
            yield PER_RUN[name](run, limit)
    for operation, limit in objective.p95.items():
        answers = [_p95(operation, limit, phase) for phase in judged if phase.judged == ALL]
        yield max(answers, key=_badness, default=_nothing(f"p95 {operation}"))
    if objective.finds_knee:
        yield _knee(objective, run)


def _badness(said: _Said) -> int:
    return (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL).index(said.verdict)


def _nothing(name: str) -> _Said:
    return _Said(name, Verdict.INCONCLUSIVE, f"{name}: nothing was measured", Measured.NO_DATA)


def _done(asked: _Asked) -> _Said:
    """Requests answered rightly, of those due."""
    phase, total = asked.phase, asked.phase.operations.get(TOTAL)
    done = total.done if total else 0
    said = f"{done:,} of {phase.due:,} requests due in {phase.name} were answered rightly"
    if phase.unfinished:
        oldest = phase.oldest_unfinished_seconds
        said += f", {phase.unfinished:,} had no end, the oldest after {oldest:.1f} s"
    said += f"; at least {100 * asked.limit:g} %"
    if not phase.due:
        return _Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if done >= asked.limit * phase.due:
        return _Said(asked.name, Verdict.PASS, said, samples=phase.due)
    few = phase.due * (1 - asked.limit) < 1
    by_luck = few and chance_of_at_most(done, phase.due, asked.limit) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return _Said(asked.name, verdict, said, samples=phase.due)


def _failed(asked: _Asked) -> _Said:
    """Requests that failed or had no end, of those due; shown to be too many or few enough."""
    phase, total = asked.phase, asked.phase.operations.get(TOTAL)
    bad = (total.failed if total else 0) + phase.unfinished
    why = max(asked.run.reasons, key=lambda one: asked.run.reasons[one], default="")
    said = (
        f"{bad:,} of {phase.due:,} requests due in {phase.name} failed or had no end; "
        f"under {100 * asked.limit:g} %{f'; most often: {why}' if bad and why else ''}"
    )
    if not phase.due:
        return _Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if bad / phase.due >= asked.limit:
        few = phase.due * asked.limit < 1
        by_luck = few and chance_of_at_least(bad, phase.due, asked.limit) >= SURE
        verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
        return _Said(asked.name, verdict, said, samples=phase.due)
    return _Said(asked.name, Verdict.PASS, said, samples=phase.due)


def _gap(asked: _Asked) -> _Said:
    phase = asked.phase
    said = (
        f"{phase.longest_gap_seconds:.1f} s without a right answer in {phase.name} at most; under "
        f"{asked.limit:g} s"
    )
    if phase.longest_gap_seconds < asked.limit:
        return _Said(asked.name, Verdict.PASS, said, samples=phase.due)
    in_a_gap = phase.due * asked.limit / phase.seconds if phase.seconds else 0.0
    verdict = Verdict.FAIL if in_a_gap >= ENOUGH_IN_A_GAP else Verdict.INCONCLUSIVE
    return _Said(asked.name, verdict, said, samples=phase.due)


def _orders(asked: _Asked) -> _Said:
    """Orders a minute; chance may give a few less than the limit, a fault gives fewer."""
    phase, orders = asked.phase, asked.phase.operations.get("place_order")
    done = orders.done if orders else 0
    wanted = asked.limit * phase.users_planned / SHOPPERS
    a_minute = 60 * done / phase.seconds if phase.seconds else 0.0
    said = (
        f"{done:,} orders in {phase.name}, {a_minute:.0f} a minute with {phase.users_planned:,} "
        f"users; at least {wanted:.0f}"
    )
    if a_minute >= wanted and done:
        return _Said(asked.name, Verdict.PASS, said, samples=done)
    total = phase.operations[TOTAL].done if TOTAL in phase.operations else 0
    share = wanted * phase.seconds / 60 / total if total else 1.0
    by_luck = share < 1 and chance_of_at_most(done, total, share) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return _Said(asked.name, verdict, said, samples=done)


def _payments(asked: _Asked) -> _Said:
    phase, payments = asked.phase, asked.phase.operations.get("process_payment")
    done, failed = (payments.done, payments.failed) if payments else (0, 0)
    tried = done + failed
    said = f"{done:,} of {tried:,} payments in {phase.name} succeeded; over {100 * asked.limit:g} %"
    if not tried:
        return _Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if done > asked.limit * tried:
        return _Said(asked.name, Verdict.PASS, said, samples=tried)
    by_luck = chance_of_at_most(done, tried, asked.limit) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return _Said(asked.name, verdict, said, samples=tried)


def _p95(operation: str, limit: float, phase: LoadPhase) -> _Said:
    """P95 by its confidence bounds; without samples it fails."""
    name, seen = f"p95 {operation}", phase.operations.get(operation)
    if seen is None or not seen.samples or seen.p95 is None or seen.p95_at_least is None:
        said = f"no {operation} in {phase.name} was answered: its P95 cannot be under {limit:g} s"
        total = phase.operations.get(TOTAL)
        rare = operation != TOTAL and total is not None and 0 < total.done < MANY
        return _Said(name, Verdict.INCONCLUSIVE if rare else Verdict.FAIL, said, Measured.NO_DATA)
    said = (
        f"P95 of {operation} is {_seconds(seen.p95)} in {phase.name} ({_interval(seen)}, from "
        f"{seen.samples:,}); under {limit:g} s"
    )
    if seen.p95_at_least >= limit:
        verdict = Verdict.FAIL
    elif seen.p95_at_most is not None and seen.p95_at_most < limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.INCONCLUSIVE
    return _Said(name, verdict, said, samples=seen.samples)


def _interval(seen: Latency) -> str:
    upper = "unknown" if seen.p95_at_most is None else _seconds(seen.p95_at_most)
    return f"95 % sure: {_seconds(seen.p95_at_least or 0.0)} to {upper}"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _recovery(run: LoadRun, limit: float) -> _Said:
    name, seconds = "recovery_seconds", run.recovery_seconds
    if seconds is None:
        return _nothing(name)
    names = [phase.name for phase in run.phases]
    looked = sum(phase.seconds for phase in run.phases[names.index(RECOVERY) :]
                 ) if RECOVERY in names else 0.0  # fmt: skip
    if seconds >= looked - 1:
        said = f"answers were not right and quick again in the {looked:.0f} s after the spike"
        return _Said(name, Verdict.FAIL, f"{said}; under {limit:g} s")
    said = f"{seconds:.0f} s until answers were right and quick again after the spike"
    verdict = Verdict.PASS if seconds < limit else Verdict.FAIL
    return _Said(name, verdict, f"{said}; under {limit:g} s")


def _slower(run: LoadRun, limit: float) -> _Said:
    """Whether the median rises from window to window."""
    totals = [one.operations.get(TOTAL) for one in run.phases if one.judged == ALL]
    medians = [one.p50 for one in totals if one]
    points = [(float(at), p50) for at, p50 in enumerate(medians) if p50 is not None]
    return _growth("growth_of_latency", "the median latency", points, limit)


def _larger(run: LoadRun, limit: float) -> _Said:
    """Whether the target's memory rises all the time."""
    name = "growth_of_memory"
    if len(run.memory) < FEWEST_READINGS:
        seen = f"{len(run.memory)} readings of the target's memory"
        said = f"{name}: {seen}, at least {FEWEST_READINGS}: was it restarted?"
        return _Said(name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    return _growth(name, "the target's memory", list(run.memory), limit)


def _growth(name: str, what: str, points: list[tuple[float, float]], limit: float) -> _Said:
    """Growth by the line through all readings, and by the last third against the first."""
    trend = rising(points)
    if trend is None:
        return _nothing(name)
    values, third = [value for _, value in points], max(1, len(points) // 3)
    late = max(values[-2:]) if len(points) < FEWEST_READINGS else median(values[-third:])
    jump = late / median(values[:third]) - 1
    sure = trend.chance < SURE
    said = (
        f"{what} grew by {100 * trend.growth:.1f} % over the run, from {len(points)} readings, "
        f"{'and chance does not explain it' if sure else 'as chance has it'}, and was "
        f"{100 * jump:+.1f} % at its end; under {100 * limit:g} %"
    )
    if jump >= limit or (trend.growth >= limit and sure):
        return _Said(name, Verdict.FAIL, said, samples=len(points))
    unsure = trend.growth >= limit
    return _Said(name, Verdict.INCONCLUSIVE if unsure else Verdict.PASS, said, samples=len(points))


def _knee(objective: LoadObjective, run: LoadRun) -> _Said:
    """The most users with which every limit held, in a run that goes on until one does not."""
    held = 0
    for phase in (one for one in run.phases if one.judged == ALL):
        answers = [
            PER_PHASE[name](_Asked(name, limit, phase, run))
            for name, limit in objective.limits.items()
            if name in PER_PHASE
        ] + [_p95(operation, limit, phase) for operation, limit in objective.p95.items()]
        broken = [one for one in answers if one.verdict is Verdict.FAIL]
        if broken:
            said = f"every limit held up to {held:,} users; with {phase.users_planned:,}: "
            verdict = Verdict.PASS if held >= run.users else Verdict.FAIL
            return _Said("knee", verdict, said + broken[0].sentence)
        held = phase.users_planned
    verdict = Verdict.PASS if held >= run.users else Verdict.INCONCLUSIVE
    return _Said("knee", verdict, f"every limit held up to {held:,} users, the most there were")


PER_PHASE: dict[str, Callable[[_Asked], _Said]] = {
    "requests_done": _done,
    "requests_failed": _failed,
    "longest_gap_seconds": _gap,
    "orders_per_minute": _orders,
    "payment_success": _payments,
}
PER_RUN: dict[str, Callable[[LoadRun, float], _Said]] = {
    "recovery_seconds": _recovery,
    "growth_of_latency": _slower,
    "growth_of_memory": _larger,
}


def _finding(
    objective: LoadObjective, evidence: Evidence, run: LoadRun | None, said: _Said, now: datetime
) -> Finding:
    again = f"python -m load run {objective.profile} --target {evidence.target.name}"
    age = (now - run.ended_at).total_seconds() if run and run.ended_at else None
    return Finding(
        objective=f"{objective.name}: {said.limit}",
        guide=objective.guide,
        measured=said.measured,
        verdict=said.verdict,
        sentence=said.sentence,
        next_step="" if said.verdict is Verdict.PASS else again,
        measurements=(
            Measurement(
                source="load",
                query=f"run {run.run_id}" if run else f"load runs on {evidence.target.name}",
                window_seconds=objective.max_age.total_seconds(),
                samples=said.samples,
                age_seconds=age,
                value=said.verdict.value,
            ),
        ),
    )
