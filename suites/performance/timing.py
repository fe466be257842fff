"""Wall times of an operation: warm-up discarded, a wrong answer is a failure and no sample."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from suites.client import Answer

WARM_UP = 5


def timed(act: Callable[[int], Answer], samples: int) -> list[float]:
    """Seconds of each of so many acts, one after the other.

    Args:
        act: does one, given its number; raises when the answer is wrong.
        samples: how many count; WARM_UP more go before.
    """
    for number in range(WARM_UP):
        act(-1 - number)
    return [act(number).seconds for number in range(samples)]


def timed_at_once(act: Callable[[int], Answer], samples: int, at_once: int) -> list[float]:
    """Seconds of each of so many acts, so many at once."""
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(act, range(samples)))
    return [answer.seconds for answer in answers]
