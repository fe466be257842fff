"""Judges each limit of a load run, and finds the number of users at which a limit is broken."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from gates.model import (
    ALL,
    TOTAL,
    Latency,
    LoadObjective,
    LoadPhase,
    LoadRun,
    Measured,
    Verdict,
)
from gates.statistics import chance_of_at_least, chance_of_at_most, trend_of

# The guide's throughput is for a thousand shoppers; with fewer, the minimum is smaller.
SHOPPERS = 1000
MAX_CHANCE = 0.05
# The limits that also apply to a phase in which late answers are accepted.
OF_ANSWERS = ("requests_done", "requests_failed", "longest_gap_seconds")
# A gap counts where at least this number of answers was due in the gap.
MIN_REQUESTS_IN_A_GAP = 10
MIN_READINGS = 20
# A run with at least this number of requests must contain each operation.
MIN_REQUESTS = 500


@dataclass(frozen=True, slots=True)
class LimitResult:
    """The result of one limit of a load run.

    Args:
        limit: the name of the limit.
        verdict: whether the load run met the limit.
        sentence: the reason of the verdict, with the measured numbers.
        measured: whether the limit could be measured.
        samples: the number of requests or measurements on which the verdict is based.
    """

    limit: str
    verdict: Verdict
    sentence: str
    measured: Measured = Measured.OK
    samples: int = 0


@dataclass(frozen=True, slots=True)
class _PhaseLimit:
    """One limit of one phase.

    Args:
        name: the limit's name.
        limit: the limit's value, in the unit of the limit.
        phase: the phase.
        run: the load run.
    """

    name: str
    limit: float
    phase: LoadPhase
    run: LoadRun


def conclude(
    objective: LoadObjective, run: LoadRun, judged: Sequence[LoadPhase]
) -> Iterator[LimitResult]:
    """Judge each limit by the phase with the worst result, or by the whole run.

    For a stress profile, also find the largest number of users with which every limit was met.

    Args:
        objective: the objective with the limits.
        run: the load run.
        judged: the phases of the run to which limits apply.
    """
    for name, limit in objective.limits.items():
        if name in PER_PHASE:
            answers = [
                PER_PHASE[name](_PhaseLimit(name, limit, phase, run))
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


def _badness(result: LimitResult) -> int:
    return (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL).index(result.verdict)


def _nothing(name: str) -> LimitResult:
    return LimitResult(
        name,
        Verdict.INCONCLUSIVE,
        f"{name}: the load run has too few measurements",
        Measured.NO_DATA,
    )


def _done(required: _PhaseLimit) -> LimitResult:
    """The ratio of correctly answered requests to due requests."""
    phase, total = required.phase, required.phase.operations.get(TOTAL)
    done = total.done if total else 0
    sentence = f"{done:,} of {phase.due:,} requests due in {phase.name} were answered correctly"
    if phase.unfinished:
        oldest = phase.oldest_unfinished_seconds
        sentence += (
            f", {phase.unfinished:,} were not finished and have waited for up to {oldest:.1f} s"
        )
    sentence += f"; at least {100 * required.limit:g} % are required"
    if not phase.due:
        return LimitResult(required.name, Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    if done >= required.limit * phase.due:
        return LimitResult(required.name, Verdict.PASS, sentence, samples=phase.due)
    few = phase.due * (1 - required.limit) < 1
    by_luck = few and chance_of_at_most(done, phase.due, required.limit) >= MAX_CHANCE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return LimitResult(required.name, verdict, sentence, samples=phase.due)


def _failed(required: _PhaseLimit) -> LimitResult:
    """The ratio of failed or unanswered requests to due requests."""
    phase, total = required.phase, required.phase.operations.get(TOTAL)
    bad = (total.failed if total else 0) + phase.unfinished
    why = max(required.run.reasons, key=lambda part: required.run.reasons[part], default="")
    sentence = (
        f"{bad:,} of {phase.due:,} requests due in {phase.name} failed or were not finished; "
        f"the ratio must be under {100 * required.limit:g} %"
        f"{f'; the most frequent reason: {why}' if bad and why else ''}"
    )
    if not phase.due:
        return LimitResult(required.name, Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    if bad / phase.due >= required.limit:
        few = phase.due * required.limit < 1
        by_luck = few and chance_of_at_least(bad, phase.due, required.limit) >= MAX_CHANCE
        verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
        return LimitResult(required.name, verdict, sentence, samples=phase.due)
    return LimitResult(required.name, Verdict.PASS, sentence, samples=phase.due)


def _gap(required: _PhaseLimit) -> LimitResult:
    phase = required.phase
    sentence = (
        f"the longest time without a correct answer in {phase.name} was "
        f"{phase.longest_gap_seconds:.1f} s; the time must be under {required.limit:g} s"
    )
    if phase.longest_gap_seconds < required.limit:
        return LimitResult(required.name, Verdict.PASS, sentence, samples=phase.due)
    in_a_gap = phase.due * required.limit / phase.seconds if phase.seconds else 0.0
    verdict = Verdict.FAIL if in_a_gap >= MIN_REQUESTS_IN_A_GAP else Verdict.INCONCLUSIVE
    return LimitResult(required.name, verdict, sentence, samples=phase.due)


def _orders(required: _PhaseLimit) -> LimitResult:
    """Judge the orders per minute; a deficit that chance may explain is inconclusive."""
    phase, orders = required.phase, required.phase.operations.get("place_order")
    done = orders.done if orders else 0
    minimum = required.limit * phase.users_planned / SHOPPERS
    a_minute = 60 * done / phase.seconds if phase.seconds else 0.0
    sentence = (
        f"{done:,} orders were placed in {phase.name}, {a_minute:.0f} a minute with "
        f"{phase.users_planned:,} users; at least {minimum:.0f} a minute are required"
    )
    if a_minute >= minimum and done:
        return LimitResult(required.name, Verdict.PASS, sentence, samples=done)
    total = phase.operations[TOTAL].done if TOTAL in phase.operations else 0
    share = minimum * phase.seconds / 60 / total if total else 1.0
    by_luck = share < 1 and chance_of_at_most(done, total, share) >= MAX_CHANCE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return LimitResult(required.name, verdict, sentence, samples=done)


def _payments(required: _PhaseLimit) -> LimitResult:
    phase, payments = required.phase, required.phase.operations.get("process_payment")
    done, failed = (payments.done, payments.failed) if payments else (0, 0)
    attempts = done + failed
    sentence = (
        f"{done:,} of {attempts:,} payments in {phase.name} succeeded; "
        f"the ratio must be over {100 * required.limit:g} %"
    )
    if not attempts:
        return LimitResult(required.name, Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    if done > required.limit * attempts:
        return LimitResult(required.name, Verdict.PASS, sentence, samples=attempts)
    by_luck = chance_of_at_most(done, attempts, required.limit) >= MAX_CHANCE
    verdict = Verdict.INCONCLUSIVE if by_luck else Verdict.FAIL
    return LimitResult(required.name, verdict, sentence, samples=attempts)


def _p95(operation: str, limit: float, phase: LoadPhase) -> LimitResult:
    """Judge the P95 by its confidence bounds.

    Without samples, the limit fails. In a small run, a rare operation is inconclusive instead.
    """
    name, latency = f"p95 {operation}", phase.operations.get(operation)
    if (
        latency is None
        or not latency.samples
        or latency.p95 is None
        or latency.p95_at_least is None
    ):
        sentence = (
            f"no request ({operation}) in {phase.name} was answered, "
            f"so the P95 cannot be under {limit:g} s"
        )
        total = phase.operations.get(TOTAL)
        rare = operation != TOTAL and total is not None and 0 < total.done < MIN_REQUESTS
        return LimitResult(
            name, Verdict.INCONCLUSIVE if rare else Verdict.FAIL, sentence, Measured.NO_DATA
        )
    sentence = (
        f"P95 of {operation} is {_seconds(latency.p95)} in {phase.name} ({_interval(latency)}, "
        f"from {latency.samples:,} samples); the P95 must be under {limit:g} s"
    )
    if latency.p95_at_least >= limit:
        verdict = Verdict.FAIL
    elif latency.p95_at_most is not None and latency.p95_at_most < limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.INCONCLUSIVE
    return LimitResult(name, verdict, sentence, samples=latency.samples)


def _interval(latency: Latency) -> str:
    upper = "unknown" if latency.p95_at_most is None else _seconds(latency.p95_at_most)
    return f"95 % confidence bounds: {_seconds(latency.p95_at_least or 0.0)} and {upper}"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _recovery(run: LoadRun, limit: float) -> LimitResult:
    name, seconds = "recovery_seconds", run.recovery_seconds
    if seconds is None:
        return _nothing(name)
    begins = next((n for n, phase in enumerate(run.phases) if phase.is_recovery), None)
    if begins is None:
        sentence = "no phase of the run is marked with is_recovery; run the profile again"
        return LimitResult(name, Verdict.INCONCLUSIVE, f"{name}: {sentence}", Measured.NO_DATA)
    seconds_after = sum(phase.seconds for phase in run.phases[begins:])
    if seconds >= seconds_after - 1:
        sentence = (
            f"responses were not correct and fast again in the {seconds_after:.0f} s after the "
            "spike"
        )
        return LimitResult(
            name, Verdict.FAIL, f"{sentence}; the recovery time must be under {limit:g} s"
        )
    sentence = f"responses were correct and fast again {seconds:.0f} s after the spike"
    verdict = Verdict.PASS if seconds < limit else Verdict.FAIL
    return LimitResult(name, verdict, f"{sentence}; the recovery time must be under {limit:g} s")


def _slower(run: LoadRun, limit: float) -> LimitResult:
    """Whether the median latency rises from one phase of the run to the next."""
    totals = [part.operations.get(TOTAL) for part in run.phases if part.judged == ALL]
    medians = [part.p50 for part in totals if part]
    points = [(float(at), p50) for at, p50 in enumerate(medians) if p50 is not None]
    return _growth("growth_of_latency", "the median latency", points, limit)


def _larger(run: LoadRun, limit: float) -> LimitResult:
    """Whether the target's memory rises during the whole run."""
    name = "growth_of_memory"
    if len(run.memory) < MIN_READINGS:
        readings = f"{len(run.memory)} measurements of the target's memory"
        sentence = (
            f"{name}: the run has {readings}, but at least {MIN_READINGS} are needed; the "
            "target may have been restarted"
        )
        return LimitResult(name, Verdict.INCONCLUSIVE, sentence, Measured.NO_DATA)
    return _growth(name, "the target's memory", list(run.memory), limit)


