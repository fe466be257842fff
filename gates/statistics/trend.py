"""Does a series rise?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import erfc, sqrt
from statistics import median

FEWEST = 4
MOST = 400


@dataclass(frozen=True, slots=True)
class Trend:
    """How a series rises.

    Args:
        growth: how much larger the fitted line ends than it begins, as a share of its beginning.
        chance: how likely a series without a trend rises as steadily, 0 to 1.
    """

    growth: float
    chance: float


def rising(points: Sequence[tuple[float, float]]) -> Trend | None:
    """How a series of readings rises; None from too few, or when it begins at nothing.

    Args:
        points: moments and readings; of more than 400, evenly chosen ones are looked at.

    Source: Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968)
    for the slope, the median of the slopes of all pairs; Mann, Nonparametric tests against trend,
    Econometrica 13 (1945), and Kendall, Rank Correlation Methods (1975), for the chance, with the
    continuity correction and without ties.
    """
    chosen = list(points)[:: 1 + len(points) // MOST]
    count = len(chosen)
    if count < FEWEST:
        return None
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(chosen, 2) if x2 != x1]
    if not slopes:
        return None
    slope = median(slopes)
    first, last = chosen[0][0], chosen[-1][0]
    begins = median(y - slope * (x - first) for x, y in chosen)
    if begins <= 0:  # a line through a jump may begin below nothing
        begins = min(y for _, y in chosen)
    if begins <= 0:
        return None
    steps = sum((y2 > y1) - (y2 < y1) for (_, y1), (_, y2) in combinations(chosen, 2))
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    chance = 0.5 * erfc((steps - 1) / spread / sqrt(2)) if steps > 0 else 1.0
    return Trend(growth=slope * (last - first) / begins, chance=chance)
