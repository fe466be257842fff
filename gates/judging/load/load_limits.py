"""What each limit of a load run comes to: by phase, over the run, and where it breaks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from gates.model import (
    ALL,
    RECOVERY,
    TOTAL,
    Latency,
    LoadObjective,
    LoadPhase,
    LoadRun,
    Measured,
    Verdict,
)
from gates.statistics import chance_of_at_least, chance_of_at_most, trend_of

# The guide's throughput is for a thousand shoppers; fewer are asked for less.
SHOPPERS = 1000
SURE = 0.05
# The limits of a phase where late answers are no fault.
OF_ANSWERS = ("requests_done", "requests_failed", "longest_gap_seconds")
# A gap says something where so many answers should have come meanwhile.
ENOUGH_IN_A_GAP = 10
FEWEST_READINGS = 20
# Of so many requests, some should have been of each operation.
MANY = 500


@dataclass(frozen=True, slots=True)
class Said:
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


def conclude(objective: LoadObjective, run: LoadRun, judged: Sequence[LoadPhase]) -> Iterator[Said]:
    """The worst phase of each limit; what concerns the run as a whole; the knee of a stress run."""
    for name, limit in objective.limits.items():
        if name in PER_PHASE:
            answers = [
                PER_PHASE[name](_Asked(name, limit, phase, run))
                for phase in judged
                if phase.judged == ALL or name in OF_ANSWERS
            ]
            yield max(answers, key=_badness, default=_nothing(name))
        elif name in PER_RUN:
            yield PER_RUN[name](run, limit)
    for operation, limit in objective.p95.items():
        answers = [_p95(operation, limit, phase) for phase in judged if phase.judged == ALL]
        yield max(answers, key=_badness, default=_nothing(f"p95 {operation}"))
    if objective.finds_knee:
        yield _knee(objective, run)


def _badness(said: Said) -> int:
    return (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL).index(said.verdict)


def _nothing(name: str) -> Said:
    return Said(name, Verdict.INCONCLUSIVE, f"{name}: nothing was measured", Measured.NO_DATA)


def _done(asked: _Asked) -> Said:
    """Requests answered rightly, of those due."""
    phase, total = asked.phase, asked.phase.operations.get(TOTAL)
    done = total.done if total else 0
    said = f"{done:,} of {phase.due:,} requests due in {phase.name} were answered rightly"
    if phase.unfinished:
        oldest = phase.oldest_unfinished_seconds
        said += f", {phase.unfinished:,} had no end, the oldest after {oldest:.1f} s"
    said += f"; at least {100 * asked.limit:g} %"
    if not phase.due:
        return Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if done >= asked.limit * phase.due:
        return Said(asked.name, Verdict.PASS, said, samples=phase.due)
    few = phase.due * (1 - asked.limit) < 1
    by_luck = few and chance_of_at_most(done, phase.due, asked.limit) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return Said(asked.name, verdict, said, samples=phase.due)


def _failed(asked: _Asked) -> Said:
    """Requests that failed or had no end, of those due; shown to be too many or few enough."""
    phase, total = asked.phase, asked.phase.operations.get(TOTAL)
    bad = (total.failed if total else 0) + phase.unfinished
    why = max(asked.run.reasons, key=lambda one: asked.run.reasons[one], default="")
    said = (
        f"{bad:,} of {phase.due:,} requests due in {phase.name} failed or had no end; "
        f"under {100 * asked.limit:g} %{f'; most often: {why}' if bad and why else ''}"
    )
    if not phase.due:
        return Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if bad / phase.due >= asked.limit:
        few = phase.due * asked.limit < 1
        by_luck = few and chance_of_at_least(bad, phase.due, asked.limit) >= SURE
        verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
        return Said(asked.name, verdict, said, samples=phase.due)
    return Said(asked.name, Verdict.PASS, said, samples=phase.due)


def _gap(asked: _Asked) -> Said:
    phase = asked.phase
    said = (
        f"{phase.longest_gap_seconds:.1f} s without a right answer in {phase.name} at most; under "
        f"{asked.limit:g} s"
    )
    if phase.longest_gap_seconds < asked.limit:
        return Said(asked.name, Verdict.PASS, said, samples=phase.due)
    in_a_gap = phase.due * asked.limit / phase.seconds if phase.seconds else 0.0
    verdict = Verdict.FAIL if in_a_gap >= ENOUGH_IN_A_GAP else Verdict.INCONCLUSIVE
    return Said(asked.name, verdict, said, samples=phase.due)


def _orders(asked: _Asked) -> Said:
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
        return Said(asked.name, Verdict.PASS, said, samples=done)
    total = phase.operations[TOTAL].done if TOTAL in phase.operations else 0
    share = wanted * phase.seconds / 60 / total if total else 1.0
    by_luck = share < 1 and chance_of_at_most(done, total, share) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return Said(asked.name, verdict, said, samples=done)


def _payments(asked: _Asked) -> Said:
    phase, payments = asked.phase, asked.phase.operations.get("process_payment")
    done, failed = (payments.done, payments.failed) if payments else (0, 0)
    tried = done + failed
    said = f"{done:,} of {tried:,} payments in {phase.name} succeeded; over {100 * asked.limit:g} %"
    if not tried:
        return Said(asked.name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    if done > asked.limit * tried:
        return Said(asked.name, Verdict.PASS, said, samples=tried)
    by_luck = chance_of_at_most(done, tried, asked.limit) >= SURE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return Said(asked.name, verdict, said, samples=tried)


def _p95(operation: str, limit: float, phase: LoadPhase) -> Said:
    """P95 by its confidence bounds; without samples it fails."""
    name, seen = f"p95 {operation}", phase.operations.get(operation)
    if seen is None or not seen.samples or seen.p95 is None or seen.p95_at_least is None:
        said = f"no {operation} in {phase.name} was answered: its P95 cannot be under {limit:g} s"
        total = phase.operations.get(TOTAL)
        rare = operation != TOTAL and total is not None and 0 < total.done < MANY
        return Said(name, Verdict.INCONCLUSIVE if rare else Verdict.FAIL, said, Measured.NO_DATA)
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
    return Said(name, verdict, said, samples=seen.samples)


def _interval(seen: Latency) -> str:
    upper = "unknown" if seen.p95_at_most is None else _seconds(seen.p95_at_most)
    return f"95 % sure: {_seconds(seen.p95_at_least or 0.0)} to {upper}"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _recovery(run: LoadRun, limit: float) -> Said:
    name, seconds = "recovery_seconds", run.recovery_seconds
    if seconds is None:
        return _nothing(name)
    names = [phase.name for phase in run.phases]
    begins = names.index(RECOVERY) if RECOVERY in names else len(names)
    looked = sum(phase.seconds for phase in run.phases[begins:])
    if seconds >= looked - 1:
        said = f"answers were not right and quick again in the {looked:.0f} s after the spike"
        return Said(name, Verdict.FAIL, f"{said}; under {limit:g} s")
    said = f"{seconds:.0f} s until answers were right and quick again after the spike"
    verdict = Verdict.PASS if seconds < limit else Verdict.FAIL
    return Said(name, verdict, f"{said}; under {limit:g} s")


def _slower(run: LoadRun, limit: float) -> Said:
    """Whether the median rises from window to window."""
    totals = [one.operations.get(TOTAL) for one in run.phases if one.judged == ALL]
    medians = [one.p50 for one in totals if one]
    points = [(float(at), p50) for at, p50 in enumerate(medians) if p50 is not None]
    return _growth("growth_of_latency", "the median latency", points, limit)


def _larger(run: LoadRun, limit: float) -> Said:
    """Whether the target's memory rises all the time."""
    name = "growth_of_memory"
    if len(run.memory) < FEWEST_READINGS:
        seen = f"{len(run.memory)} readings of the target's memory"
        said = f"{name}: {seen}, at least {FEWEST_READINGS}: was it restarted?"
        return Said(name, Verdict.INCONCLUSIVE, said, Measured.NO_DATA)
    return _growth(name, "the target's memory", list(run.memory), limit)


