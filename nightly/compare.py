"""Compares two arms of one night: the ratio of their quantiles, with confidence bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rounds = NDArray[np.float64]

RESAMPLES = 1000
MIN_ROUNDS = 2
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """The response time of one arm, divided by the response time of another arm.

    Args:
        value: the ratio.
        at_least: the lower 95 % confidence bound of the ratio.
        at_most: the upper 95 % confidence bound of the ratio.
        surely_more: the lower 95 % confidence bound of the difference, in seconds.
    """

    value: float
    at_least: float
    at_most: float
    surely_more: float


def ratio(
    arm: Sequence[Sequence[float]],
    baseline: Sequence[Sequence[float]],
    quantile: float,
    seed: int = 0,
) -> Ratio:
    """Estimate the ratio of a quantile in two arms, with 95 % confidence bounds by the bootstrap.

    The bootstrap draws whole rounds with replacement, and the same rounds for both arms. A slow
    moment of the machine affects a whole round of both arms.

    Args:
        arm: response times in seconds, one row for each round; all rows have the same length.
        baseline: the response times of the other arm in the same rounds.
        quantile: the quantile, such as 0.95.
        seed: the seed of the draws.

    Raises:
        ValueError: the arms have different numbers of rounds, or fewer than two.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3 (percentile
    interval) and 8.6 (resampling blocks of dependent data).
    """
    times, base_times = (np.asarray(rounds, dtype=np.float64) for rounds in (arm, baseline))
    count = len(times)
    if count != len(base_times) or count < MIN_ROUNDS:
        raise ValueError(
            f"{count} rounds of an arm and {len(base_times)} of the baseline are not comparable: "
            f"expected the same number, {MIN_ROUNDS} or more"
        )
    drawn = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    quantiles = _quantiles(times, drawn, quantile)
    base_quantiles = _quantiles(base_times, drawn, quantile)
    ratios = quantiles / base_quantiles
    tail = 100 * (1 - CONFIDENCE) / 2
    lower, upper = np.percentile(ratios, [tail, 100 - tail])
    value = np.quantile(times, quantile) / np.quantile(base_times, quantile)
    surely_more = np.percentile(quantiles - base_quantiles, tail)
    return Ratio(float(value), float(lower), float(upper), float(surely_more))


def _quantiles(rounds: Rounds, drawn: NDArray[np.int64], quantile: float) -> Rounds:
    pooled = rounds[drawn].reshape(len(drawn), -1)
    return np.asarray(np.quantile(pooled, quantile, axis=1), dtype=np.float64)
