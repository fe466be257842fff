"""Pearson's chi-square test of goodness of fit, for the requests that two colours answered."""

from collections.abc import Mapping
from math import erfc, sqrt

# Below this expected number the distribution of the statistic is not the chi-square distribution.
MIN_EXPECTED = 5


def chance_of_share(answers: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How probable a share at least as uneven as the measured one is, from 0 to 1.

    The statistic is the sum of (observed - expected)² / expected over both colours. With two
    colours it has one degree of freedom, and it is the square of a standard normal variable: its
    upper tail is erfc(√(statistic / 2)).

    Args:
        answers: the number of answers of each colour.
        shares: the intended share of each colour, strictly between 0 and 1; the sum is 1.

    Raises:
        ValueError: there are too few requests, not two colours, or a share that is no share.

    Source: K. Pearson, On the criterion that a given system of deviations …, Philosophical
    Magazine 50 (1900); NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.15.
    """
    if answers.keys() != shares.keys() or len(shares) != 2:  # noqa: PLR2004 - two colours
        raise ValueError(f"expected answers of {sorted(shares)}, got {sorted(answers)}")
    if abs(sum(shares.values()) - 1) > 1e-9:  # noqa: PLR2004 - the noise of floating point
        raise ValueError(f"the shares {dict(shares)} do not add up to 1")
    total = sum(answers.values())
    expected = {colour: total * share for colour, share in shares.items()}
    if min(expected.values()) < MIN_EXPECTED:
        raise ValueError(f"{total} requests are too few for the shares {dict(shares)}")
    statistic = sum((answers[name] - expected[name]) ** 2 / expected[name] for name in expected)
    return erfc(sqrt(statistic / 2))
