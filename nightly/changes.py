"""Finds the change points of a series of nights, and whether the newest nights are slower."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

MIN_PART = 2
PERMUTATIONS = 199
SIGNIFICANCE = 0.01
# The number of nights that define the usual time, before newer nights can be slow.
MIN_USUAL_NIGHTS = 25
# By the number of newest nights: the smallest difference of their mean from the usual time, in
# standard errors. Set by simulation: tests/unit/test_nightly.py has the rates of false and missed
# alarms.
MIN_DIFFERENCE = {2: 3.6, 3: 3.6, 4: 3.5, 5: 3.35}
# By the number of newest nights: the largest range that is one level, and not a spike with its
# neighbours, in standard deviations. 99 % of a studentised range; Harter, Tables of range and
# studentized range, 1960.
MAX_RANGE = {2: 3.64, 3: 4.12, 4: 4.40, 5: 4.60}
# Winsorising: a value further out than this number of deviations is moved to that distance.
MAX_DEVIATIONS = 3.0
NORMAL_MAD = 1.4826
# The smallest spread that is assumed, as a share of the median.
MIN_SPREAD = 0.005


@dataclass(frozen=True, slots=True)
class Split:
    """The likeliest change point of a series.

    Args:
        at: the index of the first value after the change.
        strength: the scaled energy distance of the values before and after the change.
    """

    at: int
    strength: float


def best_split(values: Sequence[float] | Series) -> Split | None:
    """Find the likeliest change point of a series.

    Args:
        values: the values of the series, oldest first.

    Returns:
        The change point; None for a series that is too short for two parts.

    Source: Matteson and James, A nonparametric approach for multiple change point analysis of
    multivariate data, JASA 109 (2014), equations 5 to 7 with alpha = 1. The search covers
    all cuts, and all ends of the second part.
    """
    stretch = np.asarray(values, dtype=np.float64)
    count = len(stretch)
    if count < 2 * MIN_PART:
        return None
    distances = np.abs(stretch[:, None] - stretch[None, :])
    summed = np.zeros((count + 1, count + 1))
    summed[1:, 1:] = distances.cumsum(0).cumsum(1)
    cuts, ends = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    left, right = cuts.astype(np.float64), (ends - cuts).astype(np.float64)
    allowed = (left >= MIN_PART) & (right >= MIN_PART)
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
    """Find the change points of a series: split the series until chance explains the best split.

    Args:
        values: one value for each night, oldest first.
        seed: the seed of the permutations.

    Returns:
        The indices of the first value after each change, ascending.

    Source: E-divisive, Matteson and James (2014), section 2.3: the best split of all parts is
    compared with the best splits of the same values in a random order within their parts.
    """
    series = np.asarray(values, dtype=np.float64)
    dice = np.random.default_rng(seed)
    changes: list[int] = []
    while True:
        ends = [0, *sorted(changes), len(series)]
        stretches = [series[start:end] for start, end in pairwise(ends)]
        candidates = [
            (split.strength, start + split.at)
            for start, stretch in zip(ends, stretches, strict=False)
            if (split := best_split(stretch))
        ]
        if not candidates:
            return sorted(changes)
        strength, at = max(candidates)
        as_strong = sum(_by_chance(stretches, dice) >= strength for _ in range(PERMUTATIONS))
        if (as_strong + 1) / (PERMUTATIONS + 1) > SIGNIFICANCE:
            return sorted(changes)
        changes.append(at)


def _by_chance(stretches: list[Series], dice: np.random.Generator) -> float:
    """Return the strength of the best split of the same values in a random order."""
    splits = (best_split(dice.permutation(stretch)) for stretch in stretches)
    return max((split.strength for split in splits if split), default=0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """A slowdown of the newest nights against the nights before.

    Args:
        at: the index of the first slow night.
        share: the slowdown as a share of the usual time; 0.2 means 20 % slower.
    """

    at: int
    share: float


def slower_since(values: Sequence[float], tolerance: float) -> Step | None:
    """Find out whether the newest two to five nights are slower than the nights before.

    The times of the newest nights must also be close to each other.

    One slow night is not yet a step: the machine may be the reason. The usual time is the mean of
    the nights before. Their values are winsorised, so that spikes do not change the mean.

    Args:
        values: one value for each night, oldest first.
        tolerance: the accepted slowdown, as a share of the usual time.

    Returns:
        The step with the fewest nights; None without a step, or with too few nights before.

    Source: a Shewhart chart of subgroups (Shewhart, Economic Control of Quality, 1931) over
    several lengths at once; winsorising by the median absolute deviation as in Huber, Robust
    Statistics (1981), section 5.
    """
    series = np.asarray(values, dtype=np.float64)
    for nights, min_difference in MIN_DIFFERENCE.items():
        before, newest = series[:-nights], series[-nights:]
        if len(before) < MIN_USUAL_NIGHTS:
            return None
        middle = float(np.median(before))
        deviation = NORMAL_MAD * float(np.median(np.abs(before - middle)))
        reach = MAX_DEVIATIONS * max(deviation, MIN_SPREAD * middle)
        usual = np.clip(before, middle - reach, middle + reach)
        spread = max(float(usual.std(ddof=1)), MIN_SPREAD * middle)
        error = spread * float(np.sqrt(1 / nights + 1 / len(before)))
        above = float(newest.mean() - usual.mean())
        apart = float(newest.max() - newest.min())
        share = above / float(usual.mean())
        is_level = apart <= MAX_RANGE[nights] * spread
        if above > min_difference * error and is_level and share > tolerance:
            return Step(at=len(series) - nights, share=share)
    return None
