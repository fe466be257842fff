"""Latencies of an operation; the warm-up is not counted, and a wrong answer is a failure."""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gates.statistics import quantile_lower_bound, quantile_upper_bound
from suites.client import Answer
from suites.performance.busyness import WakeUpDelays, excused

WARM_UP = 5
# The numbers of samples after which P95 is judged; without a verdict, more samples are taken.
LOOKS = (20, 120, 240, 480)
P95 = 0.95
# Shoppers make orders and payments at the same time, so that many are measured at a time.
MEASURED_AT_A_TIME = 4
# An error probability of 5 % is shared by the looks. The first look can only fail: a pass needs 80
# samples.
CONFIDENCE = 1 - 0.05 / len(LOOKS)


def p95_problem(act: Callable[[int], Answer], *, limit: float, at_a_time: int = 1) -> str:
    """The problem of the P95 of an operation; empty when P95 is shown to be under the limit.

    Args:
        act: calls the operation once, and raises where the answer is wrong. Its argument is the
            number of the call, from 0 on; the numbers of the warm-up are negative.
        limit: the limit of P95, in seconds.
        at_a_time: how many calls are under way at a time.
    """
    for number in range(WARM_UP):
        act(-1 - number)
    seconds: list[float] = []
    for look in LOOKS:
        seconds += _timed(act, range(len(seconds), look), at_a_time)
        if quantile_lower_bound(seconds, P95, CONFIDENCE) >= limit:
            return f"P95 is over {limit} s: {_slow_samples(seconds, limit)}"
        if look > LOOKS[0] and quantile_upper_bound(seconds, P95, CONFIDENCE) < limit:
            return ""
    return f"inconclusive: P95 may be under or over {limit} s: {_slow_samples(seconds, limit)}"


def p95_problem_here(act: Callable[[int], Answer], *, limit: float, at_a_time: int = 1) -> str:
    """The problem of the P95 of an operation, or ``inconclusive`` where this machine was busy.

    Args:
        act: calls the operation once, as in ``p95_problem``.
        limit: the limit of P95, in seconds.
        at_a_time: how many calls are under way at a time.
    """
    seconds: list[float] = []

    def timed(number: int) -> Answer:
        answer = act(number)
        seconds.append(answer.seconds)
        return answer

    with WakeUpDelays() as delays:
        problem = p95_problem(timed, limit=limit, at_a_time=at_a_time)
    return excused(problem, statistics.median(seconds), delays.p95_seconds, limit)


def _slow_samples(seconds: list[float], limit: float) -> str:
    slow = sum(second >= limit for second in seconds)
    slowest = max(seconds)
    return (
        f"{slow} of {len(seconds)} samples took {limit:g} s or longer, the slowest {slowest:.3f} s"
    )


def _timed(act: Callable[[int], Answer], numbers: range, at_a_time: int) -> list[float]:
    with ThreadPoolExecutor(at_a_time) as pool:
        return [answer.seconds for answer in pool.map(act, numbers)]