def _growth(name: str, what: str, points: list[tuple[float, float]], limit: float) -> Said:
    """Growth by the line through all readings, and by the last third against the first."""
    trend = trend_of(points)
    if trend is None:
        return _nothing(name)
    values, third = [value for _, value in points], max(1, len(points) // 3)
    late = max(values[-2:]) if len(points) < FEWEST_READINGS else median(values[-third:])
    jump = late / median(values[:third]) - 1
    sure = trend.p_value < SURE
    said = (
        f"{what} grew by {100 * trend.growth:.1f} % over the run, from {len(points)} readings, "
        f"{'and chance does not explain it' if sure else 'as chance has it'}, and was "
        f"{100 * jump:+.1f} % at its end; under {100 * limit:g} %"
    )
    if jump >= limit or (trend.growth >= limit and sure):
        return Said(name, Verdict.FAIL, said, samples=len(points))
    unsure = trend.growth >= limit
    return Said(name, Verdict.INCONCLUSIVE if unsure else Verdict.PASS, said, samples=len(points))


def _knee(objective: LoadObjective, run: LoadRun) -> Said:
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
            return Said("knee", verdict, said + broken[0].sentence)
        held = phase.users_planned
    verdict = Verdict.PASS if held >= run.users else Verdict.INCONCLUSIVE
    return Said("knee", verdict, f"every limit held up to {held:,} users, the most there were")


PER_PHASE: dict[str, Callable[[_Asked], Said]] = {
    "requests_done": _done,
    "requests_failed": _failed,
    "longest_gap_seconds": _gap,
    "orders_per_minute": _orders,
    "payment_success": _payments,
}
PER_RUN: dict[str, Callable[[LoadRun, float], Said]] = {
    "recovery_seconds": _recovery,
    "growth_of_latency": _slower,
    "growth_of_memory": _larger,
}
