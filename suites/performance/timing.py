"""Measures latencies of an operation; the first requests warm the store up, and are not counted."""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gates.statistics import quantile_lower_bound, quantile_upper_bound
from suites.client import Answer
from suites.performance.busyness import WakeUpDelays, excuse
from suites.problem import Problem

WARM_UP = 5
# The numbers of samples after which P95 is judged. Without a result, more samples are taken.
LOOKS = (20, 120, 240, 480)
P95 = 0.95
# Shoppers make orders and payments at the same time, so that many requests are measured at a time.
MEASURED_AT_A_TIME = 4
# The judgements share an error probability of 5 %. The first judgement can only fail: a pass needs
# 80 samples.
CONFIDENCE = 1 - 0.05 / len(LOOKS)


def p95_problem(
    act: Callable[[int], Answer], *, limit: float, at_a_time: int = 1
) -> Problem | None:
    """Compare the P95 of the latency of an operation with its limit.

    Args:
        act: a function that sends one request, and raises an error for a wrong response. Its
            argument is the number of the request: from 0 on, or negative in the warm-up.
        limit: the limit of P95, in seconds.
        at_a_time: the number of requests that are under way at a time.

    Returns:
        The problem; None if P95 is under the limit with the required confidence. The problem is
        inconclusive if the samples prove neither.
    """
    for number in range(WARM_UP):
        act(-1 - number)
    seconds: list[float] = []
    for look in LOOKS:
        seconds += _timed(act, range(len(seconds), look), at_a_time)
        if quantile_lower_bound(seconds, P95, CONFIDENCE) >= limit:
            return Problem(f"P95 is over the limit of {limit} s: {_slow_samples(seconds, limit)}")
        if look > LOOKS[0] and quantile_upper_bound(seconds, P95, CONFIDENCE) < limit:
            return None
    slow = _slow_samples(seconds, limit)
    return Problem(f"P95 may be under or over the limit of {limit} s: {slow}", is_inconclusive=True)


def p95_problem_here(
    act: Callable[[int], Answer], *, limit: float, at_a_time: int = 1
) -> Problem | None:
    """Compare an operation's P95 with its limit; on a busy machine, a problem is inconclusive.

    Args:
        act: a function that sends one request, as in ``p95_problem``.
        limit: the limit of P95, in seconds.
        at_a_time: the number of requests that are under way at a time.

    Returns:
        The problem, as ``p95_problem`` returns it; an inconclusive problem if this machine may be
        the cause.
    """
    seconds: list[float] = []

    def timed(number: int) -> Answer:
        answer = act(number)
        seconds.append(answer.seconds)
        return answer

    with WakeUpDelays() as delays:
        problem = p95_problem(timed, limit=limit, at_a_time=at_a_time)
    if problem is None:
        return None
    return excuse(problem, statistics.median(seconds), delays.p95_seconds, limit)


def _slow_samples(seconds: list[float], limit: float) -> str:
    slow = sum(second >= limit for second in seconds)
    slowest = max(seconds)
    return (
        f"{slow} of {len(seconds)} samples took {limit:g} s or longer, and the slowest sample took "
        f"{slowest:.3f} s"
    )


def _timed(act: Callable[[int], Answer], numbers: range, at_a_time: int) -> list[float]:
    with ThreadPoolExecutor(at_a_time) as pool:
        return [answer.seconds for answer in pool.map(act, numbers)]
