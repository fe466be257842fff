"""What a quantile is at most and at least, from order statistics."""

from collections.abc import Sequence
from math import inf

from gates.statistics.binomial import chance_of_at_least


def quantile_upper_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """The smallest sample that the quantile does not exceed, at the given confidence.

    The number of samples under the true quantile is binomial, whatever the distribution; the
    bound is the k-th smallest sample where P(fewer than k under the quantile) reaches the
    confidence. 59 samples are the least for P95 at 95 %; 93 bear one outlier.

    Args:
        values: independent samples, any unit.
        quantile: such as 0.95, strictly between 0 and 1.
        confidence: such as 0.95, strictly between 0 and 1.

    Returns:
        The bound, in the samples' unit.

    Raises:
        ValueError: too few samples for any bound.

    Source: David and Nagaraja, Order Statistics (2003), section 7.1: distribution-free
    confidence bounds of quantiles.
    """
    ordered = sorted(values)
    count = len(ordered)
    if count == 0 or quantile**count > 1 - confidence:
        raise ValueError(f"{count} samples are too few to bound this quantile")
    rank = count
    while rank > 1 and 1 - chance_of_at_least(rank - 1, count, quantile) >= confidence:
        rank -= 1
    return ordered[rank - 1]


def quantile_lower_bound(values: Sequence[float], quantile: float, confidence: float) -> float:
    """The largest sample that the quantile is not under, at the given confidence.

    The k-th smallest sample, for the largest k where P(k or more under the quantile) reaches the
    confidence; minus infinity where even the smallest sample says too little.

    Args:
        values: independent samples, any unit.
        quantile: such as 0.95, strictly between 0 and 1.
        confidence: such as 0.95, strictly between 0 and 1.

    Source: as ``quantile_upper_bound``.
    """
    ordered = sorted(values)
    rank = 0
    while rank < len(ordered) and (
        chance_of_at_least(rank + 1, len(ordered), quantile) >= confidence
    ):
        rank += 1
    return ordered[rank - 1] if rank else -inf
