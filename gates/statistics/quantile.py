"""Computes confidence bounds of a quantile from sorted samples (order statistics)."""

from collections.abc import Callable, Sequence
from math import inf

from gates.statistics.binomial import chance_of_at_least


def quantile_ranks(count: int, quantile: float, confidence: float) -> tuple[int, int]:
    """Return the ranks of the samples that bound a quantile from below and from above.

    The number of samples below the true quantile is binomial, whatever the distribution is. The
    upper rank is the smallest k for which P(fewer than k samples are below the quantile) reaches
    the confidence. The lower rank is the largest k for which P(k samples or more are below the
    quantile) reaches the confidence. An upper bound of P95 at 95 % confidence needs 59 samples.
    With 93 or more samples, this bound is below the largest sample, so that one outlier cannot set
    the bound.

    Args:
        count: the number of independent samples.
        quantile: the quantile, such as 0.95, strictly between 0 and 1.
        confidence: the confidence of each bound, such as 0.95, strictly between 0 and 1.

    Returns:
        The lower and the upper rank, from 1 for the smallest sample. A rank is 0 where there are
        too few samples for the bound.

    Source: David and Nagaraja, Order Statistics (2003), section 7.1: distribution-free
    confidence bounds of quantiles.
    """
    lower = _first(count, lambda rank: chance_of_at_least(rank, count, quantile) < confidence) - 1
    upper = _first(count, lambda rank: 1 - chance_of_at_least(rank, count, quantile) >= confidence)
    return lower, upper if upper <= count else 0


def _first(count: int, holds: Callable[[int], bool]) -> int:
    """Return the first rank from which on a condition is true; ``count + 1`` where none is."""
    low, high = 1, count + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def quantile_upper_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """Return the upper confidence bound of a quantile, which is one of the samples.

    Args:
        values: independent samples, in any unit.
        quantile: the quantile, such as 0.95, strictly between 0 and 1.
        confidence: the confidence of the bound, such as 0.95, strictly between 0 and 1.

    Returns:
        The bound, in the samples' unit.

    Raises:
        ValueError: there are too few samples for a bound.

    Source: see ``quantile_ranks``.
    """
    _, rank = quantile_ranks(len(values), quantile, confidence)
    if not rank:
        raise ValueError(
            f"{len(values)} samples are too few for an upper bound of this quantile; "
            "measure more samples"
        )
    return sorted(values)[rank - 1]


def quantile_lower_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """Return the lower confidence bound of a quantile, which is one of the samples.

    Args:
        values: independent samples, in any unit.
        quantile: the quantile, such as 0.95, strictly between 0 and 1.
        confidence: the confidence of the bound, such as 0.95, strictly between 0 and 1.

    Returns:
        The bound, in the samples' unit; minus infinity where there are too few samples.

    Source: see ``quantile_ranks``.
    """
    rank, _ = quantile_ranks(len(values), quantile, confidence)
    return sorted(values)[rank - 1] if rank else -inf
