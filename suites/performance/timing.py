"""Wall times of an operation: warm-up discarded, a wrong answer is a failure and no sample."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gates.statistics import quantile_lower_bound, quantile_upper_bound
from suites.client import Answer

WARM_UP = 5
# A look when so many samples are there; those that end in neither verdict lead to the next.
LOOKS = (20, 120, 240, 480)
P95 = 0.95
# Orders and payments, which shoppers make side by side, are measured so many at a time.
AT_ONCE = 4
# 5 % for being wrong, shared over the looks. The first can only fail: 80 samples bear a pass.
CERTAIN = 1 - 0.05 / len(LOOKS)


def p95_problem(act: Callable[[int], Answer], *, limit: float, at_once: int = 1) -> str:
    """What is wrong with the P95 of an act, or an empty text when it is shown to be within limits.

    Args:
        act: does one, given its number from 0 on; raises when the answer is wrong. The warm-up's
            numbers are negative.
        limit: what P95 must stay under, in seconds.
        at_once: how many are under way at a time.
    """
    for number in range(WARM_UP):
        act(-1 - number)
    seconds: list[float] = []
    for look in LOOKS:
        seconds += _timed(act, range(len(seconds), look), at_once)
        if quantile_lower_bound(seconds, P95, CERTAIN) >= limit:
            return f"P95 is over {limit} s: {_seen(seconds, limit)}"
        if look > LOOKS[0] and quantile_upper_bound(seconds, P95, CERTAIN) < limit:
            return ""
    return f"inconclusive: P95 may be under or over {limit} s: {_seen(seconds, limit)}"


def _seen(seconds: list[float], limit: float) -> str:
    slow = sum(second >= limit for second in seconds)
    return f"{slow} of {len(seconds)} samples took that long, the slowest {max(seconds):.3f} s"


def _timed(act: Callable[[int], Answer], numbers: range, at_once: int) -> list[float]:
    with ThreadPoolExecutor(at_once) as pool:
        return [answer.seconds for answer in pool.map(act, numbers)]
