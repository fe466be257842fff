"""Change points of a series, and whether its newest nights are slower than those before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

FEWEST = 2
PERMUTATIONS = 199
SIGNIFICANT = 0.01
# Nights that say what is usual, before newer ones can be called slow.
USUAL = 25
# For so many newest nights: how far their mean must be above, in standard errors; and how far they
# may lie apart, in standard deviations, to be one level and not a spike and its neighbours (99 %
# of a studentised range; Harter, Tables of range and studentized range, 1960). The first are set
# by simulation: tests/unit/test_nightly.py has the rates of false and of missed alarms.
SURELY = {2: 3.6, 3: 3.6, 4: 3.5, 5: 3.35}
ONE_LEVEL = {2: 3.64, 3: 4.12, 4: 4.40, 5: 4.60}
# Winsorising: what lies further out than so many deviations counts as lying there.
OUTLYING = 3.0
NORMAL_MAD = 1.4826
# Timings closer than this are alike, however steady they were.
LEAST_SPREAD = 0.005


@dataclass(frozen=True, slots=True)
class Split:
    """The likeliest change point of a stretch.

    Args:
        at: the index of the first value after it.
        strength: the scaled energy distance of what is before and after.
    """

    at: int
    strength: float


def best_split(values: Sequence[float] | Series) -> Split | None:
    """Where a series changes most, if anywhere; None for one too short to have two parts.

    Source: Matteson and James, A nonparametric approach for multiple change point analysis of
    multivariate data, JASA 109 (2014), equations 5 to 7 with alpha = 1: over all cuts, and all
    ends of the second part.
    """
    stretch = np.asarray(values, dtype=np.float64)
    count = len(stretch)
    if count < 2 * FEWEST:
        return None
    distances = np.abs(stretch[:, None] - stretch[None, :])
    summed = np.zeros((count + 1, count + 1))
    summed[1:, 1:] = distances.cumsum(0).cumsum(1)
    cuts, ends = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    left, right = cuts.astype(np.float64), (ends - cuts).astype(np.float64)
    allowed = (left >= FEWEST) & (right >= FEWEST)
    within_left = summed[cuts, cuts]
    between = summed[cuts, ends] - within_left
    within_right = summed[ends, ends] - 2 * summed[cuts, ends] + within_left
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = (
            2 * between / (left * right)
            - within_left / (left * (left - 1))
            - within_right / (right * (right - 1))
        )
        strengths = np.where(allowed, left * right / (left + right) * energy, -np.inf)
    cut, end = np.unravel_index(int(strengths.argmax()), strengths.shape)
    return Split(at=int(cut), strength=float(strengths[cut, end]))


def change_points(values: Sequence[float], seed: int = 0) -> list[int]:
    """The change points of a series: hierarchical division while chance does not explain a split.

    Args:
        values: one a night, oldest first.
        seed: of the permutations.

    Returns:
        Ascending indices of the first value after each change.

    Source: E-divisive, Matteson and James (2014), section 2.3: the best split of all stretches is
    held against those of the same values in a random order within their stretches.
    """
    series = np.asarray(values, dtype=np.float64)
    dice = np.random.default_rng(seed)
    found: list[int] = []
    while True:
        ends = [0, *sorted(found), len(series)]
        stretches = [series[start:end] for start, end in pairwise(ends)]
        candidates = [
            (split.strength, start + split.at)
            for start, stretch in zip(ends, stretches, strict=False)
            if (split := best_split(stretch))
        ]
        if not candidates:
            return sorted(found)
        strength, at = max(candidates)
        as_strong = sum(_by_chance(stretches, dice) >= strength for _ in range(PERMUTATIONS))
        if (as_strong + 1) / (PERMUTATIONS + 1) > SIGNIFICANT:
            return sorted(found)
        found.append(at)


def _by_chance(stretches: list[Series], dice: np.random.Generator) -> float:
    """The strongest split of the same values in a random order."""
    splits = (best_split(dice.permutation(stretch)) for stretch in stretches)
    return max((split.strength for split in splits if split), default=0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """The newest nights are slower than those before.

    Args:
        at: the index of the first slow night.
        share: how much slower, as a share.
    """

    at: int
    share: float


def slower_since(values: Sequence[float], tolerance: float) -> Step | None:
    """Whether the newest two to five nights lie above the nights before them, as one level.

    One slow night is not yet a step: it may be the machine's. What is usual is taken from the
    nights before, winsorised so that spikes among them neither widen nor raise it.

    Args:
        values: one a night, oldest first.
        tolerance: how much slower is accepted, as a share.

    Returns:
        The shortest such step; None without one, or with too few nights to know what is usual.

    Source: a Shewhart chart of subgroups (Shewhart, Economic Control of Quality, 1931) over
    several lengths at once; winsorising by the median absolute deviation as in Huber, Robust
    Statistics (1981), section 5.
    """
    series = np.asarray(values, dtype=np.float64)
    for nights, surely in SURELY.items():
        before, newest = series[:-nights], series[-nights:]
        if len(before) < USUAL:
            return None
        middle = float(np.median(before))
        deviation = NORMAL_MAD * float(np.median(np.abs(before - middle)))
        reach = OUTLYING * max(deviation, LEAST_SPREAD * middle)
        usual = np.clip(before, middle - reach, middle + reach)
        spread = max(float(usual.std(ddof=1)), LEAST_SPREAD * middle)
        error = spread * float(np.sqrt(1 / nights + 1 / len(before)))
        above = float(newest.mean() - usual.mean())
        apart = float(newest.max() - newest.min())
        share = above / float(usual.mean())
        if above > surely * error and apart <= ONE_LEVEL[nights] * spread and share > tolerance:
            return Step(at=len(series) - nights, share=share)
    return None
