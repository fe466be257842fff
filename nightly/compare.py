"""Two arms of one night compared: the ratio of their quantiles, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rounds = NDArray[np.float64]

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long one arm took as another.

    Args:
        value: the ratio.
        at_least: its lower confidence bound.
        at_most: its upper one.
        surely_more: the lower confidence bound of the difference, seconds.
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
    """The ratio of a quantile in two arms, with 95 % bootstrap intervals over whole rounds.

    Rounds, not single requests, are drawn with replacement, and both arms' rounds together: what
    slowed down a whole round slowed down both.

    Args:
        arm: seconds, one row a round, all of one length.
        baseline: the same of the other arm, in the same rounds.
        quantile: such as 0.95.
        seed: of the draws.

    Raises:
        ValueError: the arms are not of the same number of rounds, or of fewer than two.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3 (percentile
    interval) and 8.6 (resampling blocks of dependent data).
    """
    ours, theirs = np.asarray(arm, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    count = len(ours)
    if count != len(theirs) or count < 2:  # noqa: PLR2004 - one round has no spread
        raise ValueError(f"{count} rounds against {len(theirs)}: not comparable")
    drawn = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    our_quantiles = _quantiles(ours, drawn, quantile)
    their_quantiles = _quantiles(theirs, drawn, quantile)
    ratios = our_quantiles / their_quantiles
    tail = 100 * (1 - CONFIDENCE) / 2
    lower, upper = np.percentile(ratios, [tail, 100 - tail])
    value = np.quantile(ours, quantile) / np.quantile(theirs, quantile)
    surely_more = np.percentile(our_quantiles - their_quantiles, tail)
    return Ratio(float(value), float(lower), float(upper), float(surely_more))


def _quantiles(rounds: Rounds, drawn: NDArray[np.int64], quantile: float) -> Rounds:
    pooled = rounds[drawn].reshape(len(drawn), -1)
    return np.asarray(np.quantile(pooled, quantile, axis=1), dtype=np.float64)
