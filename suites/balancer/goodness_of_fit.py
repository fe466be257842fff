"""Test with Pearson's chi-square whether the traffic shares of two colours are as intended."""

from collections.abc import Mapping
from math import erfc, sqrt

# With a smaller expected number, the statistic does not have the chi-square distribution.
MIN_EXPECTED = 5


def chance_of_share(answers: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the p-value of the measured traffic shares.

    The statistic is the sum of (observed - expected)² / expected over both colours. With two
    colours, the statistic has one degree of freedom and is the square of a standard normal
    variable. So its upper tail is erfc(√(statistic / 2)).

    Args:
        answers: the number of responses of each colour.
        shares: the intended traffic share of each colour, strictly between 0 and 1; the sum is 1.

    Returns:
        The probability, from 0 to 1, that a balancer with the intended shares gives by chance a
        deviation at least as large as the measured deviation.

    Raises:
        ValueError: there are too few requests, the arguments do not have the same two colours, or
            the shares do not add up to 1.

    Source: K. Pearson, On the criterion that a given system of deviations …, Philosophical
    Magazine 50 (1900); NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.15.
    """
    if answers.keys() != shares.keys() or len(shares) != 2:  # noqa: PLR2004 - two colours
        raise ValueError(
            f"expected responses of the two colours {sorted(shares)}, got {sorted(answers)}"
        )
    if abs(sum(shares.values()) - 1) > 1e-9:  # noqa: PLR2004 - the noise of floating point
        raise ValueError(f"the shares {dict(shares)} do not add up to 1")
    total = sum(answers.values())
    expected = {colour: total * share for colour, share in shares.items()}
    if min(expected.values()) < MIN_EXPECTED:
        raise ValueError(
            f"{total} requests are too few for the shares {dict(shares)}: each colour needs at "
            f"least {MIN_EXPECTED} expected requests"
        )
    statistic = sum((answers[name] - expected[name]) ** 2 / expected[name] for name in expected)
    return erfc(sqrt(statistic / 2))
