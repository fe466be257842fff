"""Computes whether a series of measured values rises, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import erfc, sqrt
from statistics import median

MIN_READINGS = 4
MAX_READINGS = 400


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of a series of measured values.

    Args:
        growth: the rise of the fitted line from the first to the last moment, divided by the
            line's first value; 0.1 means 10 %.
        p_value: the probability that a series without a trend rises at least as steadily.
    """

    growth: float
    p_value: float


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """Fit a line to a series of measured values, and test whether the values rise.

    Args:
        points: the moment and the value of each measurement, in order of time. Of more than 400
            measurements, only every second or every n-th measurement is used.

    Returns:
        The trend; None where fewer than 4 values are used, where all moments are equal, or where
        both the line's first value and the smallest value are 0 or less.

    Source: Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968)
    for the slope, the median of the slopes of all pairs; Mann, Nonparametric tests against trend,
    Econometrica 13 (1945), and Kendall, Rank Correlation Methods (1975), for the p-value, with the
    continuity correction and without ties.
    """
    sampled = list(points)[:: 1 + len(points) // MAX_READINGS]
    count = len(sampled)
    if count < MIN_READINGS:
        return None
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(sampled, 2) if x2 != x1]
    if not slopes:
        return None
    slope = median(slopes)
    first, last = sampled[0][0], sampled[-1][0]
    first_value = median(y - slope * (x - first) for x, y in sampled)
    if first_value <= 0:  # a line through a jump may begin below 0
        first_value = min(y for _, y in sampled)
    if first_value <= 0:
        return None
    steps = sum((y2 > y1) - (y2 < y1) for (_, y1), (_, y2) in combinations(sampled, 2))
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    p_value = 0.5 * erfc((steps - 1) / spread / sqrt(2)) if steps > 0 else 1.0
    return Trend(growth=slope * (last - first) / first_value, p_value=p_value)
