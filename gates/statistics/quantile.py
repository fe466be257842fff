"""What a quantile is at most and at least, from order statistics."""

from collections.abc import Callable, Sequence
from math import inf

from gates.statistics.binomial import chance_of_at_least


def quantile_ranks(count: int, quantile: float, confidence: float) -> tuple[int, int]:
    """Which of so many samples, in ascending order, bound a quantile from below and from above.

    The number of samples under the true quantile is binomial, whatever the distribution. The
    upper rank is the smallest k where P(fewer than k under the quantile) reaches the confidence,
    the lower the largest k where P(k or more under it) does. 59 samples are the least for an
    upper bound of P95 at 95 %; 93 bear one outlier.

    Args:
        count: how many independent samples there are.
        quantile: such as 0.95, strictly between 0 and 1.
        confidence: of each bound, such as 0.95, strictly between 0 and 1.

    Returns:
        The lower and the upper rank, counted from 1; 0 where there are too few samples for one.

    Source: David and Nagaraja, Order Statistics (2003), section 7.1: distribution-free
    confidence bounds of quantiles.
    """
    lower = _first(count, lambda rank: chance_of_at_least(rank, count, quantile) < confidence) - 1
    upper = _first(count, lambda rank: 1 - chance_of_at_least(rank, count, quantile) >= confidence)
    return lower, upper if upper <= count else 0


def _first(count: int, holds: Callable[[int], bool]) -> int:
    """The first rank from 1 for which something holds, as for all after; else count + 1."""
    low, high = 1, count + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def quantile_upper_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """The smallest sample that the quantile does not exceed, at the given confidence.

    Args:
        values: independent samples, any unit.
        quantile: such as 0.95, strictly between 0 and 1.
        confidence: such as 0.95, strictly between 0 and 1.

    Returns:
        The bound, in the samples' unit.

    Raises:
        ValueError: too few samples for any bound.

    Source: as ``quantile_ranks``.
    """
    _, rank = quantile_ranks(len(values), quantile, confidence)
    if not rank:
        raise ValueError(f"{len(values)} samples are too few to bound this quantile")
    return sorted(values)[rank - 1]


def quantile_lower_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """The largest sample that the quantile is not under; minus infinity from too few samples.

    Arguments and source as ``quantile_upper_bound``.
    """
    rank, _ = quantile_ranks(len(values), quantile, confidence)
    return sorted(values)[rank - 1] if rank else -inf