def _growth(
    name: str, quantity: str, points: list[tuple[float, float]], limit: float
) -> LimitResult:
    """Judge the trend of all values, and the change from the first values to the last values."""
    trend = trend_of(points)
    if trend is None:
        return _nothing(name)
    values, third = [value for _, value in points], max(1, len(points) // 3)
    late = max(values[-2:]) if len(points) < MIN_READINGS else median(values[-third:])
    jump = late / median(values[:third]) - 1
    sure = trend.p_value < MAX_CHANCE
    sentence = (
        f"{quantity} grew by {100 * trend.growth:.1f} % over the run, according to {len(points)} "
        f"measurements ({'chance does not explain' if sure else 'chance may explain'} the growth); "
        f"the change from the first values to the last values is {100 * jump:+.1f} %; "
        f"both must be under {100 * limit:g} %"
    )
    if jump >= limit or (trend.growth >= limit and sure):
        return LimitResult(name, Verdict.FAIL, sentence, samples=len(points))
    unsure = trend.growth >= limit
    return LimitResult(
        name, Verdict.INCONCLUSIVE if unsure else Verdict.PASS, sentence, samples=len(points)
    )


def _knee(objective: LoadObjective, run: LoadRun) -> LimitResult:
    """The highest number of users with which every limit was met, in a stress run."""
    users_within_limits = 0
    for phase in (part for part in run.phases if part.judged == ALL):
        answers = [
            PER_PHASE[name](_PhaseLimit(name, limit, phase, run))
            for name, limit in objective.limits.items()
            if name in PER_PHASE
        ] + [_p95(operation, limit, phase) for operation, limit in objective.p95.items()]
        broken = [part for part in answers if part.verdict is Verdict.FAIL]
        if broken:
            sentence = (
                f"every limit was met up to {users_within_limits:,} users; "
                f"with {phase.users_planned:,} users: "
            )
            verdict = Verdict.PASS if users_within_limits >= run.users else Verdict.FAIL
            return LimitResult("knee", verdict, sentence + broken[0].sentence)
        users_within_limits = phase.users_planned
    verdict = Verdict.PASS if users_within_limits >= run.users else Verdict.INCONCLUSIVE
    return LimitResult(
        "knee",
        verdict,
        f"every limit was met up to {users_within_limits:,} users, the largest number of the run",
    )


PER_PHASE: dict[str, Callable[[_PhaseLimit], LimitResult]] = {
    "requests_done": _done,
    "requests_failed": _failed,
    "longest_gap_seconds": _gap,
    "orders_per_minute": _orders,
    "payment_success": _payments,
}
PER_RUN: dict[str, Callable[[LoadRun, float], LimitResult]] = {
    "recovery_seconds": _recovery,
    "growth_of_latency": _slower,
    "growth_of_memory": _larger,
}
